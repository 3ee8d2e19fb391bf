//! One attempt with all its nonces: what partial signatures are made under, and what proves that
//! one is invalid.

use crate::base::bounded::List;
use crate::base::bytes::{AggregateNonce, PartialSignature, PublicKey, PublicNonce, Signature};
use crate::base::hash::{Tag, TaggedHash};
use crate::base::ids::{AttemptId, Boot, SignerIndex, Transcript};
use crate::crypto::Crypto;
use crate::rules::agreement::Agreement;
use crate::rules::lineage::transcript;
use crate::session::board::{Board, Filed};
use crate::wire::proof::{NonceRoot, Proof, Signed};
use crate::wire::statement::{Body, Partials, Statement};
use core::hash::{Hash, Hasher};
use std::sync::Arc;

static NONCE_BODIES: Tag = Tag::new("musig2-proto/nonce-bodies");

/// An attempt, its transcript, and the BIP327 session context of each item.
pub(crate) struct Round<C: Crypto> {
    pub(crate) attempt: AttemptId,
    pub(crate) transcript: Transcript,
    items: Vec<C::Round>,
    aggregates: Vec<AggregateNonce>,
    nonce_root: NonceRoot,
    /// The selected `Nonces` of each signer, in signer order.
    nonces: Vec<Arc<Filed>>,
}

impl<C: Crypto> Round<C> {
    /// Combines the nonces of all signers, given in signer order.
    ///
    /// Fails with a proof if some signer's nonces are not points on the curve. An aggregate nonce
    /// at infinity is nobody's fault: BIP327 says how to go on.
    pub(crate) fn new(
        agreement: &Agreement<C>,
        attempt: AttemptId,
        nonces: Vec<Arc<Filed>>,
    ) -> Result<Self, RoundError> {
        // The transcript covers everyone's nonces only through this hash. So a proof against one
        // signer's partial signature contains the hash, and needs nobody else's statements.
        let root = TaggedHash::new(&NONCE_BODIES);
        let nonce_root = nonces.iter().fold(root, |hash, filed| hash.add(filed.hash)).finish();
        let mut aggregates = Vec::with_capacity(agreement.keys.len());
        let mut items = Vec::with_capacity(agreement.keys.len());
        for (place, (key, item)) in
            agreement.keys.iter().zip(agreement.manifest.items()).enumerate()
        {
            let of_item: Vec<_> = nonces
                .iter()
                .filter_map(|filed| nonces_of(&filed.statement).get(place).copied())
                .collect();
            let aggregate = C::aggregate_nonces(&of_item).ok_or_else(|| invalid::<C>(&nonces))?;
            items.push(C::round(key, &aggregate, item.message()).ok_or(RoundError::Engine)?);
            aggregates.push(aggregate);
        }
        let transcript = transcript(&agreement.id, attempt, &nonce_root, &aggregates);
        Ok(Self { attempt, transcript, items, aggregates, nonce_root, nonces })
    }

    /// Returns the life of a signer that this round continues with.
    pub(crate) fn boot(&self, signer: SignerIndex) -> Option<Boot> {
        self.nonces.get(signer.as_usize()).and_then(|filed| filed.statement.boot())
    }

    /// Returns a signer's partial signatures in this round. Those under another transcript do not
    /// belong to it: they count as silence, which convicts nobody.
    pub(crate) fn partials<'a>(
        &self,
        board: &'a Board,
        signer: SignerIndex,
    ) -> Option<(&'a Partials, &'a Arc<Filed>)> {
        board
            .partials(signer, self.attempt, self.boot(signer)?)
            .filter(|(partials, _)| partials.transcript == self.transcript)
    }

    /// Signs every item, each with its own secret nonce, and verifies the result: a faulty
    /// signature would give the key away. The nonces are destroyed whatever happens.
    pub(crate) fn sign(
        &self,
        secrets: Vec<C::SecretNonce>,
        keypair: &C::Keypair,
        me: SignerIndex,
    ) -> Option<Vec<PartialSignature>> {
        if secrets.len() != self.items.len() {
            return None;
        }
        let partials =
            self.items.iter().zip(secrets).map(|(round, secret)| C::sign(round, secret, keypair));
        let partials = partials.collect::<Option<Vec<_>>>()?;
        self.verifies(me, &C::public_key(keypair), &partials).then_some(partials)
    }

    /// Whether these are a signer's valid partial signatures, one for every item.
    fn verifies(
        &self,
        signer: SignerIndex,
        key: &PublicKey,
        partials: &[PartialSignature],
    ) -> bool {
        partials.len() == self.items.len() && self.first_invalid(signer, key, partials).is_none()
    }

    /// Returns the first item for which a signer's partial signature is invalid.
    fn first_invalid(
        &self,
        signer: SignerIndex,
        key: &PublicKey,
        partials: &[PartialSignature],
    ) -> Option<usize> {
        let nonces = self.nonces.get(signer.as_usize()).map(|filed| nonces_of(&filed.statement))?;
        self.items
            .iter()
            .zip(nonces)
            .zip(partials)
            .position(|((round, nonce), partial)| !C::verify_partial(round, key, nonce, partial))
    }

    /// Returns the proof that one of a signer's partial signatures is invalid, if one is.
    pub(crate) fn proof_against(
        &self,
        board: &Board,
        signer: SignerIndex,
        key: &PublicKey,
    ) -> Option<Proof> {
        let (partials, filed) = self.partials(board, signer)?;
        let item = self.first_invalid(signer, key, partials.partials.as_slice())?;
        Some(Proof::InvalidPartialSignature {
            nonces: Signed::of(&self.nonces.get(signer.as_usize())?.statement)?,
            partials: Signed::of(&filed.statement)?,
            nonce_root: self.nonce_root,
            aggregates: List::new(self.aggregates.clone()).ok()?,
            item: u16::try_from(item).ok()?,
        })
    }

    /// Aggregates everyone's partial signatures. Returns `None` if some item's signature does not
    /// verify.
    pub(crate) fn aggregate(&self, partials: &[&[PartialSignature]]) -> Option<Vec<Signature>> {
        let of_item =
            |place| partials.iter().filter_map(|of| of.get(place).copied()).collect::<Vec<_>>();
        let signatures = self.items.iter().enumerate();
        signatures.map(|(place, round)| C::aggregate_signatures(round, &of_item(place))).collect()
    }
}

impl<C: Crypto> Hash for Round<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The rest follows from the nonces.
        (self.attempt, self.transcript, &self.nonces).hash(state);
    }
}

/// Why nonces do not make a round.
pub(crate) enum RoundError {
    /// A signer's nonces are invalid.
    Invalid(Box<Proof>),
    /// The engine fails on valid nonces.
    Engine,
}

/// Finds out why nonces could not be aggregated.
fn invalid<C: Crypto>(nonces: &[Arc<Filed>]) -> RoundError {
    let invalid =
        nonces.iter().find(|filed| !nonces_of(&filed.statement).iter().all(C::is_valid_nonce));
    match invalid.and_then(|filed| Signed::of(&filed.statement)) {
        Some(nonces) => RoundError::Invalid(Box::new(Proof::InvalidNonce { nonces })),
        None => RoundError::Engine,
    }
}

fn nonces_of(statement: &Statement) -> &[PublicNonce] {
    match &statement.body {
        Body::Nonces(nonces) => nonces.source.nonces(),
        _ => &[],
    }
}
