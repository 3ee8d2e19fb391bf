//! `musig2-node reload`: have a running daemon read its policy again.

use crate::console::Console;
use crate::daemon::client::{SocketArgs, ask};
use crate::failure::Failure;
use crate::model::words::Request;
use clap::Args;

/// Make a running daemon reload its policy and labels
///
/// Does what SIGHUP does. `[policy]` and `[signers]` of the configuration, including `policy_file`,
/// apply from then on to every session that is proposed or not yet decided; sessions that the
/// daemon has joined continue. If anything in the file is wrong, the command reports it and the
/// previous policy stays in force. The command names changed settings that need a restart.
#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ReloadArgs, console: &Console) -> Result<(), Failure> {
    ask(&args.socket, &Request::Reload, console)
}
