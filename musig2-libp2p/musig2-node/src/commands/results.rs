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

/// List what a running daemon signed and what it did not, the newest first
///
/// For each session: when it ended, what came of it, who proposed it, by whose word this node took
/// part, and the memo. `sessions SESSION` shows one of them in full, with --json together with its
/// signatures as `verify` takes them. The daemon keeps as many as `[results]` in its configuration
/// says.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node results --since 24h
  musig2-node results --status signed --limit 1000 --json
  musig2-node sessions 3fa41c20 --json | musig2-node verify -")]
pub(crate) struct ResultsArgs {
    /// Not older than this: how long ago (24h), a day (2026-11-29), or a time
    /// (2026-11-29T10:00:00Z)
    #[arg(long, value_name = "TIME")]
    since: Option<Text<Since>>,
    /// How many at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only sessions with this signer
    #[arg(long, value_name = "PUBKEY")]
    signer: Option<Text<PublicKey>>,
    /// Only sessions of which this came
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
