//! This node's signing state in one session. It is never stored: a signer that loses its memory
//! starts another life, so no secret nonce can be restored and used twice.

use super::{Outcome, Round, Session};
use crate::api::abort::AbortCause;
use crate::api::event::SessionError;
use crate::base::bounded::List;
use crate::base::codec::encoded_size;
use crate::base::hash::{Tag, TaggedHash};
use crate::base::ids::{AttemptId, Boot, SignerIndex};
use crate::crypto::Crypto;
use crate::env::context::Context;
use crate::rules::conviction::Conviction;
use crate::session::board::Filing;
use crate::terms::manifest::Manifest;
use crate::wire::proof::{Evidence, MAX_RESTARTS, Proof};
use crate::wire::statement::{
    Abort, AbortReason, Body, Join, NonceSource, Nonces, Note, Partials, Statement,
};
use core::hash::{Hash, Hasher};
use rand_core::CryptoRng;
use std::sync::Arc;

/// An upper bound on the bytes that a statement adds to a proof.
const STATEMENT_SIZE: usize = 128;

static BOOT: Tag = Tag::new("musig2-proto/boot");
static NONCE: Tag = Tag::new("musig2-proto/nonce");

/// A life, from consent to the end.
pub(crate) struct Life<C: Crypto> {
    pub(crate) boot: Boot,
    /// The secret nonces of one attempt, from NonceGen until they sign, once, or are dropped.
    secrets: Option<(AttemptId, Vec<C::SecretNonce>)>,
    /// Whether partial signatures have left, in any attempt.
    pub(crate) released: bool,
    /// What the application has permitted in the current attempt, if stepping is manual.
    pub(crate) permits: Permits,
}

/// A step that waits for the application if stepping is manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    ShareNonces,
    SharePartialSignatures,
    Finalize,
}

/// Which steps the application has permitted.
#[derive(Debug, Clone, Copy, Hash, Default)]
pub(crate) struct Permits {
    pub(crate) nonces: bool,
    pub(crate) partials: bool,
    pub(crate) finalize: bool,
}

/// Only for engines whose secret nonces can be cloned, which only the simulator's can.
impl<C: Crypto> Clone for Life<C>
where
    C::SecretNonce: Clone,
{
    fn clone(&self) -> Self {
        let Self { boot, secrets, released, permits } = self;
        Self { boot: *boot, secrets: secrets.clone(), released: *released, permits: *permits }
    }
}

impl<C: Crypto> Hash for Life<C>
where
    C::SecretNonce: Hash,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { boot, secrets, released, permits } = self;
        (boot, secrets, released, permits).hash(state);
    }
}

impl<C: Crypto> Life<C> {
    pub(crate) fn forget_nonces(&mut self) {
        self.secrets = None;
    }

    /// Drops the secret nonces of any attempt but this one.
    pub(crate) fn forget_nonces_but(&mut self, attempt: AttemptId) {
        self.secrets.take_if(|(of, _)| *of != attempt);
    }
}

impl<C: Crypto> Session<C> {
    /// Consents to the manifest: draws a boot and states the join. Returns `None` if the engine
    /// cannot sign.
    pub(crate) fn join<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) -> Option<()> {
        let boot = self.draw_boot(cx);
        let contact = cx.env.contact.clone();
        self.state(cx, Body::Join(Join { boot, contact }))?;
        self.life =
            Some(Life { boot, secrets: None, released: false, permits: Permits::default() });
        self.is_queued = false;
        Some(())
    }

    /// Draws a boot, from the time as well as from randomness. From randomness alone, two lives
    /// whose generators start from the same state would share a boot. Their nonces would differ,
    /// because these do depend on the time, and two different nonces under one boot would convict
    /// this key of equivocation.
    fn draw_boot<R: CryptoRng>(&self, cx: &mut Context<'_, R>) -> Boot {
        let random: [u8; Boot::SIZE] = cx.random();
        let hash = TaggedHash::new(&BOOT)
            .add(self.agreement.id.as_bytes())
            .add(random)
            .add(cx.now.as_millis().to_le_bytes())
            .finish();
        let mut boot = [0; Boot::SIZE];
        boot.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Boot::new(boot)
    }

    /// Whether this key may begin another life in this session. It must not state the tenth join,
    /// which would convict it.
    pub(crate) fn may_join(&self) -> bool {
        self.board.joins(self.me).count() <= MAX_RESTARTS
    }

    /// Checks that a step can be taken now; if not, returns the signers that it waits for.
    pub(crate) fn check_step(&self, step: Step) -> Result<(), Vec<SignerIndex>> {
        let awaited = match step {
            Step::ShareNonces => Vec::new(),
            Step::SharePartialSignatures => self.missing_nonces().collect(),
            Step::Finalize => match self.current_round() {
                Some(_) => self.missing_partials().collect(),
                None => self.missing_nonces().collect(),
            },
        };
        if awaited.is_empty() { Ok(()) } else { Err(awaited) }
    }

    /// Notes that the application permits a step of the current attempt.
    pub(crate) fn permit(&mut self, step: Step) {
        let Some(life) = &mut self.life else { return };
        match step {
            Step::ShareNonces => life.permits.nonces = true,
            Step::SharePartialSignatures => life.permits.partials = true,
            Step::Finalize => life.permits.finalize = true,
        }
    }

    /// Runs BIP327 NonceGen for every item of the current attempt, and states the public nonces.
    pub(super) fn make_nonces<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) -> Option<()> {
        let boot = self.life.as_ref()?.boot;
        let attempt = self.board.attempt();
        let mut secrets = Vec::with_capacity(self.agreement.keys.len());
        let mut nonces = Vec::with_capacity(self.agreement.keys.len());
        for (place, (key, item)) in
            (0_u32..).zip(self.agreement.keys.iter().zip(self.agreement.manifest.items()))
        {
            // Each item has its own randomness: no two nonces are derived from a common root.
            let randomness = cx.random();
            let extra = TaggedHash::new(&NONCE)
                .add(self.agreement.id.as_bytes())
                .add(self.me.get().to_le_bytes())
                .add(attempt.as_bytes())
                .add(boot.as_bytes())
                .add(place.to_le_bytes())
                // A generator that starts again from the same state does so at another time, and so
                // still makes other nonces.
                .add(cx.now.as_millis().to_le_bytes())
                .finish();
            let (secret, public) =
                C::generate_nonce(&self.keypair, key, item.message(), randomness, extra)?;
            secrets.push(secret);
            nonces.push(public);
        }
        let source = NonceSource::Inline(List::new(nonces).ok()?);
        // If stating fails, the secret nonces are dropped here and never sign.
        self.state(cx, Body::Nonces(Nonces { boot, attempt, source }))?;
        self.life.as_mut()?.secrets = Some((attempt, secrets));
        Some(())
    }

    /// Whether this life holds the secret nonces for the current attempt.
    pub(super) fn can_sign(&self) -> bool {
        let attempt = self.board.attempt();
        self.life
            .as_ref()
            .and_then(|life| life.secrets.as_ref())
            .is_some_and(|(of, _)| *of == attempt)
    }

    /// Runs BIP327 Sign for every item under the current round, and states the partial signatures.
    /// Each secret nonce is destroyed, whatever happens. Partial signatures that do not verify
    /// never leave this node: they would give the key away.
    pub(super) fn release_partials<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) -> Option<()> {
        let life = self.life.as_mut()?;
        let boot = life.boot;
        let (attempt, secrets) = life.secrets.take()?;
        let round = self.rounds.iter().find(|round| round.attempt == attempt)?;
        // The round must be about the nonces whose secrets are used up here, and not about those of
        // another life.
        if round.boot(self.me) != Some(boot) {
            return None;
        }
        let transcript = round.transcript;
        let partials = round.sign(secrets, &self.keypair, self.me)?;
        let partials = List::new(partials).ok()?;
        self.state(cx, Body::Partials(Partials { boot, attempt, transcript, partials }))?;
        self.life.as_mut()?.released = true;
        Some(())
    }

    /// Ends this node's part because the application says so, and tells the others.
    pub(crate) fn abort<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, note: Note) {
        let reason = AbortReason::Requested(note);
        self.say_over(cx, reason.clone(), None);
        self.end(cx, Outcome::Aborted(AbortCause::BySigner { signer: self.me, reason }));
    }

    /// Ends this node's part because the application has waited long enough, and tells the others.
    pub(crate) fn give_up<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let (phase, awaiting) = (self.phase(), self.awaiting());
        self.say_over(cx, AbortReason::TimedOut, None);
        self.end(cx, Outcome::Aborted(AbortCause::TimedOut { phase, awaiting }));
    }

    /// Ends this node's part with the proof of a signer's fault, and shows the proof to the others.
    /// The proof is checked first, as anyone else will check it: this node accuses nobody wrongly,
    /// even if its own reasoning is at fault.
    pub(super) fn convict<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, proof: Proof) {
        let Ok(conviction) = proof.verify(&self.agreement) else { return };
        let cause = self.cause_of(conviction, &proof);
        // Nonces of a wrong count may be too large to fit into a frame as part of a proof. Then the
        // abort says `Convicted` without it.
        let size = encoded_size(&proof) + cx.env.config.envelope_size() + STATEMENT_SIZE;
        let proof = (size <= cx.env.config.max_frame_size).then(|| Box::new(proof));
        self.say_over(cx, AbortReason::Convicted, proof);
        self.end(cx, Outcome::Aborted(cause));
    }

    /// Ends a session whose turn has come but that cannot be joined: the engine cannot sign, or
    /// this key has restarted too often.
    pub(crate) fn fail_to_join<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        self.error(cx, SessionError::ComputingFault);
        let reason = AbortReason::Requested(Note::new("could not be joined when its turn came"));
        self.end(cx, Outcome::Aborted(AbortCause::BySigner { signer: self.me, reason }));
    }

    /// States an abort, if this node has joined and no earlier life of its key has aborted.
    pub(super) fn say_over<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        reason: AbortReason,
        proof: Option<Box<Proof>>,
    ) {
        let Some(boot) = self.life.as_ref().map(|life| life.boot) else { return };
        if self.board.abort(self.me).is_some() {
            return;
        }
        if self.state(cx, Body::Abort(Abort { boot, reason, proof })).is_none() {
            self.error(cx, SessionError::ComputingFault);
        }
    }

    /// Returns how a session ends whose signer this proof convicts.
    pub(super) fn cause_of(&self, conviction: Conviction, proof: &Proof) -> AbortCause {
        let Conviction { signer, fault, .. } = conviction;
        let manifest = Manifest::clone(&self.agreement.manifest);
        let evidence = Box::new(Evidence { manifest, proof: proof.clone() });
        AbortCause::Convicted { signer, fault, evidence }
    }

    /// Signs a statement and files it on the board.
    fn state<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, body: Body) -> Option<()> {
        let auxiliary = cx.random();
        let (statement, hash) =
            Statement::sign::<C>(&self.agreement.id, self.me, body, &self.keypair, &auxiliary)?;
        matches!(self.board.file(statement, hash, cx.now), Filing::New).then_some(())
    }

    /// Keeps a round. The current one and the latest ones in which this node released stay: any of
    /// them may still be completed.
    pub(super) fn keep_round(&mut self, round: Round<C>) {
        const MAX_ROUNDS: usize = 4;
        self.rounds.push(Arc::new(round));
        if self.rounds.len() > MAX_ROUNDS {
            self.rounds.remove(0);
        }
    }
}
