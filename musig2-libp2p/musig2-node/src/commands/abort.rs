//! `musig2-node abort`: end a running daemon's part in a session.

use crate::console::Console;
use crate::daemon::client::{SocketArgs, ask};
use crate::failure::Failure;
use crate::model::words::Request;
use clap::Args;

/// End a running daemon's part in a session
///
/// Tells the other signers. This revokes nothing: partial signatures that this node has released
/// cannot be taken back, and the others may still finish.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node abort 3fa41c20 --reason \"wrong amount\"")]
pub(crate) struct AbortArgs {
    /// The session's id, or the beginning of it
    #[arg(value_name = "SESSION")]
    session: String,
    /// The reason to give the other signers
    #[arg(long, value_name = "TEXT", default_value = "aborted by the operator")]
    reason: String,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command.
pub(crate) fn run(args: &AbortArgs, console: &Console) -> Result<(), Failure> {
    let request = Request::Abort { session: args.session.clone(), reason: args.reason.clone() };
    ask(&args.socket, &request, console)
}
