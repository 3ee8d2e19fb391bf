//! Shows things to people. Colours are for terminals: `Console` removes them elsewhere.

use crate::daemon::people as daemon_words;
use crate::ending::{Ending, Signer, name, names};
use crate::evidence::Verdict;
use crate::report::{Line, SignerSet, short};
use crate::result::{Hex, ResultTweakKind, SessionResult};
use crate::roster::beside;
use crate::steps::{Progress, Reloaded, Session, Step};
use crate::terms::{Derivation, Terms};
use crate::text::Text;
use crate::verify::ItemVerdict;
use anstyle::{AnsiColor, Style};
use musig2_libp2p::musig2_proto::{ChainCode, PublicKey, XOnlyPublicKey};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const STRONG: Style = Style::new().bold();

/// A list of this many items or more ends with a summary.
const LONG: usize = 8;

/// Writes one line, or a few.
pub(crate) fn write(out: &mut Vec<u8>, line: &Line<'_>, elapsed: Duration) -> io::Result<()> {
    match line {
        Line::Key { public_key, file, encrypted } => {
            writeln!(out, "public key  {STRONG}{public_key}{STRONG:#}")?;
            let whoever = if *encrypted {
                ": whoever has this file and its passphrase"
            } else {
                ", not encrypted: whoever has this file"
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
        Line::Reply(reply) => daemon_words::reply(out, reply),
        Line::Conviction(verdict) => conviction(out, verdict),
        Line::Listening { address, node } => {
            prefix(out, elapsed, *node, node.is_some())?;
            writeln!(out, "listening on {address}")
        }
        Line::Event { node, step, .. } => {
            let is_demo =
                matches!(step, Step::DemoStarted { .. } | Step::VerifiedIndependently { .. });
            prefix(out, elapsed, *node, node.is_some() || is_demo)?;
            self::step(out, step, node.is_some())
        }
        Line::Verified(verdict) => verified(out, verdict),
        Line::Result(result) => self::result(out, result),
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

fn step(out: &mut Vec<u8>, step: &Step, demo: bool) -> io::Result<()> {
    // The demonstration has only one session, so its id need not be repeated.
    let of = |session: &Session| {
        if demo { String::new() } else { format!("session {}: ", short(&session.session)) }
    };
    match step {
        Step::PeerConnected { peer_node: Some(node), .. } => {
            writeln!(out, "connected to signer {node}")
        }
        Step::PeerConnected { peer, signers, .. } => {
            writeln!(out, "connected to {peer}{}", beside(signers))
        }
        Step::PeerDisconnected { peer, signers } => {
            writeln!(out, "lost the connection to {peer}{}", beside(signers))
        }
        Step::DialFailed { bootstrap: Some(address), signers, error, .. } => {
            let signers = beside(signers);
            writeln!(
                out,
                "{BAD}cannot reach the bootstrap peer{BAD:#}{signers} {}",
                at(address, error)
            )
        }
        Step::DialFailed { peer: Some(peer), signers, error, .. } => {
            writeln!(out, "{BAD}cannot reach{BAD:#} {peer}{}: {error}", beside(signers))
        }
        Step::DialFailed { error, .. } => writeln!(out, "{BAD}cannot reach a peer{BAD:#}: {error}"),
        Step::BootstrapIsOwn { address, only: false } => {
            writeln!(out, "the bootstrap address {address} is this node's own: the others are used")
        }
        Step::BootstrapIsOwn { address, only: true } => {
            writeln!(out, "{BAD}dials nobody{BAD:#}: {}", own_bootstrap(address))
        }
        Step::ListenFailed { address: Some(address), error } => {
            writeln!(out, "{BAD}cannot listen{BAD:#} on {address}: {error}")
        }
        Step::ListenFailed { address: None, error } => {
            writeln!(out, "{BAD}cannot listen{BAD:#}: {error}")
        }
        Step::NotListening { address } => writeln!(out, "no longer listening on {address}"),
        Step::ListensNowhere => {
            writeln!(
                out,
                "{STRONG}listens nowhere{STRONG:#}: nobody can dial this node, so it must dial others"
            )
        }
        Step::AcceptFailed { error } => {
            writeln!(out, "{BAD}cannot accept connections{BAD:#}: {error}; trying again")
        }
        Step::AcceptsAgain => writeln!(out, "accepts connections again"),
        Step::PeerReachedDirectly { peer, signers } => {
            writeln!(out, "reaches {peer}{} without the relay now", beside(signers))
        }
        Step::Reachable { address } => {
            writeln!(out, "can be reached from outside at {}", address.escape_debug())
        }
        Step::Offence { peer, signers, offence, consequence } => {
            writeln!(
                out,
                "ignored what came through {peer}{}: {offence} ({consequence})",
                beside(signers)
            )
        }
        Step::Missed { events } => writeln!(out, "{events} events came too fast to be shown"),
        Step::SessionCreated(terms) if demo => {
            writeln!(
                out,
                "proposes session {} to sign {}",
                short(&terms.session),
                count(terms.items.len(), "message")
            )
        }
        Step::SessionDiscovered(_) if demo => writeln!(out, "discovered the session"),
        Step::SessionCreated(terms) => {
            writeln!(out, "proposed a session")?;
            self::terms(out, terms)
        }
        Step::SessionDiscovered(terms) => {
            writeln!(out, "{STRONG}discovered a session{STRONG:#}")?;
            self::terms(out, terms)
        }
        Step::SessionResumed(terms) => {
            writeln!(
                out,
                "{STRONG}takes up a session{STRONG:#} that was approved before the restart"
            )?;
            self::terms(out, terms)
        }
        Step::SessionNotResumed { session, error } => {
            writeln!(
                out,
                "{}{BAD}cannot be taken up{BAD:#} after the restart: {error}",
                of(session)
            )
        }
        Step::SessionJoined(session) => writeln!(out, "{}approved, joined", of(session)),
        Step::SessionDeclined { session, reason } => {
            writeln!(out, "{}{BAD}declined{BAD:#}: {reason}", of(session))
        }
        Step::SignerJoined { session, signer, progress } => {
            writeln!(out, "{}signer {signer} joined {}", of(session), how_far(progress, demo))
        }
        Step::SignerDeclined { session, declined } => {
            writeln!(
                out,
                "{}signer {} {BAD}declined{BAD:#}: {}",
                of(session),
                declined.signer,
                declined.why
            )
        }
        Step::SessionQueued(session) => {
            writeln!(out, "{}waits for its turn: others of its proposer are running", of(session))
        }
        Step::SessionReady(session) => writeln!(out, "{}all signers have joined", of(session)),
        Step::NonceReceived { session, signer, progress } => {
            writeln!(out, "{}nonces of signer {signer} {}", of(session), how_far(progress, demo))
        }
        Step::NoncesComplete(session) => writeln!(out, "{}has everyone's nonces", of(session)),
        Step::PartialSigReceived { session, signer, progress } => {
            writeln!(
                out,
                "{}partial signatures of signer {signer} {}",
                of(session),
                how_far(progress, demo)
            )
        }
        Step::PartialSigsComplete(session) => {
            writeln!(out, "{}has everyone's partial signatures", of(session))
        }
        Step::SessionComplete(session) => writeln!(out, "{}{GOOD}complete{GOOD:#}", of(session)),
        Step::SessionAborted(ending) => aborted(out, ending),
        Step::SessionWithdrawn(ending) => {
            writeln!(out, "session {} {BAD}withdrawn{BAD:#}: {ending}", short(&ending.session))
        }
        Step::SessionError { session, error } => {
            writeln!(out, "{}{BAD}error{BAD:#}: {error}", of(session))
        }
        Step::Stalled { session, awaiting, .. } => {
            writeln!(out, "{}still waiting for {}", of(session), awaited(awaiting, demo))
        }
        Step::AttemptRestarted { session, restarts, signers } => {
            writeln!(out, "{}{} restarted: attempt {}", of(session), names(signers), restarts + 1)
        }
        Step::SessionRefused { session, public_key, label, error, .. } => writeln!(
            out,
            "{}{BAD}not taken up{BAD:#}: {error} (proposed by {})",
            of(session),
            name(public_key, label.as_ref(), false),
        ),
        Step::KeyInUseElsewhere { session, signer } => writeln!(
            out,
            "{}{BAD}another process signs with the key of {}{BAD:#}: stop one of the two",
            of(session),
            signer.in_full(),
        ),
        Step::LateSignature(session) => {
            writeln!(out, "{}{GOOD}signatures arrived late{GOOD:#}", of(session))
        }
        Step::EvidenceKept { session, file } => {
            writeln!(
                out,
                "{}the proof is in {file}: `musig2-node evidence verify` checks it",
                of(session)
            )
        }
        Step::Reloaded(reloaded) => self::reloaded(out, reloaded),
        Step::NotReloaded { error } => {
            writeln!(
                out,
                "{BAD}the policy was not read again{BAD:#}, and the former one holds: {error}"
            )
        }
        Step::DemoStarted { signers, items, transport } => writeln!(
            out,
            "{STRONG}{} of {signers} signers{STRONG:#}: {signers} nodes on 127.0.0.1 over {transport}, who know the address of signer 0 and nothing else",
            count(*items, "signature"),
        ),
        Step::VerifiedIndependently { items } => writeln!(
            out,
            "{GOOD}{items} of {items} verify{GOOD:#} (BIP340, under the key that signers and tweaks give; checked by another library)",
        ),
        Step::Other { description } => writeln!(out, "{description}"),
    }
}

/// Writes what a daemon reports after reading its policy again.
pub(crate) fn reloaded(out: &mut Vec<u8>, reloaded: &Reloaded) -> io::Result<()> {
    writeln!(out, "read the policy and the labels again")?;
    reloaded.notes.iter().try_for_each(|note| writeln!(out, "{BAD}note{BAD:#}        {note}"))?;
    match &reloaded.needs_restart[..] {
        [] => Ok(()),
        settings => {
            writeln!(
                out,
                "{BAD}note{BAD:#}        changed, and needs a restart: {}",
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

/// Returns `(2 of 3, 43 s left; waiting for signer 02a1b3c4)`.
fn how_far(progress: &Progress, demo: bool) -> String {
    let Progress { done, of, awaiting, left_ms } = progress;
    if awaiting.is_empty() || demo {
        return format!("{DIM}({done} of {of}){DIM:#}");
    }
    let left = match left_ms {
        0 => String::new(),
        left => format!(", {} left", time(Duration::from_millis(*left))),
    };
    format!("{DIM}({done} of {of}{left}; waiting for {}){DIM:#}", names(awaiting))
}

/// Names the awaited signers. The demonstration numbers its signers.
fn awaited(signers: &[Signer], demo: bool) -> String {
    if demo {
        names(&signers.iter().map(|signer| signer.signer).collect::<Vec<_>>())
    } else {
        names(signers)
    }
}

/// Returns `4 min 12 s` or `43 s`.
pub(crate) fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
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
            "            {DIM}no taproot output key: --bip86 or --taproot-root gives one, and its address{DIM:#}"
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
            "    {BAD}note{BAD:#}    this node's key is not in this set: no session here ever matches it"
        )?;
    }
    writeln!(out, "    key     {STRONG}{}{STRONG:#} (x-only)", set.key)?;
    writeln!(out, "    address {STRONG}{}{STRONG:#} (with --bip86)", set.address)
}

fn conviction(out: &mut Vec<u8>, verdict: &Verdict) -> io::Result<()> {
    writeln!(out, "{GOOD}proven{GOOD:#}      {}", verdict.what)?;
    writeln!(
        out,
        "culprit     signer {}: {STRONG}{}{STRONG:#}",
        verdict.signer, verdict.public_key
    )?;
    writeln!(out, "shown by    {}", verdict.shown_by)?;
    writeln!(out, "session     {} of {}", verdict.session, count(verdict.signers.len(), "signer"))
}

fn aborted(out: &mut Vec<u8>, ending: &Ending) -> io::Result<()> {
    writeln!(
        out,
        "session {}: {BAD}ended without signatures{BAD:#}: {}",
        short(&ending.session),
        ending.what
    )?;
    ending.named().try_for_each(|(title, named)| writeln!(out, "    {title} {named}"))
}

/// Writes everything that a join consents to.
pub(crate) fn terms(out: &mut Vec<u8>, terms: &Terms) -> io::Result<()> {
    terms_with(out, terms, |_| String::new())?;
    writeln!(out, "    expires      in {}", time(terms.left()))
}

/// Writes the same without its time, with a word about each signer.
pub(crate) fn terms_with(
    out: &mut Vec<u8>,
    terms: &Terms,
    on_signer: impl Fn(u16) -> String,
) -> io::Result<()> {
    writeln!(out, "    session      {}", terms.session)?;
    for (place, key) in (0..).zip(&terms.signers) {
        let label = terms.labels.get(usize::from(place)).and_then(Option::as_ref);
        let label = label.map(|label| format!(", {label}")).unwrap_or_default();
        let you = if place == terms.me { ", you" } else { "" };
        let coordinator = if place == terms.coordinator { ", proposed it" } else { "" };
        writeln!(out, "    signer {place:<5} {key}{label}{you}{coordinator}{}", on_signer(place))?;
    }
    for (place, item) in terms.items.iter().enumerate() {
        writeln!(out, "    item {place:<7} message {STRONG}{}{STRONG:#}", item.message)?;
        writeln!(out, "                 key     {} (x-only, signs this item)", item.aggregate_key)?;
        if let Some(address) = &item.address {
            writeln!(out, "                 address {address}")?;
        }
        for step in &item.derivation {
            writeln!(out, "                 tweak   {}", derivation_words(step))?;
        }
        for step in &item.tweaks {
            writeln!(
                out,
                "                         {DIM}{} {}{DIM:#}",
                kind(step.kind),
                step.tweak
            )?;
        }
    }
    if terms.items.len() > LONG {
        summary(out, terms)?;
    }
    if terms.memo.is_empty() {
        return Ok(());
    }
    // Quoted, because it may come from a stranger and goes to a terminal.
    match hex::decode(&terms.memo).map(String::from_utf8) {
        Ok(Ok(text)) => writeln!(out, "    memo         {text:?}"),
        Ok(Err(_)) => writeln!(out, "    memo         {} (hex)", terms.memo),
        Err(_) => writeln!(out, "    memo         {:?}", terms.memo),
    }
}

/// Writes how many messages are signed under which keys: nobody counts a long list.
fn summary(out: &mut Vec<u8>, terms: &Terms) -> io::Result<()> {
    let mut keys: BTreeMap<_, (usize, Option<&str>)> = BTreeMap::new();
    for item in &terms.items {
        let (messages, address) = keys.entry(item.aggregate_key.0).or_default();
        *messages += 1;
        *address = address.or(item.address.as_deref());
    }
    writeln!(
        out,
        "    in all       {STRONG}{}{STRONG:#} under {}",
        count(terms.items.len(), "message"),
        count(keys.len(), "key")
    )?;
    for (key, (messages, address)) in keys {
        let address = address.map(|address| format!(", {address}")).unwrap_or_default();
        writeln!(
            out,
            "                 {} under {}{address}",
            count(messages, "message"),
            Hex(key)
        )?;
    }
    Ok(())
}

fn derivation_words(derivation: &Derivation) -> String {
    match derivation {
        Derivation::Taproot { merkle_root: None } => {
            "taproot output key without scripts (BIP86)".into()
        }
        Derivation::Taproot { merkle_root: Some(root) } => {
            format!("taproot output key with script root {root} (BIP341)")
        }
        Derivation::Bip32 { chain_code: Text(ChainCode::BIP328), path } => {
            format!("child key at {path} (BIP32, chain code of BIP328)")
        }
        Derivation::Bip32 { chain_code, path } => {
            format!("child key at {path} (BIP32, chain code {chain_code})")
        }
        Derivation::Raw => "raw: whoever chose it may know more about the key than you do".into(),
    }
}

pub(crate) fn result(out: &mut Vec<u8>, result: &SessionResult) -> io::Result<()> {
    writeln!(out, "\nsession      {}", result.session)?;
    for (place, key) in result.signers.iter().enumerate() {
        writeln!(out, "signer {place:<5} {key}")?;
    }
    for (place, item) in result.items.iter().enumerate() {
        writeln!(out, "item {place:<7} message    {}", item.message)?;
        for step in &item.tweaks {
            writeln!(
                out,
                "             tweak      {} {DIM}{}{DIM:#}",
                step.tweak,
                kind(step.kind)
            )?;
        }
        writeln!(out, "             key        {}", item.aggregate_key)?;
        writeln!(out, "             signature  {GOOD}{}{GOOD:#}", item.signature)?;
    }
    Ok(())
}

fn verified(out: &mut Vec<u8>, verdict: &ItemVerdict) -> io::Result<()> {
    if verdict.valid {
        return writeln!(out, "item {:<4} {GOOD}verifies{GOOD:#}", verdict.item);
    }
    writeln!(out, "item {:<4} {BAD}does not verify{BAD:#}", verdict.item)?;
    verdict.problems.iter().try_for_each(|problem| writeln!(out, "    {problem}"))
}

fn kind(kind: ResultTweakKind) -> &'static str {
    match kind {
        ResultTweakKind::Plain => "plain",
        ResultTweakKind::XOnly => "xonly",
    }
}

/// Returns `1 message` or `2 messages`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
