//! `musig2-node sessions`: a running daemon's sessions.

use crate::console::Console;
use crate::daemon::client::{SocketArgs, ask};
use crate::failure::Failure;
use crate::model::words::Request;
use clap::Args;

/// List a running daemon's sessions, or show one in full
///
/// Those that ended a short while ago included (`results` lists all): who has joined, whose nonces
/// and partial signatures are there, who is awaited, how much time is left. Of one SESSION: each
/// signer's key and state, the messages, the keys that sign them, the memo, who proposed it and
/// when.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node sessions
  musig2-node sessions 3fa41c20")]
pub(crate) struct SessionsArgs {
    /// One session, or how its name begins
    #[arg(value_name = "SESSION")]
    session: Option<String>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command.
pub(crate) fn run(args: &SessionsArgs, console: &Console) -> Result<(), Failure> {
    ask(&args.socket, &Request::Sessions { session: args.session.clone() }, console)
}
