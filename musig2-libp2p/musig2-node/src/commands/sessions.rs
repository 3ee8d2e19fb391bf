//! `musig2-node sessions`: a running daemon's sessions.

use crate::console::Console;
use crate::daemon::client::{SocketArgs, ask};
use crate::failure::Failure;
use crate::model::words::Request;
use clap::Args;

/// List a running daemon's sessions, or show one in full
///
/// Includes sessions that ended recently (`results` lists all). Shows which signers have joined,
/// whose nonces and partial signatures have arrived, which signers are awaited, and how much time
/// is left. For one SESSION: each signer's key and state, the messages, the keys that sign them,
/// the memo, and who proposed it and when.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node sessions
  musig2-node sessions 3fa41c20")]
pub(crate) struct SessionsArgs {
    /// The id of one session, or the beginning of it
    #[arg(value_name = "SESSION")]
    session: Option<String>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command.
pub(crate) fn run(args: &SessionsArgs, console: &Console) -> Result<(), Failure> {
    ask(&args.socket, &Request::Sessions { session: args.session.clone() }, console)
}
