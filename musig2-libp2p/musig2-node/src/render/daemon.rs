//! Shows a daemon's answers to people.

use super::records;
use super::terms::{result, terms_with};
use super::{BAD, DIM, GOOD, STRONG, now, reloaded};
use crate::model::co_signer::CoSigner;
use crate::model::labels::Label;
use crate::model::record::Record;
use crate::model::state::{State, Summary};
use crate::model::words::{ConnectedPeer, Reply, Standing, Status};
use crate::text::Text;
use crate::text::hex::Hex;
use crate::text::names::count;
use crate::text::names::short;
use crate::text::names::{name, names};
use crate::text::time;
use crate::text::time::seconds;
use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

/// The end of the year 9999; later dates cannot be written in this format.
const MAX_DATE: u64 = 253_402_300_800_000;

/// The signers of a session.
struct Signers<'a> {
    keys: &'a [Hex<33>],
    /// For each key, its label if it has one.
    labels: &'a [Option<Text<Label>>],
    me: u16,
}

/// Writes one answer.
pub(crate) fn reply(out: &mut Vec<u8>, reply: &Reply) -> io::Result<()> {
    match reply {
        Reply::Status(status) => self::status(out, status),
        Reply::Reloaded(reloaded) => self::reloaded(out, reloaded),
        Reply::Sessions { sessions } if sessions.is_empty() => writeln!(out, "no sessions"),
        Reply::Sessions { sessions } => table(out, sessions),
        Reply::Details(record) => details(out, record),
        Reply::Record(record) => records::line(out, record),
        Reply::Results { count, more, damaged } => records::foot(out, *count, *more, *damaged),
        Reply::Session(Summary { session, signers, labels, me, state, .. }) => {
            now(out)?;
            line(out, session, &Signers { keys: signers, labels, me: *me }, state)
        }
        Reply::Result(signed) => result(out, signed),
        // Failures go to standard error.
        Reply::Failure(_) => Ok(()),
    }
}

fn status(out: &mut Vec<u8>, status: &Status) -> io::Result<()> {
    writeln!(out, "signer      {STRONG}{}{STRONG:#}", status.public_key)?;
    writeln!(
        out,
        "up for      {} {DIM}(version {}){DIM:#}",
        time::words(Duration::from_secs(status.uptime_seconds)),
        status.version
    )?;
    writeln!(out, "peer id     {}", status.peer_id)?;
    for address in &status.listening {
        writeln!(out, "listening   {address}")?;
    }
    if status.listening.is_empty() {
        writeln!(
            out,
            "{BAD}listening   nowhere{BAD:#}: nobody can dial this node, so it must dial others"
        )?;
    }
    let is_stranger = |peer: &&ConnectedPeer| peer.signers.is_empty();
    let strangers = status.connected_peers.iter().filter(is_stranger).count();
    let strangers = match strangers {
        0 => String::new(),
        some => format!(" {DIM}({some} not known as co-signers){DIM:#}"),
    };
    writeln!(out, "connected   to {}{strangers}", count(status.connected_peers.len(), "peer"))?;
    writeln!(out, "policy      read {}", seconds(&status.policy_read_at))?;
    writeln!(out, "sessions    {} open", status.open_sessions)?;
    let Standing { signed, unsigned, declined, waiting, problem } = &status.results;
    writeln!(
        out,
        "results     {signed} signed, {unsigned} ended without signatures, {declined} declined"
    )?;
    if let Some(problem) = problem {
        writeln!(out, "{BAD}note{BAD:#}        {waiting} results cannot be written: {problem}")?;
    }
    for problem in &status.problems {
        writeln!(out, "{BAD}problem{BAD:#}     {problem}")?;
    }
    if let Some(missing) = &status.signs_nothing_without {
        writeln!(
            out,
            "{BAD}note{BAD:#}        nothing will be signed: [policy] has no `{missing}`"
        )?;
    }
    co_signers(out, &status.co_signers)
}

/// Lists the co-signers: who is connected, and what is known of the others.
fn co_signers(out: &mut Vec<u8>, signers: &[CoSigner]) -> io::Result<()> {
    if signers.is_empty() {
        return Ok(());
    }
    let named = |signer: &CoSigner| name(&signer.public_key, signer.label.as_ref(), false);
    let width =
        signers.iter().map(|signer| named(signer).chars().count()).max().unwrap_or(0).max(9);
    writeln!(
        out,
        "\n{DIM}{:<width$}  {:<9}  {:<20}  {:<10}  {:<15}  LAST SESSION{DIM:#}",
        "CO-SIGNER", "CONNECTED", "SINCE", "ROUND TRIP", "CLOCK"
    )?;
    for signer in signers {
        // Pad before colouring: escape sequences take no columns.
        let connected = match (signer.connected, signer.relayed) {
            (Some(true), Some(true)) => format!("{:<9}", "by relay"),
            (Some(true), _) => format!("{GOOD}{:<9}{GOOD:#}", "yes"),
            (Some(false), _) => format!("{BAD}{:<9}{BAD:#}", "NO"),
            (None, _) => format!("{BAD}{:<9}{BAD:#}", "unknown"),
        };
        let since = signer.since.as_deref().map(seconds).unwrap_or_else(|| "-".into());
        let round_trip = match signer.round_trip_ms {
            Some(0) => "< 1 ms".into(),
            Some(millis) => format!("{millis} ms"),
            None => "-".into(),
        };
        let last = match &signer.last_session {
            Some(last) => {
                format!(
                    "{} {}, {}",
                    short(&last.session),
                    last.phase.replace('_', " "),
                    seconds(&last.at)
                )
            }
            None => "-".into(),
        };
        let (name, clock) = (named(signer), clock(signer.clock_ahead_ms));
        writeln!(
            out,
            "{name:<width$}  {connected}  {since:<20}  {round_trip:<10}  {clock:<15}  {last}"
        )?;
        // Escaped, because the addresses come from others.
        for address in &signer.addresses {
            writeln!(out, "    {DIM}at {}{DIM:#}", address.escape_debug())?;
        }
        if signer.connected.is_none() {
            writeln!(
                out,
                "    {DIM}has not announced its address since this daemon started: it may or may not be online{DIM:#}"
            )?;
        }
        if let Some(last) = &signer.last_error {
            writeln!(
                out,
                "    {BAD}last error{BAD:#} {}: {}",
                seconds(&last.at),
                last.error.escape_debug()
            )?;
        }
    }
    Ok(())
}

/// Shows how far another clock is off. Only a bound is known: the timestamp was in transit for a
/// while.
fn clock(ahead_ms: Option<i64>) -> String {
    let seconds = |millis: i64| millis.unsigned_abs() as f64 / 1000.0;
    match ahead_ms {
        None => "-".into(),
        Some(millis @ 0..) => format!("≥ {:.1} s ahead", seconds(millis)),
        Some(millis) => format!("≤ {:.1} s behind", seconds(millis)),
    }
}

fn table(out: &mut Vec<u8>, sessions: &[Summary]) -> io::Result<()> {
    writeln!(
        out,
        "{DIM}{:<10}{:<21}{:<20}{:>8}  {:>7}{:>10}{:>8}{:>10}  {:<12}WAITING FOR, OR WHY IT ENDED{DIM:#}",
        "SESSION",
        "CHANGED",
        "PHASE",
        "MESSAGES",
        "JOINED",
        "DECLINED",
        "NONCES",
        "PARTIALS",
        "LEFT"
    )?;
    for one in sessions {
        // Pad before colouring: escape sequences take no columns.
        let state = &one.state;
        let of = |done: &[u16]| match state.phase.as_str() {
            // A restarted node may have been told the signatures but not what they were made of.
            "complete" => "all".into(),
            _ => format!("{}/{}", done.len(), one.signers.len()),
        };
        let phase = format!("{:<20}", state.phase.replace('_', " "));
        let phase = match state.phase.as_str() {
            "complete" => format!("{GOOD}{phase}{GOOD:#}"),
            "aborted" => format!("{BAD}{phase}{BAD:#}"),
            _ => phase,
        };
        let left = state
            .left_seconds
            .map(|left| time::words(Duration::from_secs(left)))
            .unwrap_or_default();
        writeln!(
            out,
            "{:<10}{:<21}{phase}{:>8}  {:>7}{:>10}{:>8}{:>10}  {left:<12}{}",
            short(&one.session),
            seconds(&one.changed_at),
            one.messages,
            of(&state.joined),
            state.declined.len(),
            of(&state.nonces),
            of(&state.partial_signatures),
            why(&Signers { keys: &one.signers, labels: &one.labels, me: one.me }, state)
        )?;
    }
    Ok(())
}

/// Writes one line for each change.
fn line(
    out: &mut Vec<u8>,
    session: &Hex<32>,
    signers: &Signers<'_>,
    state: &State,
) -> io::Result<()> {
    let all = signers.keys.len();
    let progress = match state.phase.as_str() {
        "proposed" => "proposed".into(),
        "joining" => format!("{} of {all} signers joined", state.joined.len()),
        "nonces" => format!("nonces of {} of {all}", state.nonces.len()),
        "partial_signatures" => {
            format!("partial signatures of {} of {all}", state.partial_signatures.len())
        }
        "complete" => format!("{GOOD}complete{GOOD:#}"),
        "aborted" => format!("{BAD}ended without signatures{BAD:#}"),
        other => other.replace('_', " "),
    };
    write!(out, "session {}: {progress}", short(session))?;
    match (why(signers, state), state.left_seconds) {
        (why, _) if why.is_empty() => writeln!(out),
        (why, Some(left)) => {
            writeln!(
                out,
                "; waiting for {why} {DIM}({} left){DIM:#}",
                time::words(Duration::from_secs(left))
            )
        }
        (why, None) => writeln!(out, ": {why}"),
    }
}

/// Writes everything, for a person who has to decide on it.
fn details(out: &mut Vec<u8>, record: &Record) -> io::Result<()> {
    let Record { terms, state, .. } = record;
    let signers = Signers { keys: &terms.signers, labels: &terms.labels, me: terms.me };
    line(out, &terms.session, &signers, state)?;
    terms_with(out, terms, |place| {
        let done = [
            (&state.joined, "joined"),
            (&state.nonces, "nonces received"),
            (&state.partial_signatures, "partial signatures received"),
            (&state.awaiting, "awaited"),
        ];
        let done: Vec<_> =
            done.iter().filter(|(who, _)| who.contains(&place)).map(|(_, done)| *done).collect();
        if let Some(declined) = state.declined.iter().find(|one| one.signer.signer == place) {
            return format!(": declined: {}", declined.why);
        }
        if done.is_empty() { String::new() } else { format!(": {}", done.join(", ")) }
    })?;
    if state.restarts > 0 {
        writeln!(out, "    restarts     {} by signers", state.restarts)?;
    }
    if state.released {
        writeln!(out, "    released     this node has released its partial signatures")?;
    }
    writeln!(
        out,
        "    proposed     {} {DIM}(by the proposer's clock){DIM:#}",
        date(terms.created_at_ms)
    )?;
    writeln!(out, "    expires      {}", date(terms.expires_at_ms))?;
    records::approval(out, record)
}

/// Formats a time like `2026-11-26T16:54:00Z`. No real date is too late for that, but the number
/// comes from the daemon and may be anything.
fn date(millis: u64) -> String {
    match UNIX_EPOCH.checked_add(Duration::from_millis(millis)) {
        Some(time) if millis < MAX_DATE => humantime::format_rfc3339_seconds(time).to_string(),
        _ => format!("{millis} ms after 1970"),
    }
}

/// Says who is awaited, or why the session ended.
fn why(signers: &Signers<'_>, state: &State) -> String {
    let Signers { keys, labels, me } = *signers;
    let named = |place: &u16| {
        let label = labels.get(usize::from(*place)).and_then(Option::as_ref);
        Some(name(keys.get(usize::from(*place))?, label, *place == me))
    };
    match &state.ending {
        Some(ending) => ending.clone(),
        None if state.phase == "queued" => "its turn".into(),
        None if state.awaiting.is_empty() => String::new(),
        None if state.awaiting == [me] => "this node".into(),
        None => {
            let awaited = names(&state.awaiting.iter().filter_map(named).collect::<Vec<_>>());
            state.declined.iter().fold(awaited, |text, declined| format!("{text}; {declined}"))
        }
    }
}
