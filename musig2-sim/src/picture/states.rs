//! What each node knew of its sessions.

use super::data::State;
use super::decode;
use super::lanes::Sessions;
use super::shown::Shown;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::world::World;
use musig2_proto::{AbortCause, Evidence, Phase, SessionView};

/// Returns each change: the step, and all sessions of the node from then on.
pub(super) fn of<C: Engine>(
    world: &World<C>,
    node: NodeId,
    sessions: &Sessions,
) -> Vec<(usize, Vec<State>)> {
    let shown =
        |views: &[SessionView]| views.iter().filter_map(|view| state(view, sessions)).collect();
    world.trace().changes(node).map(|(step, views)| (step, shown(views))).collect()
}

fn state(view: &SessionView, sessions: &Sessions) -> Option<State> {
    let signers = |signers: &[_]| Shown::signers(signers.iter().copied());
    let fields = vec![
        ("phase", Shown::text(phase(view.phase))),
        ("signer here", Shown::signer(view.me)),
        ("restarts", Shown::text(view.restarts)),
        ("joined", signers(&view.joined)),
        ("nonces", signers(&view.nonces)),
        ("partial signatures", signers(&view.partials)),
        ("awaiting", signers(&view.awaiting)),
        ("own partials out", Shown::flag(view.released)),
        ("last activity", Shown::moment(view.last_activity)),
        ("deadline", Shown::optional(view.deadline, Shown::moment)),
        ("cause", Shown::optional(view.cause.as_ref(), cause)),
        (
            "signatures",
            Shown::optional(view.signatures.as_ref(), |all| {
                Shown::list(all, |one| Shown::hex(one.as_bytes()))
            }),
        ),
    ];
    Some(State { session: sessions.number(&view.id)?, phase: phase(view.phase), fields })
}

/// Returns the phase's name on the page, which also decides its colour.
fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Proposed => "proposed",
        Phase::Joining => "joining",
        Phase::Nonces => "nonces",
        Phase::PartialSignatures => "partials",
        Phase::Finalizing => "finalizing",
        Phase::Complete => "complete",
        Phase::Aborted => "aborted",
        _ => "unknown",
    }
}

fn cause(cause: &AbortCause) -> Shown {
    match cause {
        AbortCause::Convicted { signer, fault, evidence } => Shown::Fields(vec![
            ("convicted", Shown::signer(*signer)),
            ("of", Shown::debug(fault)),
            ("by", self::evidence(evidence)),
        ]),
        AbortCause::BySigner { signer, reason } => Shown::Fields(vec![
            ("signer", Shown::signer(*signer)),
            ("reason", Shown::debug(reason)),
        ]),
        other => Shown::debug(other),
    }
}

/// Shows evidence without its manifest, which is the session's.
pub(super) fn evidence(evidence: &Evidence) -> Shown {
    let Evidence { manifest: _, proof } = evidence;
    decode::proof(proof)
}
