//! This node's signing state in one session. Nothing here is ever written down: who loses its memory starts another life.

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

/// More than a statement has around a proof, in bytes.
const STATEMENT_SIZE: usize = 128;

static BOOT: Tag = Tag::new("musig2-proto/boot");
static NONCE: Tag = Tag::new("musig2-proto/nonce");

/// From consent to the end.
pub(crate) struct Life<C: Crypto> {
    pub(crate) boot: Boot,
    /// The secret nonces of one attempt, from NonceGen until they sign, once, or are dropped.
    secrets: Option<(AttemptId, Vec<C::SecretNonce>)>,
    /// Whether partial signatures have left, in any attempt.
    pub(crate) released: bool,
    /// What the application has permitted of the current attempt, where stepping is manual.
    pub(crate) permits: Permits,
}

/// A step that waits for the application, where stepping is manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    ShareNonces,
    SharePartialSignatures,
    Finalize,
}

/// Which steps may be taken.
#[derive(Debug, Clone, Copy, Hash, Default)]
pub(crate) struct Permits {
    pub(crate) nonces: bool,
    pub(crate) partials: bool,
    pub(crate) finalize: bool,
}

/// Where the engine's secret nonce can be cloned: the simulator's alone.
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
    /// Consents to the manifest: draws a boot and states the join. Fails where the engine cannot sign.
    pub(crate) fn join<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) -> Option<()> {
        let boot = self.draw_boot(cx);
        let contact = cx.contact.clone();
        self.state(cx, Body::Join(Join { boot, contact }))?;
        self.life =
            Some(Life { boot, secrets: None, released: false, permits: Permits::default() });
        self.is_queued = false;
        Some(())
    }

    /// From the time as well: two lives that a generator starts from the same state would otherwise share a boot, and their nonces, which differ
    /// because they take in the time, would convict this key of equivocation.
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

    /// Whether this key may begin another life here without being one of too many.
    pub(crate) fn may_join(&self) -> bool {
        self.board.joins(self.me).count() <= MAX_RESTARTS
    }

    /// Whether a step can be taken now, or else who is awaited.
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

    /// The application permits a step of the current attempt.
    pub(crate) fn permit(&mut self, step: Step) {
        let Some(life) = &mut self.life else { return };
        match step {
            Step::ShareNonces => life.permits.nonces = true,
            Step::SharePartialSignatures => life.permits.partials = true,
            Step::Finalize => life.permits.finalize = true,
        }
    }

    /// BIP327 NonceGen for every item of the current attempt, and the statement of the public halves.
    pub(super) fn make_nonces<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) -> Option<()> {
        let boot = self.life.as_ref()?.boot;
        let attempt = self.board.attempt();
        let mut secrets = Vec::with_capacity(self.agreement.keys.len());
        let mut nonces = Vec::with_capacity(self.agreement.keys.len());
        for (place, (key, item)) in
            (0_u32..).zip(self.agreement.keys.iter().zip(self.agreement.manifest.items()))
        {
            // One draw for each item: nothing is derived from a common root.
            let randomness = cx.random();
            let extra = TaggedHash::new(&NONCE)
                .add(self.agreement.id.as_bytes())
                .add(self.me.get().to_le_bytes())
                .add(attempt.as_bytes())
                .add(boot.as_bytes())
                .add(place.to_le_bytes())
                // A generator that starts again from the same state does so at another time.
                .add(cx.now.as_millis().to_le_bytes())
                .finish();
            let (secret, public) = C::generate_nonce(
                &self.keypair,
                &key.aggregate,
                item.message(),
                randomness,
                extra,
            )?;
            secrets.push(secret);
            nonces.push(public);
        }
        let source = NonceSource::Inline(List::new(nonces).ok()?);
        self.state(cx, Body::Nonces(Nonces { boot, attempt, source }))?;
        self.life.as_mut()?.secrets = Some((attempt, secrets));
        Some(())
    }

    /// Whether this life holds the secret nonces that the current attempt needs.
    pub(super) fn can_sign(&self) -> bool {
        let attempt = self.board.attempt();
        self.life
            .as_ref()
            .and_then(|life| life.secrets.as_ref())
            .is_some_and(|(of, _)| *of == attempt)
    }

    /// BIP327 Sign of every item under the current round, each with a nonce that is gone afterwards, and the statement of the
    /// outcome. Partial signatures that do not verify stay here: they would give the key away.
    pub(super) fn release_partials<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) -> Option<()> {
        let life = self.life.as_mut()?;
        let boot = life.boot;
        let (attempt, secrets) = life.secrets.take()?;
        let round = self.rounds.iter().find(|round| round.attempt == attempt)?;
        // The nonces in the round must be those whose secrets are about to be used up.
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

    /// Ends this node's part by its application's order, and says so to the others.
    pub(crate) fn abort<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, note: Note) {
        let reason = AbortReason::Requested(note);
        self.say_over(cx, reason.clone(), None);
        self.end(cx, Outcome::Aborted(AbortCause::BySigner { signer: self.me, reason }));
    }

    /// Ends this node's part, which has waited long enough by its application's order, and says so to the others.
    pub(crate) fn give_up<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let (phase, awaiting) = (self.phase(), self.awaiting());
        self.say_over(cx, AbortReason::TimedOut, None);
        self.end(cx, Outcome::Aborted(AbortCause::TimedOut { phase, awaiting }));
    }

    /// Ends this node's part with the proof of a signer's fault, and shows it to the others.
    pub(super) fn convict<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, proof: Proof) {
        let Some(cause) = self.cause_of(&proof) else { return };
        // Nonces of a wrong count may be more than a frame has room for beside what proves them: then the word stands alone.
        let size = encoded_size(&proof) + cx.config.envelope_size() + STATEMENT_SIZE;
        let proof = (size <= cx.config.max_frame_size).then(|| Box::new(proof));
        self.say_over(cx, AbortReason::Convicted, proof);
        self.end(cx, Outcome::Aborted(cause));
    }

    /// Its turn has come, and it cannot be joined: the engine cannot sign, or this key has restarted too often.
    pub(crate) fn fail_to_join<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        self.error(cx, SessionError::ComputingFault);
        let reason = AbortReason::Requested(Note::new("could not be joined when its turn came"));
        self.end(cx, Outcome::Aborted(AbortCause::BySigner { signer: self.me, reason }));
    }

    /// States that this node's part is over, where it has one, and no earlier life of its key has stated so.
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

    /// Whom a proof convicts, checked as anyone else would.
    pub(super) fn cause_of(&self, proof: &Proof) -> Option<AbortCause> {
        let Conviction { signer, fault, .. } = proof.verify(&self.agreement).ok()?;
        let manifest = Manifest::clone(&self.agreement.manifest);
        let evidence = Box::new(Evidence { manifest, proof: proof.clone() });
        Some(AbortCause::Convicted { signer, fault, evidence })
    }

    /// Signs a statement and puts it on the board.
    fn state<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, body: Body) -> Option<()> {
        let auxiliary = cx.random();
        let (statement, hash) =
            Statement::sign::<C>(&self.agreement.id, self.me, body, &self.keypair, &auxiliary)?;
        matches!(self.board.file(statement, hash, cx.now), Filing::New).then_some(())
    }

    /// Keeps the current round and the latest ones in which this node released: any of them may still be filled.
    pub(super) fn keep_round(&mut self, round: Round<C>) {
        const MAX_ROUNDS: usize = 4;
        self.rounds.push(Arc::new(round));
        if self.rounds.len() > MAX_ROUNDS {
            self.rounds.remove(0);
        }
    }
}
