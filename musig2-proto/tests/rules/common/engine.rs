//! An engine for tests that look into nodes.

use core::cell::Cell;
use core::hash::{Hash, Hasher};
use musig2_proto::{
    AggregateNonce, Crypto, DefaultCrypto, InvalidSecretKey, InvalidTweak, KeyAggregationError,
    Message, PartialSignature, PlainTweak, PublicKey, PublicNonce, SecretKey, Signature,
    XOnlyPublicKey,
};

/// The default engine, but with the same nonces each time, and with failures at the steps that a
/// test names. Only for tests, whose keys are worth nothing.
pub enum Copyable {}

/// A step at which an engine can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    Statements,
    Nonces,
    Rounds,
    Signing,
    /// It signs, but wrongly.
    SigningWell,
    Aggregating,
}

thread_local! {
    static BROKEN: Cell<Option<Failing>> = const { Cell::new(None) };
}

/// Makes the engine fail at this step from now on, and at no other.
pub fn fail_at(step: Option<Failing>) {
    BROKEN.set(step);
}

/// Returns the outcome of a step, unless the engine fails at it.
fn unless<T>(step: Failing, outcome: Option<T>) -> Option<T> {
    outcome.filter(|_| BROKEN.get() != Some(step))
}

type Of = DefaultCrypto;

#[derive(Clone)]
pub struct Nonce {
    keys: <Of as Crypto>::KeyAggregate,
    message: Message,
    extra: [u8; 32],
    /// The randomness that it would have been made of, so that no two draws are the same state.
    drawn: [u8; 32],
}

impl Hash for Nonce {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.drawn.hash(state);
    }
}

impl Crypto for Copyable {
    type Keypair = <Of as Crypto>::Keypair;
    type KeyAggregate = <Of as Crypto>::KeyAggregate;
    type SecretNonce = Nonce;
    type Round = <Of as Crypto>::Round;

    fn keypair(secret: &SecretKey) -> Result<Self::Keypair, InvalidSecretKey> {
        Of::keypair(secret)
    }
    fn public_key(keypair: &Self::Keypair) -> PublicKey {
        Of::public_key(keypair)
    }
    fn aggregate_keys(keys: &[PublicKey]) -> Result<Self::KeyAggregate, KeyAggregationError> {
        Of::aggregate_keys(keys)
    }
    fn tweak(
        keys: &Self::KeyAggregate,
        tweak: &PlainTweak,
    ) -> Result<Self::KeyAggregate, InvalidTweak> {
        Of::tweak(keys, tweak)
    }
    fn aggregate_key(keys: &Self::KeyAggregate) -> PublicKey {
        Of::aggregate_key(keys)
    }
    fn generate_nonce(
        keypair: &Self::Keypair,
        keys: &Self::KeyAggregate,
        message: &Message,
        drawn: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(Nonce, PublicNonce)> {
        let made = Of::generate_nonce(keypair, keys, message, [1; 32], extra);
        let (_, public) = unless(Failing::Nonces, made)?;
        Some((Nonce { keys: *keys, message: *message, extra, drawn }, public))
    }
    fn is_valid_nonce(nonce: &PublicNonce) -> bool {
        Of::is_valid_nonce(nonce)
    }
    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce> {
        Of::aggregate_nonces(nonces)
    }
    fn round(
        keys: &Self::KeyAggregate,
        nonce: &AggregateNonce,
        message: &Message,
    ) -> Option<Self::Round> {
        unless(Failing::Rounds, Of::round(keys, nonce, message))
    }
    fn sign(
        round: &Self::Round,
        nonce: Nonce,
        keypair: &Self::Keypair,
    ) -> Option<PartialSignature> {
        let Nonce { keys, message, extra, .. } = nonce;
        let (secret, _) = Of::generate_nonce(keypair, &keys, &message, [1; 32], extra)?;
        let partial = unless(Failing::Signing, Of::sign(round, secret, keypair))?;
        unless(Failing::SigningWell, Some(partial)).or(Some(PartialSignature::new([1; 32])))
    }
    fn verify_partial(
        round: &Self::Round,
        signer: &PublicKey,
        nonce: &PublicNonce,
        partial: &PartialSignature,
    ) -> bool {
        Of::verify_partial(round, signer, nonce, partial)
    }
    fn aggregate_signatures(
        round: &Self::Round,
        partials: &[PartialSignature],
    ) -> Option<Signature> {
        unless(Failing::Aggregating, Of::aggregate_signatures(round, partials))
    }
    fn sign_statement(
        keypair: &Self::Keypair,
        message: &[u8; 64],
        _: &[u8; 32],
    ) -> Option<Signature> {
        unless(Failing::Statements, Of::sign_statement(keypair, message, &[0; 32]))
    }
    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool {
        Of::verify(key, message, signature)
    }
}
