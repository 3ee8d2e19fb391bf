//! What a frame brings. Nothing in it is believed but what a signer signed.

use super::{Outcome, Session};
use crate::api::abort::AbortCause;
use crate::api::event::Event;
use crate::api::offence::Offence;
use crate::base::bytes::Signature;
use crate::base::ids::{SignerIndex, Source};
use crate::crypto::Crypto;
use crate::env::buckets::Limit;
use crate::env::context::Context;
use crate::session::board::Filing;
use crate::wire::frame::{Frame, Have};
use crate::wire::proof::{Proof, Signed};
use crate::wire::statement::{Abort, AbortReason, Body, Statement};
use rand_core::CryptoRng;

impl<C: Crypto> Session<C> {
    /// Takes what is good in a frame, and says what of it was the first that was not.
    pub(crate) fn receive<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        from: &Source,
        frame: &Frame,
    ) -> Result<(), Offence> {
        let mut outcome = Ok(());
        if let Some(have) = &frame.have {
            self.note(cx, have)?;
        }
        for statement in frame.statements.iter() {
            let sender = frame.have.as_ref().map(|have| have.signer);
            match self.receive_statement(cx, from, statement) {
                Ok(true) if sender == Some(statement.author) => {
                    self.locate(cx, statement.author, from)
                }
                Ok(_) => {}
                Err(offence @ (Offence::TooMany | Offence::Busy)) => {
                    return outcome.and(Err(offence));
                }
                // One wrong statement among good ones: the sender may only pass it on.
                Err(offence) => outcome = outcome.and(Err(offence)),
            }
        }
        if let Some(signatures) = &frame.signatures {
            outcome = outcome.and(self.receive_signatures(cx, from, signatures));
        }
        outcome
    }

    /// A signer's own new statement came from here.
    fn locate<R>(&mut self, cx: &mut Context<'_, R>, signer: SignerIndex, from: &Source) {
        if let (Some(key), true) = (self.agreement.manifest.signer(signer), self.is_joined()) {
            cx.sources.prove(cx.now, from, key);
        }
        if let Some(link) = self.links.get_mut(signer.as_usize()) {
            link.locate(from, cx.now);
        }
    }

    /// Charges for what is to be verified. A source that has no bucket of its own, because strangers hold them all, may be a co-signer that this
    /// node has not heard before: where this node takes part, what is stated is then the session's to pay.
    fn charge<R>(
        &mut self,
        cx: &mut Context<'_, R>,
        from: &Source,
        checks: usize,
    ) -> Result<(), Offence> {
        match cx.charge_for(from, checks) {
            Err(Offence::Busy)
                if self.is_joined()
                    && self.spare.take(Limit::of_source(cx.config), cx.now, checks) =>
            {
                Ok(())
            }
            charged => charged,
        }
    }

    /// Remembers what a peer says it holds: a hint, and no more.
    fn note<R>(&mut self, cx: &Context<'_, R>, have: &Have) -> Result<(), Offence> {
        if !have.fits(self.agreement.manifest.signer_count()) {
            return Err(Offence::Misfit);
        }
        if have.signer == self.me {
            return Ok(());
        }
        if let Some(link) = self.links.get_mut(have.signer.as_usize()) {
            let reached = link.have.as_ref().map(|known| &known.reach);
            let reach_changes = reached != Some(&have.reach);
            link.note(have);
            if reach_changes && self.is_needy(have.signer) {
                self.timing.relay_by(cx.now.saturating_add(cx.config.relay_delay));
            }
        }
        Ok(())
    }

    fn receive_statement<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        from: &Source,
        statement: &Statement,
    ) -> Result<bool, Offence> {
        let manifest = &self.agreement.manifest;
        let author = statement.author;
        let key = *manifest.signer(author).ok_or(Offence::Misfit)?;
        let items = manifest.items().len();
        if matches!(&statement.body, Body::Partials(partials) if partials.partials.len() != items) {
            return Err(Offence::Misfit);
        }
        // This node knows what it declined.
        if author == self.me && matches!(statement.body, Body::Decline(_)) {
            return Ok(false);
        }
        if matches!(&statement.body, Body::Abort(Abort { reason: AbortReason::Declined { signer, .. }, .. }) if manifest.signer(*signer).is_none())
        {
            return Err(Offence::Misfit);
        }
        if self.board.holds(statement) || !self.board.has_place(statement) {
            return Ok(false);
        }
        let proof = match &statement.body {
            Body::Abort(Abort { proof: Some(proof), .. }) => Some(proof),
            _ => None,
        };
        if proof.is_some_and(|proof| !proof.fits(manifest)) {
            return Err(Offence::Misfit);
        }
        if proof.is_some() && self.board.shown_proof().is_some() {
            return Ok(false);
        }
        self.charge(cx, from, 1 + proof.map_or(0, |proof| proof.checks()))?;
        let hash = statement.hash(&self.agreement.id);
        if !statement.verify::<C>(&hash, &key) {
            return Err(Offence::BadSignature);
        }
        // This life stated nothing that is not on its board: someone else uses its key and knows its boot.
        if author == self.me
            && self.life.as_ref().is_some_and(|life| Some(life.boot) == statement.boot())
        {
            self.end(cx, Outcome::Aborted(AbortCause::RivalInstance));
            return Err(Offence::Impersonation);
        }
        if proof.is_some_and(|proof| self.cause_of(proof).is_none()) {
            return Err(Offence::FalseProof);
        }
        // Signed, so this many is its author's fault.
        if matches!(&statement.body, Body::Nonces(nonces) if nonces.source.nonces().len() != items)
        {
            let nonces = Signed::of(statement);
            self.proof = self.proof.take().or(nonces.map(|nonces| Proof::InvalidNonce { nonces }));
            return Ok(true);
        }
        match self.board.file(statement.clone(), hash, cx.now) {
            Filing::New => {
                self.last_activity = cx.now;
                if self.others().any(|signer| self.is_needy(signer)) {
                    self.timing.relay_by(cx.now.saturating_add(cx.config.relay_delay));
                }
                // What is this life's own is on the board already.
                let is_join = matches!(statement.body, Body::Join(_));
                if is_join && author == self.me && self.is_younger_than_memory(cx) {
                    cx.emit(Event::KeyInUseElsewhere { session: self.id() });
                }
                if let (Body::Join(join), true) = (&statement.body, self.is_joined()) {
                    let created_at = self.agreement.manifest.created_at();
                    cx.contacts.meet(created_at, key, &join.contact);
                }
                return Ok(true);
            }
            Filing::Full => {}
            Filing::Conflict(standing) => {
                self.proof = self
                    .proof
                    .take()
                    .or_else(|| Proof::of_equivocation(&standing.statement, statement));
            }
        }
        Ok(false)
    }

    /// Whether this session was created after this node began to remember, whatever clocks may differ by: no earlier life can have joined it.
    fn is_younger_than_memory<R>(&self, cx: &Context<'_, R>) -> bool {
        self.agreement.manifest.created_at() > cx.since.saturating_add(cx.config.clock_skew)
    }

    /// The final signatures prove themselves, whoever sends them.
    fn receive_signatures<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        from: &Source,
        signatures: &[Signature],
    ) -> Result<(), Offence> {
        if self.outcome.is_some() {
            return Ok(());
        }
        if signatures.len() != self.agreement.manifest.items().len() {
            return Err(Offence::Misfit);
        }
        self.charge(cx, from, signatures.len())?;
        if !self.agreement.verifies(signatures) {
            return Err(Offence::FalseSignatures);
        }
        self.end(cx, Outcome::Complete(signatures.to_vec()));
        Ok(())
    }
}
