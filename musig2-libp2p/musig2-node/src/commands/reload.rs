//! `musig2-node reload`: have a running daemon read its policy again.

use crate::console::Console;
use crate::daemon::client::{SocketArgs, ask};
use crate::failure::Failure;
use crate::model::words::Request;
use clap::Args;

/// Have a running daemon read its policy and labels again
///
/// As SIGHUP does: `[policy]` and `[signers]` of its configuration, `policy_file` included, hold
/// from then on for what is proposed; sessions that it has joined go on. If anything in the file is
/// wrong, that is told and the former policy holds. Settings that need a restart are named if they
/// have changed.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ReloadArgs, console: &Console) -> Result<(), Failure> {
    ask(&args.socket, &Request::Reload, console)
}
