//! Takes every step that the board allows. All of it is decided again after every input, from the
//! board as it stands. So the order in which statements arrive does not matter, and a session never
//! waits for something that is already there.

use super::round::RoundError;
use super::{Outcome, Round, Session};
use crate::api::abort::AbortCause;
use crate::api::event::{Event, SessionError};
use crate::base::bytes::PartialSignature;
use crate::base::ids::{AttemptId, SignerIndex};
use crate::config::Stepping;
use crate::crypto::Crypto;
use crate::env::context::Context;
use crate::wire::statement::DeclineReason;
use rand_core::CryptoRng;
use std::collections::{BTreeMap, BTreeSet};

/// What the application has been told, so that it is told once.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Milestones {
    joined: BTreeSet<SignerIndex>,
    pub(super) declined: BTreeMap<SignerIndex, DeclineReason>,
    ready: bool,
    /// The attempt that the fields below are about.
    attempt: Option<AttemptId>,
    /// How many lives each restarted signer had when this node noticed the attempt.
    lives: BTreeMap<SignerIndex, usize>,
    nonces: BTreeSet<SignerIndex>,
    nonces_complete: bool,
    partials: BTreeSet<SignerIndex>,
    partials_complete: bool,
    /// The application was told that a signer aborted before the session was approved here.
    withdrawn: bool,
    /// The engine failed in this attempt: trying again would fail again.
    faulted: bool,
}

impl<C: Crypto> Session<C> {
    /// Takes every step that can be taken now. Their order matters, as the comments say.
    pub(crate) fn advance<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if self.outcome.is_some() || !self.is_active() {
            return self.notice_withdrawal(cx);
        }
        self.tell_joins(cx);
        self.tell_declines(cx);
        self.notice_attempt(cx);
        // Before anything is stated in this attempt: two lives of one key must not both take part.
        if self.has_rival() {
            return self.end(cx, Outcome::Aborted(AbortCause::RivalInstance));
        }
        self.prove();
        // An abort on the board, or a proof, stops all stating and signing, even if everything that
        // this node needs came in the same frame.
        if !self.is_halted() {
            self.step_nonces(cx);
        }
        self.tell_nonces(cx);
        self.step_round(cx);
        if !self.is_halted() {
            self.step_partials(cx);
        }
        self.tell_partials(cx);
        // Final signatures go before everything else, and a proof of fault before an abort.
        self.step_finalize(cx);
        if let Some(proof) = self.proof.take().filter(|_| self.outcome.is_none()) {
            self.convict(cx, proof);
        }
        if let Some(cause) = self.aborted() {
            self.end(cx, Outcome::Aborted(cause));
        }
        self.step_declined(cx);
        self.keep_time(cx);
    }

    /// Notices that a signer has ended its part before this node joined: nobody can finish the
    /// session any more. If it waits for its turn, it ends. If it waits for the application, the
    /// application is told, but the session keeps its place. Otherwise a stranger could propose a
    /// session, take it back, and propose the next for ever.
    fn notice_withdrawal<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if self.outcome.is_some() || self.is_joined() || self.milestones.withdrawn {
            return;
        }
        let Some(cause) = self.aborted() else { return };
        if self.is_queued() {
            return self.end(cx, Outcome::Aborted(cause));
        }
        self.milestones.withdrawn = true;
        cx.emit(Event::SessionWithdrawn { session: self.id(), cause });
    }

    /// Whether another life of this node's key takes part in this attempt. This node cannot know
    /// which of the two is the copy, so it stops.
    fn has_rival(&self) -> bool {
        let Some(boot) = self.life.as_ref().map(|life| life.boot) else { return false };
        self.board.lives(self.me).any(|filed| filed.statement.boot() != Some(boot))
    }

    /// Looks for a proof in the board as a whole. (What a single statement proves is noticed when
    /// that statement arrives.)
    fn prove(&mut self) {
        if self.proof.is_none() {
            self.proof = self.board.concurrent_instances().or_else(|| self.board.restart_limit());
        }
    }

    /// Whether nothing more may be signed here.
    fn is_halted(&self) -> bool {
        self.proof.is_some()
            || self.board.shown_proof().is_some()
            || self.board.aborts().next().is_some()
    }

    /// Returns the proof or the abort that ends the session. A proof counts for more than a
    /// signer's wish.
    fn aborted(&self) -> Option<AbortCause> {
        let shown = self.shown.zip(self.board.shown_proof());
        shown.map(|(conviction, proof)| self.cause_of(conviction, proof)).or_else(|| {
            let (signer, abort) = self.board.aborts().next()?;
            Some(AbortCause::BySigner { signer, reason: abort.reason.clone() })
        })
    }

    fn tell_joins<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let joined = self.board.joined().collect::<Vec<_>>();
        if joined.len() > self.milestones.joined.len() {
            self.note_join(cx);
        }
        tell(&mut self.milestones.joined, &joined, |signer| {
            cx.emit(Event::SignerJoined { session: self.agreement.id, signer });
        });
        if !self.milestones.ready && self.missing_joins().next().is_none() {
            self.milestones.ready = true;
            cx.emit(Event::SessionReady { session: self.id() });
        }
    }

    /// Notices a new attempt: a signer joined under another boot, so everyone's nonces so far are
    /// void. Secret nonces that were not used are destroyed.
    fn notice_attempt<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let attempt = self.board.attempt();
        if self.milestones.attempt == Some(attempt) {
            return;
        }
        // This node has nothing to compare its first attempt with, so it reports no restart.
        if self.milestones.attempt.is_some() {
            let (session, restarts) = (self.id(), self.board.restarts());
            let known = &self.milestones.lives;
            let signers = self
                .board
                .lives_of_restarted()
                .filter(|(signer, lives)| known.get(signer).is_none_or(|known| lives > known))
                .map(|(signer, _)| signer)
                .collect();
            cx.emit(Event::AttemptRestarted { session, restarts, signers });
        }
        let lives = self.board.lives_of_restarted().collect();
        let Milestones { joined, declined, ready, .. } = core::mem::take(&mut self.milestones);
        self.milestones = Milestones {
            joined,
            declined,
            ready,
            attempt: Some(attempt),
            lives,
            ..Milestones::default()
        };
        if let Some(life) = &mut self.life {
            life.forget_nonces_but(attempt);
            life.permits = Default::default();
        }
        // Rounds in which this node released stay: the others may still complete them.
        let (me, board) = (self.me, &self.board);
        self.rounds.retain(|round| round.partials(board, me).is_some());
    }

    fn may(&self, stepping: Stepping, permitted: impl Fn(super::life::Permits) -> bool) -> bool {
        stepping == Stepping::Automatic
            || self.life.as_ref().is_some_and(|life| permitted(life.permits))
    }

    fn step_nonces<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let attempt = self.board.attempt();
        let stated = self.life.as_ref().is_some_and(|life| {
            self.board.nonces(self.me, attempt).is_some_and(|(own, _)| own.boot == life.boot)
        });
        if stated
            || self.milestones.faulted
            || !self.may(cx.env.config.stepping, |permits| permits.nonces)
        {
            return;
        }
        if self.make_nonces(cx).is_none() {
            self.fault(cx, SessionError::ComputingFault);
        }
    }

    fn tell_nonces<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let there: Vec<_> = self.with_nonces().collect();
        tell(&mut self.milestones.nonces, &there, |signer| {
            cx.emit(Event::NonceReceived { session: self.agreement.id, signer });
        });
    }

    /// Builds the attempt's round once all its nonces are there.
    fn step_round<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if self.milestones.nonces_complete {
            return;
        }
        let attempt = self.board.attempt();
        let nonces = self
            .agreement
            .manifest
            .indices()
            .map(|signer| self.board.nonces(signer, attempt).map(|(_, filed)| filed.clone()))
            .collect::<Option<Vec<_>>>();
        let Some(nonces) = nonces else { return };
        self.milestones.nonces_complete = true;
        cx.emit(Event::NoncesComplete { session: self.id() });
        match Round::new(&self.agreement, attempt, nonces) {
            Ok(round) => self.keep_round(round),
            Err(RoundError::Invalid(proof)) => self.proof = Some(*proof),
            Err(RoundError::Engine) => self.fault(cx, SessionError::AggregationFault),
        }
    }

    fn step_partials<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let ready = self.outcome.is_none()
            && self.current_round().is_some()
            && self.can_sign()
            && !self.milestones.faulted
            && self.may(cx.env.config.stepping, |permits| permits.partials);
        if !ready || cx.now >= self.agreement.manifest.expires_at() {
            return;
        }
        if self.release_partials(cx).is_none() {
            self.fault(cx, SessionError::ComputingFault);
        }
    }

    fn tell_partials<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let there: Vec<_> = self.with_partials().collect();
        tell(&mut self.milestones.partials, &there, |signer| {
            cx.emit(Event::PartialSigReceived { session: self.agreement.id, signer });
        });
        if !self.milestones.partials_complete
            && there.len() == self.agreement.manifest.signer_count()
        {
            self.milestones.partials_complete = true;
            cx.emit(Event::PartialSigsComplete { session: self.id() });
        }
    }

    /// Aggregates and verifies the final signatures. Only if these are invalid does it check the
    /// partial signatures one by one, to find who is at fault.
    fn step_finalize<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if self.milestones.faulted || !self.may(cx.env.config.stepping, |permits| permits.finalize)
        {
            return;
        }
        // Any complete attempt with valid signatures will do, even if another one is spoilt.
        let (mut signed, mut spoilt) = (None, None);
        for round in &self.rounds {
            let Some(partials) = self.partials_of(round) else { continue };
            match round.aggregate(&partials) {
                Some(signatures) => signed = Some(signatures),
                None => spoilt = Some(round),
            }
        }
        if let Some(signatures) = signed {
            return self.end(cx, Outcome::Complete(signatures));
        }
        let Some(round) = spoilt else { return };
        let mut signers = self.agreement.manifest.indices().zip(self.agreement.manifest.signers());
        // If each partial signature is valid and the aggregate is not, the engine is at fault, and
        // nobody is blamed.
        match signers.find_map(|(signer, key)| round.proof_against(&self.board, signer, key)) {
            Some(proof) => self.proof = Some(proof),
            None => self.fault(cx, SessionError::AggregationFault),
        }
    }

    /// Returns each signer's partial signatures of a round, if all are there.
    fn partials_of(&self, round: &Round<C>) -> Option<Vec<&[PartialSignature]>> {
        let signers = self.agreement.manifest.indices();
        signers
            .map(|signer| Some(round.partials(&self.board, signer)?.0.partials.as_slice()))
            .collect()
    }

    fn fault<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, error: SessionError) {
        self.milestones.faulted = true;
        self.error(cx, error);
    }
}

/// Calls `tell` for each signer in `there` that has not been told about.
fn tell(
    told: &mut BTreeSet<SignerIndex>,
    there: &[SignerIndex],
    mut tell: impl FnMut(SignerIndex),
) {
    for &signer in there {
        if told.insert(signer) {
            tell(signer);
        }
    }
}
