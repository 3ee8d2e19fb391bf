//! Shows things to people. Colours are for terminals: `Console` removes them elsewhere.

use crate::model::conviction::Conviction;
use crate::text::names::count;
pub(crate) mod daemon;
pub(crate) mod records;
pub(crate) mod steps;
pub(crate) mod terms;

use crate::model::line::{Line, SignerSet};
use crate::model::steps::{Reloaded, Step};
use crate::model::verification::ItemVerdict;
use anstyle::{AnsiColor, Style};
use musig2_libp2p::musig2_proto::{PublicKey, XOnlyPublicKey};
use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const STRONG: Style = Style::new().bold();

/// Writes one line, or a few.
pub(crate) fn write(out: &mut Vec<u8>, line: &Line<'_>, elapsed: Duration) -> io::Result<()> {
    match line {
        Line::Key { public_key, file, encrypted } => {
            writeln!(out, "public key  {STRONG}{public_key}{STRONG:#}")?;
            let whoever = if *encrypted {
                ": anyone who has this file and its passphrase"
            } else {
                ", not encrypted: anyone who has this file"
            };
            writeln!(out, "secret key  in {}{whoever} can sign as you", file.display())
        }
        Line::JointKey { signers, key, address } => {
            joint_key(out, signers, key, address.as_deref())
        }
        Line::PublicKey { public_key } => {
            writeln!(out, "public key  {STRONG}{public_key}{STRONG:#}")
        }
        Line::Config { file, public_key, label, signer_sets, notes, .. } => {
            writeln!(out, "{}: {GOOD}OK{GOOD:#}", file.display())?;
            let label = label.as_ref().map(|label| format!(", {label}")).unwrap_or_default();
            writeln!(out, "signer      {STRONG}{public_key}{STRONG:#}{label}")?;
            signer_sets.iter().try_for_each(|set| signer_set(out, set, public_key))?;
            notes.iter().try_for_each(|note| writeln!(out, "{BAD}note{BAD:#}        {note}"))
        }
        #[cfg(unix)]
        // Notes are in the log.
        Line::Serving { public_key, socket, http, .. } => {
            writeln!(out, "signer      {STRONG}{public_key}{STRONG:#}")?;
            writeln!(out, "socket      {}", socket.display())?;
            if let Some(address) = http {
                writeln!(out, "monitoring  http://{address}/healthz, http://{address}/metrics")?;
            }
            Ok(())
        }
        Line::Reply(reply) => daemon::reply(out, reply),
        Line::Conviction(verdict) => conviction(out, verdict),
        Line::Listening { address, node } => {
            prefix(out, elapsed, *node, node.is_some())?;
            writeln!(out, "listening on {address}")
        }
        Line::Event { node, step, .. } => {
            let is_demo =
                matches!(step, Step::DemoStarted { .. } | Step::VerifiedIndependently { .. });
            prefix(out, elapsed, *node, node.is_some() || is_demo)?;
            steps::step(out, step, node.is_some())
        }
        Line::Verified(verdict) => verified(out, verdict),
        Line::Result(result) => terms::result(out, result),
        // Text is printed unchanged.
        Line::Text { .. } => Ok(()),
        // Failures go to standard error.
        Line::Failure(_) => Ok(()),
    }
}

/// Returns `ADDRESS: why` for an error that may already begin with the address.
pub(crate) fn at(address: &str, error: &str) -> String {
    if error.starts_with(address) { error.into() } else { format!("{address}: {error}") }
}

/// Returns the text for when the only bootstrap address is this node's own.
pub(crate) fn own_bootstrap(address: &impl fmt::Display) -> String {
    format!(
        "the bootstrap address {address} is this node's own: give the address of another running node"
    )
}

/// Writes the time, and the number of the demonstration's node. Only in a demonstration does the
/// time since its start say more than the time of day.
fn prefix(
    out: &mut Vec<u8>,
    elapsed: Duration,
    node: Option<usize>,
    is_demo: bool,
) -> io::Result<()> {
    match is_demo {
        true => write!(out, "{DIM}{:>8.3} s{DIM:#}  ", elapsed.as_secs_f64())?,
        false => now(out)?,
    }
    node.map_or(Ok(()), |node| write!(out, "{STRONG}signer {node:<2}{STRONG:#}  "))
}

/// Writes what a daemon reports after reading its policy again.
pub(crate) fn reloaded(out: &mut Vec<u8>, reloaded: &Reloaded) -> io::Result<()> {
    writeln!(out, "reloaded the policy and the labels")?;
    reloaded.notes.iter().try_for_each(|note| writeln!(out, "{BAD}note{BAD:#}        {note}"))?;
    match &reloaded.needs_restart[..] {
        [] => Ok(()),
        settings => {
            writeln!(
                out,
                "{BAD}note{BAD:#}        changed settings that apply only after a restart: {}",
                settings.join(", ")
            )
        }
    }
}

/// Writes one line with its time.
pub(crate) fn remark(out: &mut Vec<u8>, text: &str) -> io::Result<()> {
    now(out)?;
    writeln!(out, "{text}")
}

/// Writes the time like `2026-11-26T16:54:00Z`, in UTC.
pub(crate) fn now(out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "{DIM}{}{DIM:#}  ", humantime::format_rfc3339_seconds(SystemTime::now()))
}

fn joint_key(
    out: &mut Vec<u8>,
    signers: &[PublicKey],
    key: &XOnlyPublicKey,
    address: Option<&str>,
) -> io::Result<()> {
    for (place, signer) in signers.iter().enumerate() {
        writeln!(out, "signer {place:<4} {signer}")?;
    }
    writeln!(out, "key         {STRONG}{key}{STRONG:#} (x-only)")?;
    match address {
        Some(address) => writeln!(out, "address     {STRONG}{address}{STRONG:#} (pay to taproot)"),
        None => writeln!(
            out,
            "            {DIM}not a taproot output key: use --bip86 or --taproot-root to get one, and its address{DIM:#}"
        ),
    }
}

fn signer_set(out: &mut Vec<u8>, set: &SignerSet, own: &PublicKey) -> io::Result<()> {
    writeln!(out, "signs with")?;
    for (key, label) in set.signers.iter().zip(&set.labels) {
        let label = label.as_ref().map(|label| format!(", {label}")).unwrap_or_default();
        writeln!(out, "    signer  {key}{label}{}", if key == own { ", this node" } else { "" })?;
    }
    if !set.signers.contains(own) {
        writeln!(
            out,
            "    {BAD}note{BAD:#}    this node's key is not in this set, so no session here can match it"
        )?;
    }
    writeln!(out, "    key     {STRONG}{}{STRONG:#} (x-only)", set.key)?;
    writeln!(out, "    address {STRONG}{}{STRONG:#} (with --bip86)", set.address)
}

fn conviction(out: &mut Vec<u8>, verdict: &Conviction) -> io::Result<()> {
    writeln!(out, "{GOOD}proven{GOOD:#}      {}", verdict.what)?;
    writeln!(
        out,
        "culprit     signer {}: {STRONG}{}{STRONG:#}",
        verdict.signer, verdict.public_key
    )?;
    writeln!(out, "shown by    {}", verdict.shown_by)?;
    writeln!(out, "session     {} of {}", verdict.session, count(verdict.signers.len(), "signer"))
}

fn verified(out: &mut Vec<u8>, verdict: &ItemVerdict) -> io::Result<()> {
    if verdict.valid {
        return writeln!(out, "item {:<4} {GOOD}verifies{GOOD:#}", verdict.item);
    }
    writeln!(out, "item {:<4} {BAD}does not verify{BAD:#}", verdict.item)?;
    verdict.problems.iter().try_for_each(|problem| writeln!(out, "    {problem}"))
}

#[cfg(test)]
mod tests;
