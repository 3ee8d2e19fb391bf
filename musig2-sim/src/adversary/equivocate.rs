//! Tells one thing to some, and another to the rest.

use super::letters::{Substitutes, edit_own, hide_own};
use super::{Adversary, Means};
use crate::engine::Engine;
use musig2_proto::wire::statement::Body;
use musig2_proto::{Input, Output};

/// Tells one side what its node says, and the other side something else in the same place.
pub(super) struct Equivocate<C: Engine> {
    of: Kind,
    substitutes: Substitutes<C>,
}

/// The round in which it equivocates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nonces,
    Partials,
}

impl<C: Engine> Equivocate<C> {
    pub(super) fn new(of: Kind) -> Self {
        Self { of, substitutes: Substitutes::default() }
    }
}

impl<C: Engine> Adversary<C> for Equivocate<C> {
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        vec![hide_own(means, input)]
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let &mut Self { of, ref mut substitutes } = self;
        edit_own(means, outputs, |means, to, session, statement| {
            if !to.is_some_and(|to| means.is_on_other_side(to)) {
                return Some(statement);
            }
            let other = match &statement.body {
                // Nonces that look valid to anyone who sees only these.
                Body::Nonces(_) if of == Kind::Nonces => {
                    substitutes
                        .instead_of(means, &session, &statement, |rogue| Some(rogue.nonces()))
                }
                Body::Partials(partials) if of == Kind::Partials => {
                    let transcript = partials.transcript;
                    substitutes.instead_of(means, &session, &statement, |rogue| {
                        Some(rogue.partials_with(rogue.garbage(), transcript))
                    })
                }
                _ => None,
            };
            Some(other.unwrap_or(statement))
        })
    }
}
