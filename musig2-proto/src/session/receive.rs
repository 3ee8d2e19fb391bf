//! What a frame brings. Nothing in it is believed except what a signer signed.

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
    /// Takes what is valid in a frame. If not all of it is, returns the first offence.
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
                    self.locate(cx, statement.author, from);
                }
                Ok(_) => {}
                // The source's allowance is used up: the rest of the frame is dropped.
                Err(offence @ (Offence::TooMany | Offence::Busy)) => {
                    return outcome.and(Err(offence));
                }
                // After one bad statement the others still count: the sender may only have relayed
                // it.
                Err(offence) => outcome = outcome.and(Err(offence)),
            }
        }
        if let Some(signatures) = &frame.signatures {
            outcome = outcome.and(self.receive_signatures(cx, from, signatures));
        }
        outcome
    }

    /// Notes that a signer's own new statement came from this source, in the signer's own frame.
    fn locate<R>(&mut self, cx: &mut Context<'_, R>, signer: SignerIndex, from: &Source) {
        // A statement of this node's own key was repeated by somebody else: this node is not its own
        // peer, and is never asked.
        if signer == self.me {
            return;
        }
        if let (Some(key), true) = (self.agreement.manifest.signer(signer), self.is_joined()) {
            cx.env.sources.prove(cx.now, from, key);
        }
        if let Some(link) = self.links.get_mut(signer.as_usize()) {
            link.locate(from, cx.now);
        }
    }

    /// Charges for what is to be verified. If strangers hold all buckets, a source without one may
    /// be a co-signer that this node has not heard before. In a session that this node has joined,
    /// the session's own bucket then pays.
    fn charge<R>(
        &mut self,
        cx: &mut Context<'_, R>,
        from: &Source,
        checks: usize,
    ) -> Result<(), Offence> {
        match cx.charge_for(from, checks) {
            Err(Offence::Busy)
                if self.is_joined()
                    && self.spare.take(Limit::of_source(&cx.env.config), cx.now, checks) =>
            {
                Ok(())
            }
            charged => charged,
        }
    }

    /// Remembers what a peer says that it holds. That is only a hint.
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
            // Statements of a signer that does not reach everybody may have to be relayed.
            if reach_changes && self.is_needy(have.signer) {
                self.timing.relay_by(cx.now.saturating_add(cx.env.config.relay_delay));
            }
        }
        Ok(())
    }

    /// Takes one statement: cheap checks first, then the charge, then the signature, and then what
    /// it proves. Returns whether it was valid and new here.
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
        // A wrong number of partial signatures proves nothing, so nobody pays for verifying it.
        if matches!(&statement.body, Body::Partials(partials) if partials.partials.len() != items) {
            return Err(Offence::Misfit);
        }
        // This node knows what it declined, so nobody else can tell it.
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
        // One proof is enough, since it ends the session. Checking more would only cost time.
        if proof.is_some() && self.board.shown_proof().is_some() {
            return Ok(false);
        }
        self.charge(cx, from, 1 + proof.map_or(0, |proof| proof.checks()))?;
        let hash = statement.hash(&self.agreement.id);
        if !statement.verify::<C>(&hash, &key) {
            return Err(Offence::BadSignature);
        }
        // Everything that this life stated is on its board. So someone else uses its key, and knows
        // its boot.
        if author == self.me
            && self.life.as_ref().is_some_and(|life| Some(life.boot) == statement.boot())
        {
            self.end(cx, Outcome::Aborted(AbortCause::RivalInstance));
            return Err(Offence::Impersonation);
        }
        let conviction = proof
            .map(|proof| proof.verify(&self.agreement).map_err(|_| Offence::FalseProof))
            .transpose()?;
        // The signature is valid, so the wrong number of nonces is its author's fault.
        if matches!(&statement.body, Body::Nonces(nonces) if nonces.source.nonces().len() != items)
        {
            let nonces = Signed::of(statement);
            self.proof = self.proof.take().or(nonces.map(|nonces| Proof::InvalidNonce { nonces }));
            return Ok(true);
        }
        match self.board.file(statement.clone(), hash, cx.now) {
            Filing::New => {
                self.last_activity = cx.now;
                self.shown = conviction.or(self.shown);
                if self.others().any(|signer| self.is_needy(signer)) {
                    self.timing.relay_by(cx.now.saturating_add(cx.env.config.relay_delay));
                }
                // This life's own join is already on the board. So a new join of this key was made
                // elsewhere: by an earlier life, or, if there can be none, by another machine.
                let is_join = matches!(statement.body, Body::Join(_));
                if is_join && author == self.me && self.is_younger_than_memory(cx) {
                    cx.emit(Event::KeyInUseElsewhere { session: self.id() });
                }
                if let (Body::Join(join), true) = (&statement.body, self.is_joined()) {
                    let created_at = self.agreement.manifest.created_at();
                    cx.env.contacts.meet(created_at, key, &join.contact);
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

    /// Whether this session was created after this node began to remember, even if the clocks
    /// differ as far as they may. Then no earlier life can have joined it.
    fn is_younger_than_memory<R>(&self, cx: &Context<'_, R>) -> bool {
        self.agreement.manifest.created_at() > cx.since().saturating_add(cx.env.config.clock_skew)
    }

    /// Takes final signatures. They prove themselves, whoever sends them.
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
