//! Adversaries that end sessions, and that accuse others.

use super::letters::{Heard, edit_own, hide_own, send};
use super::{Adversary, Means, RogueSigner};
use crate::engine::Engine;
use crate::protocol;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::proof::{Proof, Restarted, Signed};
use musig2_proto::wire::statement::{
    Abort as Words, AbortReason, Body, Nonces, Partials, Statement,
};
use musig2_proto::{AggregateNonce, AttemptId, Boot, Input, MAX_JOINS, Output, SessionId};
use std::collections::BTreeSet;

/// Follows the protocol up to its nonces or its partial signatures. Then it tells one side that it
/// aborts, and continues with the other.
#[derive(Default)]
pub(super) struct Abort {
    done: BTreeSet<SessionId>,
}

impl<C: Engine> Adversary<C> for Abort {
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        vec![hide_own(means, input)]
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let mut aborts = Vec::new();
        let mut outputs = edit_own(means, outputs, |_, _, session, statement| {
            // The session's id decides whether it aborts after its nonces or its partial
            // signatures.
            let late = session.as_bytes()[0] % 2 == 0;
            let now = match statement.body {
                Body::Nonces(_) => !late,
                Body::Partials(_) => late,
                _ => false,
            };
            if now && self.done.insert(session) {
                aborts.extend(statement.boot().map(|boot| (session, boot)));
            }
            Some(statement)
        });
        for (session, boot) in aborts {
            let Some(mut rogue) = rogue(means, &session) else { continue };
            rogue.boot = boot;
            let abort = match means.below(2) {
                0 => rogue.abort(),
                // Claims to have a proof, and sends none.
                _ => rogue.state(Body::Abort(Words {
                    boot,
                    reason: AbortReason::Convicted,
                    proof: None,
                })),
            };
            let frame = protocol::frame(session, [abort]);
            let side = means.others().filter(|&to| means.is_on_other_side(to));
            outputs.extend(side.map(|to| send(to, &frame)));
        }
        outputs
    }
}

/// Follows the protocol, but sends with each of its own statements an abort that accuses somebody,
/// with a proof that proves nothing.
#[derive(Default)]
pub(super) struct ForgeEvidence {
    heard: Heard,
    accused: BTreeSet<(SessionId, [u8; 32])>,
}

impl<C: Engine> Adversary<C> for ForgeEvidence {
    fn before(&mut self, _: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        self.heard.hear(&input);
        vec![input]
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let mut occasions = Vec::new();
        let mut outputs = edit_own(means, outputs, |_, _, session, statement| {
            let hash = protocol::statement_hash(&session, statement.author, &statement.body);
            if self.accused.insert((session, hash)) {
                occasions.extend(statement.boot().map(|boot| (session, boot)));
            }
            Some(statement)
        });
        for (session, boot) in occasions {
            let Some(mut rogue) = rogue(means, &session) else { continue };
            for proof in forge(means, &rogue, self.heard.of(&session)) {
                let proof = Some(Box::new(proof));
                let abort =
                    rogue.state(Body::Abort(Words { boot, reason: AbortReason::Convicted, proof }));
                let frame = protocol::frame(session, [abort]);
                outputs.extend(means.others().map(|to| send(to, &frame)));
            }
        }
        outputs
    }
}

fn rogue<C: Engine>(means: &Means<'_, C>, session: &SessionId) -> Option<RogueSigner<C>> {
    RogueSigner::new(means.secret, means.me.contact(), means.node.session(session)?).ok()
}

/// Returns one proof of each kind, built from what one other signer really stated.
fn forge<C: Engine>(
    means: &mut Means<'_, C>,
    rogue: &RogueSigner<C>,
    heard: &[Statement],
) -> Vec<Proof> {
    let others: Vec<_> = heard.iter().filter(|statement| statement.author != rogue.index).collect();
    let Some(victim) = others.get(means.below(others.len())).map(|statement| statement.author)
    else {
        return Vec::new();
    };
    let of_victim = || others.iter().copied().filter(|statement| statement.author == victim);
    let joins: Vec<_> = of_victim().filter_map(Signed::of).collect();
    let nonces: Vec<Signed<Nonces>> = of_victim().filter_map(Signed::of).collect();
    let partials: Vec<Signed<Partials>> = of_victim().filter_map(Signed::of).collect();
    let items = rogue.view.manifest.items().len();
    let mut proofs = Vec::new();
    if let [first, ..] = joins.as_slice() {
        // One life, counted ten times.
        let joins = List::new(vec![first.clone(); MAX_JOINS]);
        proofs.extend(joins.map(|joins| Proof::RestartLimit { joins }));
    }
    if let ([first, ..], [.., second]) = (nonces.as_slice(), nonces.as_slice()) {
        let (first, second) = (first.clone(), second.clone());
        let boots = List::new(vec![first.content.boot, Boot::new(means.random())]);
        let restarted =
            boots.map(|boots| vec![Restarted { signer: victim, boots }]).unwrap_or_default();
        if let Ok(restarted) = List::new(restarted) {
            let (first, second) = (first.clone(), second.clone());
            proofs.push(Proof::ConcurrentInstances { first, second, restarted });
        }
        proofs.push(Proof::InvalidNonce { nonces: first.clone() });
        // Pairs that prove nothing: with the attempt of the second statement changed, so that its
        // signature no longer verifies; and the same statement twice, or statements of two lives.
        let mut other = second.clone();
        other.content.attempt = AttemptId::new(means.random());
        proofs.push(Proof::EquivocatingNonces { first: first.clone(), second: other });
        proofs.push(Proof::EquivocatingNonces { first: first.clone(), second });
        if let [stated, ..] = partials.as_slice() {
            let aggregate = AggregateNonce::new([0; 66]);
            if let Ok(aggregates) = List::new(vec![aggregate; items]) {
                let (nonces, partials, nonce_root) = (first, stated.clone(), means.random());
                proofs.push(Proof::InvalidPartialSignature {
                    nonces,
                    partials,
                    nonce_root,
                    aggregates,
                    item: means.below(items) as u16,
                });
            }
        }
    }
    if let ([first, ..], [.., second]) = (partials.as_slice(), partials.as_slice()) {
        let (first, second) = (first.clone(), second.clone());
        proofs.push(Proof::EquivocatingPartials { first, second });
    }
    proofs
}
