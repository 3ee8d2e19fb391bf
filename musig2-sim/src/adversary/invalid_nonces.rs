//! Invalid nonces.

use super::letters::{Substitutes, edit_own, hide_own};
use super::{Adversary, Means, nonces_of};
use crate::engine::Engine;
use crate::plan::NonceFlaw;
use musig2_proto::wire::statement::Body;
use musig2_proto::{Input, Output, PublicNonce};

/// States flawed nonces to everyone.
pub(super) struct InvalidNonces<C: Engine> {
    flaw: NonceFlaw,
    substitutes: Substitutes<C>,
}

impl<C: Engine> InvalidNonces<C> {
    pub(super) fn new(flaw: NonceFlaw) -> Self {
        Self { flaw, substitutes: Substitutes::default() }
    }
}

impl<C: Engine> Adversary<C> for InvalidNonces<C> {
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        vec![hide_own(means, input)]
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        edit_own(means, outputs, |means, _, session, statement| {
            if !matches!(statement.body, Body::Nonces(_)) {
                return Some(statement);
            }
            let mut nonces = nonces_of(&statement).to_vec();
            match self.flaw {
                NonceFlaw::OffCurve => replace_first(&mut nonces, off_curve(means)),
                NonceFlaw::Infinity => replace_first(&mut nonces, PublicNonce::new([0; 66])),
                NonceFlaw::TooFew => drop(nonces.pop()),
                NonceFlaw::TooMany => nonces.extend(nonces.first().copied()),
            }
            self.substitutes
                .instead_of(means, &session, &statement, |rogue| Some(rogue.nonces_with(nonces)))
        })
    }
}

fn replace_first(nonces: &mut [PublicNonce], by: PublicNonce) {
    if let Some(first) = nonces.first_mut() {
        *first = by;
    }
}

/// Returns two compressed points of which at least one is not on the curve. Half of all x
/// coordinates belong to no point, so a few tries are enough.
fn off_curve<C: Engine>(means: &mut Means<'_, C>) -> PublicNonce {
    for _ in 0..100 {
        let mut bytes: [u8; 66] = means.random();
        (bytes[0], bytes[33]) = (2, 3);
        if !C::is_valid_nonce(&PublicNonce::new(bytes)) {
            return PublicNonce::new(bytes);
        }
    }
    PublicNonce::new([0xff; 66])
}
