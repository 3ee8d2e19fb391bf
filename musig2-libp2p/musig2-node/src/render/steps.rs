//! Shows what happens on a node.

use super::{BAD, DIM, GOOD, STRONG, at, own_bootstrap};
use crate::model::co_signer::beside;
use crate::model::ending::{Ending, Signer};
use crate::model::steps::{InSession, RoundProgress, Step};
use crate::text::names::{count, name, names, short};
use crate::text::time;
use std::io::{self, Write};
use std::time::Duration;

pub(super) fn step(out: &mut Vec<u8>, step: &Step, demo: bool) -> io::Result<()> {
    // The demonstration has only one session, so its id need not be repeated.
    let of = |session: &InSession| {
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
            writeln!(out, "the bootstrap address {address} is this node's own: using the others")
        }
        Step::BootstrapIsOwn { address, only: true } => {
            writeln!(out, "{BAD}no other node to dial{BAD:#}: {}", own_bootstrap(address))
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
                "{STRONG}not listening on any address{STRONG:#}: nobody can dial this node, so it must dial others"
            )
        }
        Step::AcceptFailed { error } => {
            writeln!(out, "{BAD}cannot accept connections{BAD:#}: {error}; retrying")
        }
        Step::AcceptsAgain => writeln!(out, "accepting connections again"),
        Step::PeerReachedDirectly { peer, signers } => {
            writeln!(out, "now reaches {peer}{} without the relay", beside(signers))
        }
        Step::Reachable { address } => {
            writeln!(out, "can be reached from outside at {}", address.escape_debug())
        }
        Step::Offence { peer, signers, offence, consequence } => {
            writeln!(
                out,
                "ignored a message that came through {peer}{}: {offence} ({consequence})",
                beside(signers)
            )
        }
        Step::Missed { events } => writeln!(out, "{events} events were dropped: output too slow"),
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
            super::terms::terms(out, terms)
        }
        Step::SessionDiscovered(terms) => {
            writeln!(out, "{STRONG}discovered a session{STRONG:#}")?;
            super::terms::terms(out, terms)
        }
        Step::SessionResumed(terms) => {
            writeln!(
                out,
                "{STRONG}resumes a session{STRONG:#} that was approved before the restart"
            )?;
            super::terms::terms(out, terms)
        }
        Step::SessionNotResumed { session, error } => {
            writeln!(out, "{}{BAD}cannot be resumed{BAD:#} after the restart: {error}", of(session))
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
            writeln!(
                out,
                "{}waiting for its turn: its proposer's other sessions are running",
                of(session)
            )
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
            "{}{BAD}refused{BAD:#}: {error} (proposed by {})",
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
                "{}the proof is in {file}: check it with `musig2-node evidence verify`",
                of(session)
            )
        }
        Step::Reloaded(reloaded) => super::reloaded(out, reloaded),
        Step::NotReloaded { error } => {
            writeln!(
                out,
                "{BAD}cannot reload the policy{BAD:#}, so the previous one stays in force: {error}"
            )
        }
        Step::DemoStarted { signers, items, transport } => writeln!(
            out,
            "{STRONG}{} by {signers} signers{STRONG:#}: {signers} nodes on 127.0.0.1 over {transport}; each knows only the address of signer 0",
            count(*items, "signature"),
        ),
        Step::VerifiedIndependently { items } => writeln!(
            out,
            "{GOOD}{items} of {items} verify{GOOD:#} (BIP340, under the key that signers and tweaks give; checked by another library)",
        ),
        Step::Other { description } => writeln!(out, "{description}"),
    }
}

/// Returns `(2 of 3, 43 s left; waiting for signer 02a1b3c4)`.
fn how_far(progress: &RoundProgress, demo: bool) -> String {
    let RoundProgress { done, of, awaiting, left_ms } = progress;
    if awaiting.is_empty() || demo {
        return format!("{DIM}({done} of {of}){DIM:#}");
    }
    let left = match left_ms {
        0 => String::new(),
        left => format!(", {} left", time::words(Duration::from_millis(*left))),
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

fn aborted(out: &mut Vec<u8>, ending: &Ending) -> io::Result<()> {
    writeln!(
        out,
        "session {}: {BAD}ended without signatures{BAD:#}: {}",
        short(&ending.session),
        ending.what
    )?;
    ending.named().try_for_each(|(title, named)| writeln!(out, "    {title} {named}"))
}
