//! Changes valid messages: their bits, or what they say.

use super::letters::{Substitutes, edit_own, hide_own};
use super::{Adversary, Means, nonces_of};
use crate::engine::Engine;
use musig2_proto::wire::statement::{Abort, Body, Decline, Join, Nonces, Partials};
use musig2_proto::{
    AbortReason, AttemptId, Boot, Contact, DeclineReason, Input, Output, PartialSignature,
    PublicNonce, Transcript,
};

/// Flips bits in every fourth message that leaves.
pub(super) struct Garble;

impl<C: Engine> Adversary<C> for Garble {
    fn after(&mut self, means: &mut Means<'_, C>, mut outputs: Vec<Output>) -> Vec<Output> {
        for output in &mut outputs {
            let (Output::Send { bytes, .. } | Output::Publish(bytes)) = output else { continue };
            if means.below(4) == 0 {
                for _ in 0..=means.below(3) {
                    let (place, bit) = (means.below(bytes.len()), means.below(8));
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << bit;
                    }
                }
            }
        }
        outputs
    }
}

/// In every third statement, says something slightly different from what its node says, under a
/// valid signature. It tells everyone the same.
pub(super) struct Restate<C: Engine>(Substitutes<C>);

impl<C: Engine> Default for Restate<C> {
    fn default() -> Self {
        Self(Substitutes::default())
    }
}

impl<C: Engine> Adversary<C> for Restate<C> {
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        vec![hide_own(means, input)]
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        edit_own(means, outputs, |means, _, session, statement| {
            let body = match means.below(3) {
                0 => change(means, statement.body.clone(), nonces_of(&statement)),
                _ => statement.body.clone(),
            };
            // A statement that was replaced before is replaced by the same one again.
            let changed =
                self.0.instead_of(means, &session, &statement, |rogue| Some(rogue.state(body)));
            Some(changed.unwrap_or(statement))
        })
    }
}

fn change<C: Engine>(means: &mut Means<'_, C>, body: Body, nonces: &[PublicNonce]) -> Body {
    match body {
        Body::Join(join) => match means.below(2) {
            0 => Body::Join(Join { boot: Boot::new(means.random()), ..join }),
            _ => {
                let contact = Contact::new(means.random::<7>().to_vec()).unwrap_or_default();
                Body::Join(Join { contact, ..join })
            }
        },
        Body::Nonces(stated) => match means.below(3) {
            0 => Body::Nonces(Nonces { boot: Boot::new(means.random()), ..stated }),
            1 => Body::Nonces(Nonces { attempt: AttemptId::new(means.random()), ..stated }),
            _ => {
                let mut nonces = nonces.to_vec();
                swap_halves(&mut nonces);
                let source = musig2_proto::wire::bounded::List::new(nonces);
                let source = source.map(musig2_proto::wire::statement::NonceSource::Inline);
                Body::Nonces(Nonces { source: source.unwrap_or(stated.source), ..stated })
            }
        },
        Body::Partials(stated) => match means.below(3) {
            0 => Body::Partials(Partials { boot: Boot::new(means.random()), ..stated }),
            1 => Body::Partials(Partials { transcript: Transcript::new(means.random()), ..stated }),
            _ => {
                let mut partials = stated.partials.to_vec();
                for partial in &mut partials {
                    let mut bytes = partial.to_bytes();
                    bytes[31] ^= 1;
                    *partial = PartialSignature::new(bytes);
                }
                let partials = musig2_proto::wire::bounded::List::new(partials);
                Body::Partials(Partials {
                    partials: partials.unwrap_or(stated.partials.clone()),
                    ..stated
                })
            }
        },
        Body::Abort(abort) => {
            Body::Abort(Abort { reason: AbortReason::Convicted, proof: None, ..abort })
        }
        Body::Decline(_) => Body::Decline(Decline { reason: DeclineReason::Busy }),
    }
}

/// Swaps the two points of each nonce. The result is still a nonce, but a different one.
fn swap_halves(nonces: &mut [PublicNonce]) {
    for nonce in nonces {
        let mut bytes = nonce.to_bytes();
        bytes.rotate_left(33);
        *nonce = PublicNonce::new(bytes);
    }
}
