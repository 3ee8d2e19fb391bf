//! An adversary that speaks last: its nonces cancel out everyone else's, and it works alone or with
//! help.

use super::letters::{Heard, Substitutes, edit_own, hide_own, send};
use super::{Adversary, Means, RogueSigner, Round, nonces_of};
use crate::engine::Engine;
use crate::protocol;
use musig2_proto::wire::statement::{Body, Nonces, Statement};
use musig2_proto::{AttemptId, Input, Output, PublicNonce, SessionId};
use std::collections::BTreeMap;

/// Holds its nonces back until it has all others. Then it states the negative of their sum, and
/// random partial signatures.
///
/// Colluders pool what they hear. The one with the greatest key cancels; the others follow the
/// protocol, except that they convict nobody.
pub(super) struct Cancel<C: Engine> {
    colludes: bool,
    heard: Heard,
    /// What its node has stated, but it has not sent.
    held_back: BTreeMap<(SessionId, AttemptId), Statement>,
    substitutes: Substitutes<C>,
}

impl<C: Engine> Cancel<C> {
    pub(super) fn alone() -> Self {
        Self {
            colludes: false,
            heard: Heard::default(),
            held_back: BTreeMap::new(),
            substitutes: Substitutes::default(),
        }
    }

    pub(super) fn together() -> Self {
        Self { colludes: true, ..Self::alone() }
    }

    /// Returns whether this colluder is the one that cancels.
    fn cancels(&self, means: &Means<'_, C>, session: &SessionId) -> bool {
        let Some(view) = means.node.session(session).filter(|_| self.colludes) else { return true };
        let mut partners =
            view.manifest.signers().iter().filter(|key| means.pot.colluders.contains(key));
        partners.all(|key| *key <= means.key())
    }

    fn others(
        &self,
        means: &Means<'_, C>,
        session: &SessionId,
        attempt: AttemptId,
    ) -> Vec<Statement> {
        let heard = if self.colludes { &means.pot.heard } else { &self.heard };
        heard.nonces(session, attempt)
    }

    /// Returns its nonces, once everyone else's are there.
    fn cancelling(
        &mut self,
        means: &Means<'_, C>,
        session: &SessionId,
        own: &Statement,
    ) -> Option<Statement> {
        let Body::Nonces(Nonces { attempt, .. }) = own.body else { return None };
        let others = self.others(means, session, attempt);
        self.substitutes.instead_of(means, session, own, |rogue| {
            let others: Vec<_> =
                others.iter().filter(|other| other.author != rogue.index).collect();
            (others.len() + 1 == rogue.view.manifest.signer_count()).then_some(())?;
            let items = 0..rogue.view.manifest.items().len();
            let nonces =
                items.map(|item| negative_sum::<C>(&others, item)).collect::<Option<Vec<_>>>()?;
            Some(rogue.nonces_with(nonces))
        })
    }

    /// Returns random partial signatures, under the transcript that everyone else computes.
    fn garbage(
        &mut self,
        means: &Means<'_, C>,
        session: &SessionId,
        own: &Statement,
    ) -> Option<Statement> {
        let Body::Partials(partials) = &own.body else { return None };
        let nonces = self.substitutes.nonces(session, partials.attempt, partials.boot)?;
        let others = self.others(means, session, partials.attempt);
        self.substitutes.instead_of(means, session, own, |rogue: &mut RogueSigner<C>| {
            let round: Round = rogue.round(&nonces, &others)?;
            Some(rogue.partials_with(rogue.garbage(), round.transcript))
        })
    }
}

impl<C: Engine> Adversary<C> for Cancel<C> {
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        if self.colludes {
            means.pot.colluders.insert(means.key());
            means.pot.heard.hear(&input);
        } else {
            self.heard.hear(&input);
        }
        vec![hide_own(means, input)]
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        if self.colludes {
            means.pot.colluders.insert(means.key());
        }
        let mut outputs = edit_own(means, outputs, |means, _, session, statement| {
            let convicts = matches!(&statement.body, Body::Abort(abort) if abort.proof.is_some());
            if !self.cancels(means, &session) {
                // An accomplice's nonces go into the pot before anyone else gets them.
                let frame = protocol::frame(session, [statement.clone()]);
                let bytes = protocol::encode(&frame);
                means.pot.heard.hear(&Input::Frame { from: musig2_proto::Source::new([]), bytes });
                return (!convicts).then_some(statement);
            }
            match &statement.body {
                Body::Nonces(nonces) => {
                    let attempt = nonces.attempt;
                    let cancelling = self.cancelling(means, &session, &statement);
                    if cancelling.is_none() {
                        self.held_back.insert((session, attempt), statement);
                    }
                    cancelling
                }
                Body::Partials(_) => self.garbage(means, &session, &statement),
                Body::Abort(_) => (!convicts).then_some(statement),
                Body::Join(_) | Body::Decline(_) => Some(statement),
            }
        });
        for (key, own) in core::mem::take(&mut self.held_back) {
            match self.cancelling(means, &key.0, &own) {
                Some(nonces) => {
                    let frame = protocol::frame(key.0, [nonces]);
                    outputs.extend(means.others().map(|to| send(to, &frame)));
                }
                None => drop(self.held_back.insert(key, own)),
            }
        }
        outputs
    }
}

/// Returns the negative sum of each half of the nonces of an item. Flipping the parity of a
/// compressed point's y coordinate negates the point.
fn negative_sum<C: Engine>(nonces: &[&Statement], item: usize) -> Option<PublicNonce> {
    let of_item = nonces
        .iter()
        .map(|nonces| nonces_of(nonces).get(item).copied())
        .collect::<Option<Vec<_>>>();
    let mut bytes = C::aggregate_nonces(&of_item?)?.to_bytes();
    bytes[0] ^= 1;
    bytes[33] ^= 1;
    Some(PublicNonce::new(bytes))
}
