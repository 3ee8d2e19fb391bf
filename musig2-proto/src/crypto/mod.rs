//! The seam between the protocol and a MuSig2 engine. Nothing outside this folder imports one.

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

/// The engine that [`Node`](crate::Node) uses unless told otherwise.
#[cfg(feature = "libsecp256k1")]
pub type DefaultCrypto = Libsecp256k1;
/// The engine that [`Node`](crate::Node) uses unless told otherwise.
#[cfg(all(feature = "k256", not(feature = "libsecp256k1")))]
pub type DefaultCrypto = K256;
#[cfg(not(any(feature = "libsecp256k1", feature = "k256")))]
compile_error!("enable an engine: the feature `libsecp256k1` (default) or `k256`");

/// A MuSig2 engine (BIP327) with BIP340 signatures for statements.
///
/// Engines are interchangeable: for equal arguments all of them give equal bytes, nonces included.
pub trait Crypto: Sized {
    /// A checked secret key with its public key. Erased from memory when dropped.
    type Keypair;
    /// The aggregate of all signers' keys with the tweaks applied so far (BIP327 KeyAgg Context).
    type KeyAggregate: Clone;
    /// A secret nonce. It must be neither `Clone` nor printable, and is erased when dropped; [`Crypto::sign`] takes it by value, so that
    /// it meets one challenge at most. (The simulator's engine alone may have it `Clone`: a node on such an engine can be cloned, too.)
    type SecretNonce;
    /// One item's signing round: aggregate key, aggregate nonce and message brought together (BIP327 Session Context).
    type Round;

    /// # Errors
    /// Where the bytes are zero or not below the group order.
    fn keypair(secret: &SecretKey) -> Result<Self::Keypair, InvalidSecretKey>;

    /// The public key of a keypair.
    fn public_key(keypair: &Self::Keypair) -> PublicKey;

    /// BIP327 KeyAgg, in the order given.
    ///
    /// # Errors
    /// Names the first key that is not a point on the curve.
    fn aggregate_keys(keys: &[PublicKey]) -> Result<Self::KeyAggregate, KeyAggregationError>;

    /// BIP327 ApplyTweak.
    ///
    /// # Errors
    /// Where the scalar is not below the group order, or the tweaked key is infinity.
    fn tweak(
        keys: &Self::KeyAggregate,
        tweak: &PlainTweak,
    ) -> Result<Self::KeyAggregate, InvalidTweak>;

    /// The aggregate key, tweaks included (33 bytes: BIP32 derivation needs the parity).
    fn aggregate_key(keys: &Self::KeyAggregate) -> PublicKey;

    /// BIP327 NonceGen with secret key, public key, aggregate key, message and `extra` as extra input. `randomness` must be
    /// fresh from the caller's generator for every call. `None` where it is all zeros: the generator is broken.
    fn generate_nonce(
        keypair: &Self::Keypair,
        keys: &Self::KeyAggregate,
        message: &Message,
        randomness: [u8; 32],
        extra: [u8; 32],
    ) -> Option<(Self::SecretNonce, PublicNonce)>;

    /// Whether both halves are points on the curve (BIP327 cpoint).
    fn is_valid_nonce(nonce: &PublicNonce) -> bool;

    /// BIP327 NonceAgg. `None` where there is no nonce, or one is invalid: [`Crypto::is_valid_nonce`] says which.
    fn aggregate_nonces(nonces: &[PublicNonce]) -> Option<AggregateNonce>;

    /// BIP327 GetSessionValues. `None` where the aggregate nonce is not one that [`Crypto::aggregate_nonces`] gives.
    fn round(
        keys: &Self::KeyAggregate,
        nonce: &AggregateNonce,
        message: &Message,
    ) -> Option<Self::Round>;

    /// BIP327 Sign. `None` where the nonce was made for another keypair: it is destroyed all the same.
    fn sign(
        round: &Self::Round,
        nonce: Self::SecretNonce,
        keypair: &Self::Keypair,
    ) -> Option<PartialSignature>;

    /// BIP327 PartialSigVerify for the signer with this key and public nonce.
    fn verify_partial(
        round: &Self::Round,
        signer: &PublicKey,
        nonce: &PublicNonce,
        partial: &PartialSignature,
    ) -> bool;

    /// BIP327 PartialSigAgg, then BIP340 Verify. `None` where the outcome does not verify: some partial signature is invalid.
    fn aggregate_signatures(
        round: &Self::Round,
        partials: &[PartialSignature],
    ) -> Option<Signature>;

    /// BIP340 Sign of a statement: 64 bytes, never the 32 of a transaction. `None` where the engine cannot sign.
    fn sign_statement(
        keypair: &Self::Keypair,
        message: &[u8; 64],
        auxiliary: &[u8; 32],
    ) -> Option<Signature>;

    /// BIP340 Verify.
    fn verify(key: &XOnlyPublicKey, message: &[u8], signature: &Signature) -> bool;
}

/// How a tweak is applied (BIP327 ApplyTweak).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum TweakKind {
    /// To the key as it is, as BIP32 derives.
    Plain,
    /// To the key with even y, as BIP341 commits.
    XOnly,
}

/// A tweak as the engine takes it: a scalar, and how to apply it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct PlainTweak {
    /// Plain or x-only.
    pub kind: TweakKind,
    /// The scalar.
    pub scalar: TweakScalar,
}

/// A secret key is zero or not below the group order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret key is zero or not below the order of secp256k1")]
pub struct InvalidSecretKey;

/// Keys could not be aggregated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyAggregationError {
    /// The key at this place is not a point on the curve.
    #[error("key {0} is not a point on secp256k1")]
    InvalidKey(usize),
    /// There is no key, or the keys add up to infinity (which needs a broken hash function).
    #[error("the keys have no aggregate")]
    NoAggregate,
}

/// A tweak cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tweak is not below the order of secp256k1, or leads to infinity")]
pub struct InvalidTweak;

impl SecretKey {
    /// The public key, by the default engine; all give the same.
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
