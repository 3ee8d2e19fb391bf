//! `musig2-node status`: how a running daemon is.

use crate::console::Console;
use crate::daemon::client::{SocketArgs, ask};
use crate::failure::Failure;
use crate::model::words::Request;
use clap::Args;

/// Show the state of a running daemon
///
/// Prints its public key, its addresses, the peers that it is connected to, and how many sessions
/// are open.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command.
pub(crate) fn run(args: &StatusArgs, console: &Console) -> Result<(), Failure> {
    ask(&args.socket, &Request::Status, console)
}
