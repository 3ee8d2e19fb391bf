//! The boundary between the protocol and a MuSig2 engine. Nothing outside this folder imports an
//! engine.

#[cfg(feature = "k256")]
mod k256;
#[cfg(feature = "libsecp256k1")]
mod libsecp256k1;

#[cfg(feature = "k256")]
pub use k256::K256;
#[cfg(feature = "libsecp256k1")]
pub use libsecp256k1::Libsecp256k1;

use crate::base::bytes::{
    AggregateNonce, Message, PartialSignature, PublicKey, PublicNonce, Signature, TweakScalar,
    XOnlyPublicKey,
};
use crate::base::secret::SecretKey;
use serde::{Deserialize, Serialize};

/// The engine that [`Node`](crate::Node) uses by default.
#[cfg(feature = "libsecp256k1")]
pub type DefaultCrypto = Libsecp256k1;
/// The engine that [`Node`](crate::Node) uses by default.
#[cfg(all(feature = "k256", not(feature = "libsecp256k1")))]
pub type DefaultCrypto = K256;
#[cfg(not(any(feature = "libsecp256k1", feature = "k256")))]
compile_error!("enable an engine: the feature `libsecp256k1` (default) or `k256`");

/// A MuSig2 engine (BIP327), with BIP340 signatures for statements.
///
/// Engines are interchangeable: given equal arguments, all of them return equal bytes, nonces
/// included.
pub trait Crypto: Sized {
    /// A checked secret key with its public key. It is erased from memory when dropped.
    type Keypair;
    /// The aggregate of all signers' keys, with the tweaks applied up to here (BIP327 KeyAgg
    /// Context).
    type KeyAggregate: Clone;
    /// A secret nonce. It must not be `Clone` or printable, and it must be erased when dropped.
    /// [`Crypto::sign`] takes it by value, so that it signs at most one challenge. (Only the
    /// simulator's engine may make it `Clone`: then a node on that engine can be cloned, too.)
    type SecretNonce;
    /// One item's signing round: the aggregate key, the aggregate nonce and the message combined
    /// (BIP327 Session Context).
    type Round;

    /// Checks a secret key and computes its public key.
    ///
    /// # Errors
    /// If the bytes are zero or not below the group order.
    fn keypair(secret: &SecretKey) -> Result<Self::Keypair, InvalidSecretKey>;

    /// Returns the public key of a keypair.
    fn public_key(keypair: &Self::Keypair) -> PublicKey;

    /// Aggregates the keys in the order given (BIP327 KeyAgg).
    ///
    /// # Errors
    /// Names the first key that is not a point on the curve, or says that the keys have no
    /// aggregate.
    fn aggregate_keys(keys: &[PublicKey]) -> Result<Self::KeyAggregate, KeyAggregationError>;

    /// Applies a tweak (BIP327 ApplyTweak).
    ///
    /// # Errors
    /// If the scalar is not below the group order, or the tweaked key is infinity.
    fn tweak(
        keys: &Self::KeyAggregate,
        tweak: &PlainTweak,
    ) -> Result<Self::KeyAggregate, InvalidTweak>;

    /// Returns the aggregate key, tweaks included (33 bytes, because BIP32 derivation needs the
    /// parity).
    fn aggregate_key(keys: &Self::KeyAggregate) -> PublicKey;

    /// Generates a nonce (BIP327 NonceGen) from the secret key, the public key, the aggregate key,
    /// the message, and `extra` as extra input. `randomness` must come fresh from the caller's
    /// generator in every call. Returns `None` if it is all zeros, because then the generator is
    /// broken.
    fn generate_nonce(
        keypair: &Self::Keypair,
        keys: &Self::KeyAggregate,
        message: &Message,
        randomness: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(Self::SecretNonce, PublicNonce)>;

    /// Returns whether both halves are points on the curve (BIP327 cpoint).
    fn is_valid_nonce(nonce: &PublicNonce) -> bool;

    /// Aggregates nonces (BIP327 NonceAgg). Returns `None` if there are no nonces or one is
    /// invalid. [`Crypto::is_valid_nonce`] tells which.
    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce>;

    /// Prepares a round (BIP327 GetSessionValues). Returns `None` if the aggregate nonce is not one
    /// that [`Crypto::aggregate_nonces`] returns.
    fn round(
        keys: &Self::KeyAggregate,
        nonce: &AggregateNonce,
        message: &Message,
    ) -> Option<Self::Round>;

    /// Makes a partial signature (BIP327 Sign). Returns `None` if the nonce was made for another
    /// keypair. The nonce is destroyed in either case.
    fn sign(
        round: &Self::Round,
        nonce: Self::SecretNonce,
        keypair: &Self::Keypair,
    ) -> Option<PartialSignature>;

    /// Verifies a partial signature (BIP327 PartialSigVerify) of the signer with this key and
    /// public nonce.
    fn verify_partial(
        round: &Self::Round,
        signer: &PublicKey,
        nonce: &PublicNonce,
        partial: &PartialSignature,
    ) -> bool;

    /// Aggregates partial signatures (BIP327 PartialSigAgg) and verifies the result (BIP340
    /// Verify). Returns `None` if the result does not verify, which means that some partial
    /// signature is invalid.
    fn aggregate_signatures(
        round: &Self::Round,
        partials: &[PartialSignature],
    ) -> Option<Signature>;

    /// Signs a statement (BIP340 Sign). The message has 64 bytes, never the 32 bytes that a
    /// transaction signs. Returns `None` if the engine cannot sign.
    fn sign_statement(
        keypair: &Self::Keypair,
        message: &[u8; 64],
        auxiliary: &[u8; 32],
    ) -> Option<Signature>;

    /// Verifies a signature (BIP340 Verify).
    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool;
}

/// How a tweak is applied (BIP327 ApplyTweak).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum TweakKind {
    /// The scalar is added to the key as it is, as BIP32 derives children.
    Plain,
    /// The scalar is added to the key with even y, as BIP341 commits to scripts.
    XOnly,
}

/// A tweak as an engine applies it: a scalar, and how to apply it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct PlainTweak {
    /// Plain or x-only.
    pub kind: TweakKind,
    /// The scalar.
    pub scalar: TweakScalar,
}

/// The secret key is zero or not below the group order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret key is zero or not below the order of secp256k1")]
pub struct InvalidSecretKey;

/// The keys could not be aggregated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyAggregationError {
    /// The key at this position is not a point on the curve.
    #[error("key {0} is not a point on secp256k1")]
    InvalidKey(usize),
    /// There are no keys, or they add up to infinity (which would take a broken hash function).
    #[error("the keys have no aggregate")]
    NoAggregate,
}

/// The tweak cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tweak is not below the order of secp256k1, or leads to infinity")]
pub struct InvalidTweak;

impl SecretKey {
    /// Returns the public key, computed by the default engine. All engines return the same key.
    ///
    /// ```
    /// # use musig2_proto::SecretKey;
    /// let generator = SecretKey::new(core::array::from_fn(|byte| u8::from(byte == 31)));
    /// let public = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    /// assert_eq!(generator.public_key()?.to_string(), public);
    /// # Ok::<(), musig2_proto::InvalidSecretKey>(())
    /// ```
    ///
    /// # Errors
    /// If the key is zero or not below the group order.
    pub fn public_key(&self) -> Result<PublicKey, InvalidSecretKey> {
        DefaultCrypto::keypair(self).map(|keypair| DefaultCrypto::public_key(&keypair))
    }
}

#[cfg(test)]
mod tests;
