//! How a daemon's answers look to people.

use super::words::{Reply, Status, Summary};
use crate::people::{BAD, DIM, GOOD, STRONG, count, places, result, time};
use std::io::{self, Write};
use std::time::Duration;

/// Writes one answer.
pub(crate) fn reply(out: &mut Vec<u8>, reply: &Reply) -> io::Result<()> {
    match reply {
        Reply::Status(status) => self::status(out, status),
        Reply::Sessions { sessions } if sessions.is_empty() => writeln!(out, "no sessions"),
        Reply::Sessions { sessions } => table(out, sessions),
        Reply::Session(summary) => session(out, summary),
        Reply::Result(signed) => result(out, signed),
        // On standard error.
        Reply::Failure { .. } => Ok(()),
    }
}

fn status(out: &mut Vec<u8>, status: &Status) -> io::Result<()> {
    writeln!(out, "signer      {STRONG}{}{STRONG:#}", status.public_key)?;
    writeln!(
        out,
        "up for      {} {DIM}(version {}){DIM:#}",
        time(Duration::from_secs(status.uptime_seconds)),
        status.version
    )?;
    writeln!(out, "peer id     {}", status.peer_id)?;
    for address in &status.listening {
        writeln!(out, "listening   {address}")?;
    }
    writeln!(out, "connected   to {}", count(status.connected_peers.len(), "peer"))?;
    writeln!(out, "sessions    {} open", status.open_sessions)?;
    match &status.signs_nothing_without {
        Some(missing) => {
            writeln!(out, "{BAD}note{BAD:#}        nothing will be signed: [policy] has no `{missing}`")
        }
        None => Ok(()),
    }
}

fn table(out: &mut Vec<u8>, sessions: &[Summary]) -> io::Result<()> {
    writeln!(
        out,
        "{DIM}{:<10}{:<20}{:>8}  {:>7}{:>8}{:>10}  {:<12}WAITING FOR{DIM:#}",
        "SESSION", "PHASE", "MESSAGES", "JOINED", "NONCES", "PARTIALS", "LEFT"
    )?;
    for one in sessions {
        let of = |done: &[u16]| format!("{}/{}", done.len(), one.signers.len());
        // Padded before it is coloured: what colours nothing takes no place.
        let phase = format!("{:<20}", one.phase.replace('_', " "));
        let phase = match one.phase.as_str() {
            "complete" => format!("{GOOD}{phase}{GOOD:#}"),
            "aborted" => format!("{BAD}{phase}{BAD:#}"),
            _ => phase,
        };
        let left = one.left_seconds.map(|left| time(Duration::from_secs(left))).unwrap_or_default();
        writeln!(
            out,
            "{:<10}{phase}{:>8}  {:>7}{:>8}{:>10}  {left:<12}{}",
            short(one),
            one.messages,
            of(&one.joined),
            of(&one.nonces),
            of(&one.partial_signatures),
            why(one)
        )?;
    }
    Ok(())
}

/// One line, as it changes.
fn session(out: &mut Vec<u8>, one: &Summary) -> io::Result<()> {
    let signers = one.signers.len();
    let progress = match one.phase.as_str() {
        "proposed" => "proposed".into(),
        "joining" => format!("{} of {signers} signers joined", one.joined.len()),
        "nonces" => format!("nonces of {} of {signers}", one.nonces.len()),
        "partial_signatures" => {
            format!("partial signatures of {} of {signers}", one.partial_signatures.len())
        }
        "complete" => format!("{GOOD}complete{GOOD:#}"),
        "aborted" => format!("{BAD}ended without signatures{BAD:#}"),
        other => other.replace('_', " "),
    };
    write!(out, "session {}: {progress}", short(one))?;
    match (why(one), one.left_seconds) {
        (why, _) if why.is_empty() => writeln!(out),
        (why, Some(left)) => {
            writeln!(out, "; waiting for {why} {DIM}({} left){DIM:#}", time(Duration::from_secs(left)))
        }
        (why, None) => writeln!(out, ": {why}"),
    }
}

/// Who is awaited, or why it ended.
fn why(one: &Summary) -> String {
    match &one.ending {
        Some(ending) => ending.clone(),
        None if one.awaiting.is_empty() => String::new(),
        None if one.awaiting == [one.me] => "this node".into(),
        None => places(&one.awaiting),
    }
}

fn short(one: &Summary) -> String {
    one.session.to_string().chars().take(8).collect()
}
