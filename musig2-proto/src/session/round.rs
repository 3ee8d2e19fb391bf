//! One attempt with all its nonces: what partial signatures are made under.

use crate::agreement::Agreement;
use crate::board::{Board, Filed};
use crate::bytes::{PartialSignature, PublicNonce, Signature};
use crate::crypto::Crypto;
use crate::hash::TaggedHash;
use crate::ids::{AttemptId, Boot, SignerIndex, Transcript};
use crate::wire::statement::{Body, Partials};
use std::sync::Arc;

/// An attempt, its transcript, and the BIP327 session context of each item.
pub(crate) struct Round<C: Crypto> {
    pub(crate) attempt: AttemptId,
    pub(crate) transcript: Transcript,
    items: Vec<C::Round>,
    /// The selected `Nonces` of each signer, in order.
    nonces: Vec<Arc<Filed>>,
}

impl<C: Crypto> Round<C> {
    /// Brings the nonces of all signers together, in order.
    ///
    /// Fails with those whose nonces are not points on the curve. An aggregate at infinity is nobody's fault: BIP327 says how to go on.
    pub(crate) fn new(
        agreement: &Agreement<C>,
        attempt: AttemptId,
        nonces: Vec<Arc<Filed>>,
    ) -> Result<Self, Vec<SignerIndex>> {
        let invalid: Vec<_> = agreement
            .manifest
            .indices()
            .zip(&nonces)
            .filter(|(_, filed)| !nonces_of(filed).iter().all(C::is_valid_nonce))
            .map(|(signer, _)| signer)
            .collect();
        if !invalid.is_empty() {
            return Err(invalid);
        }
        let bodies = TaggedHash::new("musig2-proto/nonce-bodies");
        let bodies = nonces.iter().fold(bodies, |hash, filed| hash.add(filed.hash));
        let mut aggregates = TaggedHash::new("musig2-proto/aggregate-nonces");
        let mut items = Vec::with_capacity(agreement.keys.len());
        for (place, (key, item)) in agreement.keys.iter().zip(agreement.manifest.items()).enumerate() {
            let of_item: Vec<_> =
                nonces.iter().filter_map(|filed| nonces_of(filed).get(place).copied()).collect();
            // Each was found valid above, so neither step fails.
            let Some(aggregate) = C::aggregate_nonces(&of_item) else { return Err(Vec::new()) };
            let Some(round) = C::round(&key.aggregate, &aggregate, item.message()) else {
                return Err(Vec::new());
            };
            aggregates = aggregates.add(aggregate.as_bytes());
            items.push(round);
        }
        let transcript = TaggedHash::new("musig2-proto/transcript")
            .add(agreement.id.as_bytes())
            .add(attempt.as_bytes())
            .add(bodies.finish())
            .add(aggregates.finish());
        Ok(Self { attempt, transcript: Transcript::new(transcript.finish()), items, nonces })
    }

    /// Which life of a signer this round goes on with.
    pub(crate) fn boot(&self, signer: SignerIndex) -> Option<Boot> {
        self.nonces.get(signer.as_usize()).map(|filed| filed.statement.boot())
    }

    /// A signer's partial signatures in this round.
    pub(crate) fn partials<'a>(
        &self,
        board: &'a Board,
        signer: SignerIndex,
    ) -> Option<(&'a Partials, &'a Arc<Filed>)> {
        board
            .partials(signer, self.attempt, self.boot(signer)?)
            .filter(|(partials, _)| partials.transcript == self.transcript)
    }

    /// Signs every item, each with its own secret nonce, and verifies what came out: a fault here would give the key away.
    /// The nonces are gone whatever happens.
    pub(crate) fn sign(
        &self,
        secrets: Vec<C::SecretNonce>,
        keypair: &C::Keypair,
        me: SignerIndex,
    ) -> Option<Vec<PartialSignature>> {
        if secrets.len() != self.items.len() {
            return None;
        }
        let partials = self.items.iter().zip(secrets).map(|(round, secret)| C::sign(round, secret, keypair));
        let partials = partials.collect::<Option<Vec<_>>>()?;
        self.verifies(me, &C::public_key(keypair), &partials).then_some(partials)
    }

    /// Whether these are a signer's partial signatures of every item.
    pub(crate) fn verifies(
        &self,
        signer: SignerIndex,
        key: &crate::bytes::PublicKey,
        partials: &[PartialSignature],
    ) -> bool {
        let Some(nonces) = self.nonces.get(signer.as_usize()).map(nonces_of) else { return false };
        partials.len() == self.items.len()
            && self
                .items
                .iter()
                .zip(nonces)
                .zip(partials)
                .all(|((round, nonce), partial)| C::verify_partial(round, key, nonce, partial))
    }

    /// Puts everyone's partial signatures together. Fails with the items whose signatures do not verify.
    pub(crate) fn aggregate(&self, partials: &[&[PartialSignature]]) -> Result<Vec<Signature>, Vec<usize>> {
        let mut signatures = Vec::with_capacity(self.items.len());
        let mut failed = Vec::new();
        for (place, round) in self.items.iter().enumerate() {
            let of_item: Vec<_> = partials.iter().filter_map(|of| of.get(place).copied()).collect();
            match C::aggregate_signatures(round, &of_item) {
                Some(signature) => signatures.push(signature),
                None => failed.push(place),
            }
        }
        if failed.is_empty() { Ok(signatures) } else { Err(failed) }
    }
}

fn nonces_of(filed: &Arc<Filed>) -> &[PublicNonce] {
    match &filed.statement.body {
        Body::Nonces(nonces) => nonces.source.nonces(),
        _ => &[],
    }
}
