//! `musig2-node results`: what a running daemon signed, and what it did not.

use crate::console::Console;
use crate::daemon::client::{SocketArgs, ask};
use crate::failure::Failure;
use crate::model::record::Status;
use crate::model::words::Request;
use crate::text::Text;
use crate::text::time::Since;
use clap::Args;
use musig2_libp2p::musig2_proto::PublicKey;

/// List what a running daemon signed and what it did not, newest first
///
/// Shows for each session: when it ended, its outcome, who proposed it, who or what approved it for
/// this node, and its memo. `sessions SESSION` shows one of them in full; with --json it also
/// prints the signatures, in the form that `verify` reads. `[results]` in the daemon's
/// configuration limits how many are kept.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node results --since 24h
  musig2-node results --status signed --limit 1000 --json
  musig2-node sessions 3fa41c20 --json | musig2-node verify -")]
pub(crate) struct ResultsArgs {
    /// Only sessions no older than this: how long ago (24h), a day (2026-11-29), or a time
    /// (2026-11-29T10:00:00Z)
    #[arg(long, value_name = "TIME")]
    since: Option<Text<Since>>,
    /// The most sessions to list
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only sessions with this signer
    #[arg(long, value_name = "PUBKEY")]
    signer: Option<Text<PublicKey>>,
    /// Only sessions with this outcome
    #[arg(long, value_enum)]
    status: Option<Status>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ResultsArgs, console: &Console) -> Result<(), Failure> {
    let ResultsArgs { since, limit, signer, status, socket } = args;
    let request =
        Request::Results { since: *since, limit: *limit, signer: *signer, status: *status };
    ask(socket, &request, console)
}
