//! `musig2-node results`: what a running daemon signed, and what it did not.

use super::record::{Status, now_ms};
use crate::daemon::client::{SocketArgs, ask};
use crate::daemon::words::Request;
use crate::failure::Failure;
use crate::report::Console;
use crate::text::{Text, Written};
use clap::Args;
use musig2_libp2p::musig2_proto::PublicKey;
use std::fmt;
use std::time::UNIX_EPOCH;

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

/// A time in the past, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since(pub(crate) u64);

/// Runs the command.
pub(crate) fn run(args: &ResultsArgs, console: &Console) -> Result<(), Failure> {
    let ResultsArgs { since, limit, signer, status, socket } = args;
    let request =
        Request::Results { since: *since, limit: *limit, signer: *signer, status: *status };
    ask(socket, &request, console)
}

impl Written for Since {
    const EXPECTED: &'static str =
        "a time, such as \"24h\", \"2026-11-29\" or \"2026-11-29T10:00:00Z\"";

    fn read(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self(
                now_ms().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
            ));
        }
        let time = humantime::parse_rfc3339_weak(text)
            .or_else(|_| humantime::parse_rfc3339(&format!("{text}T00:00:00Z")))
            .map_err(|_| {
                format!(
                    "`{text}` is not a time: write, say, 24h, 2026-11-29 or 2026-11-29T10:00:00Z"
                )
            })?;
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::record::date(self.0))
    }
}
