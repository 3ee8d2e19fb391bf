//! Invalid partial signatures.

use super::letters::{Heard, Substitutes, edit_frames, edit_own, hide_own};
use super::{Adversary, Means, Round};
use crate::engine::Engine;
use musig2_proto::wire::statement::{Body, Partials, Statement};
use musig2_proto::{Input, Message, Output, SessionId, Transcript};

/// Follows the protocol up to its partial signatures, and never lets the final ones out.
pub(super) struct BadPartials<C: Engine> {
    flaw: Flaw,
    heard: Heard,
    substitutes: Substitutes<C>,
}

/// What is wrong with the partial signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Random,
    OtherMessage,
    RogueTranscript,
}

impl<C: Engine> BadPartials<C> {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self { flaw, heard: Heard::default(), substitutes: Substitutes::default() }
    }

    /// Returns partial signatures made with the stated nonces but on another message, under the
    /// transcript that everyone else computes.
    fn of_another_message(
        &mut self,
        means: &Means<'_, C>,
        session: &SessionId,
        statement: &Statement,
        partials: &Partials,
    ) -> Option<Statement> {
        let own = self.substitutes.nonces(session, partials.attempt, partials.boot)?;
        let others = self.heard.nonces(session, partials.attempt);
        self.substitutes.instead_of(means, session, statement, |rogue| {
            let round: Round = rogue.round(&own, &others)?;
            let messages: Vec<_> =
                rogue.view.manifest.items().iter().map(|_| Message::new([0x66; 32])).collect();
            let signed = rogue.sign_messages(&own, &round, &messages)?;
            Some(rogue.partials_with(signed, round.transcript))
        })
    }
}

impl<C: Engine> Adversary<C> for BadPartials<C> {
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        self.heard.hear(&input);
        vec![hide_own(means, input)]
    }

    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let outputs = edit_own(means, outputs, |means, _, session, statement| {
            let other = match &statement.body {
                // Its own nonces, made here so that it knows the secrets.
                Body::Nonces(_) if self.flaw == Flaw::OtherMessage => {
                    self.substitutes
                        .instead_of(means, &session, &statement, |rogue| Some(rogue.nonces()))
                }
                Body::Partials(partials) => match self.flaw {
                    Flaw::OtherMessage => {
                        self.of_another_message(means, &session, &statement, partials)
                    }
                    Flaw::Random => {
                        self.substitutes.instead_of(means, &session, &statement, |rogue| {
                            Some(rogue.partials_with(rogue.garbage(), partials.transcript))
                        })
                    }
                    Flaw::RogueTranscript => {
                        let rogue = Transcript::new(means.random());
                        let signed = partials.partials.to_vec();
                        self.substitutes.instead_of(means, &session, &statement, |signer| {
                            Some(signer.partials_with(signed, rogue))
                        })
                    }
                },
                _ => return Some(statement),
            };
            // The statement that its node made is not sent in any case.
            other
        });
        edit_frames(outputs, |_, frame| {
            frame.signatures = None;
            true
        })
    }
}
