//! Which key a session signs for and whether a signature is valid, computed without the core: the
//! `musig2` crate aggregates keys and verifies signatures, and the tweaks follow the BIPs.

use super::{Recording, Work};
use hmac::{Hmac, KeyInit, Mac};
use musig2::secp::{MaybeScalar, Point};
use musig2::{CompactSignature, KeyAggContext};
use musig2_proto::{
    ChainCode, Crypto, Item, K256, Libsecp256k1, Message, Node, PublicKey, Signature, Tweak,
    TweakKind, XOnlyPublicKey,
};
use sha2::Sha512;
use std::error::Error;

/// An engine that worlds can run on. It comes with a judge of its signatures.
///
/// An engine in another group than secp256k1's brings its own judge.
pub trait Engine: Crypto + 'static {
    /// Judges signatures in this engine's group.
    type Judge: Judge;
    /// The engine that checks evidence: another one in the same group, if there is one.
    type Other: Crypto;

    /// Announces that a world begins. An engine that keeps a record starts a new one.
    fn begin() {}

    /// Returns what it did since the last call, or nothing if it keeps no record.
    fn work() -> Work {
        Work::default()
    }

    /// Shows the random bytes that went into each secret nonce since the world began, if it keeps a
    /// record.
    fn each_secret(_see: impl FnMut(&[u8; 32])) {}

    /// Does something without recording it.
    fn unrecorded<T>(something: impl FnOnce() -> T) -> T {
        something()
    }

    /// Returns a copy of a node to experiment on. `None` if secret nonces cannot be copied, as must
    /// be the case for any engine that signs for real money.
    fn copy(_node: &Node<Self>) -> Option<Node<Self>> {
        None
    }

    /// Does the same for a node on [`Recording`] of this engine.
    fn copy_recording(_node: &Node<Recording<Self>>) -> Option<Node<Recording<Self>>> {
        None
    }
}

impl Engine for Libsecp256k1 {
    type Judge = Bip340;
    type Other = K256;
}

/// With this engine the judge is independent only in its tweaks, because both use the `musig2`
/// crate.
impl Engine for K256 {
    type Judge = Bip340;
    type Other = Libsecp256k1;
}

/// Computes keys and checks signatures independently of the core.
pub trait Judge {
    /// Returns the key under which this item's signature has to verify.
    ///
    /// # Errors
    /// If a key is not on the curve, or a tweak cannot be applied.
    fn output_key(signers: &[PublicKey], item: &Item) -> Result<XOnlyPublicKey, NoOutputKey>;

    /// Returns whether the signature is valid.
    fn is_valid(key: &XOnlyPublicKey, message: &Message, signature: &Signature) -> bool;
}

/// Judges by BIP327, BIP340, BIP341 and BIP32, through the `musig2` crate on `k256`.
///
/// ```
/// use musig2_proto::{Item, Message, PublicKey};
/// use musig2_sim::{Bip340, Judge};
///
/// let signers: [PublicKey; 2] = [
///     "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9".parse()?,
///     "03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659".parse()?,
/// ];
/// let key = Bip340::output_key(&signers, &Item::new(Message::new([7; 32])))?;
/// assert_ne!(key, signers[0].x_only());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Bip340 {}

/// A session's key cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no output key: {0}")]
pub struct NoOutputKey(String);

impl NoOutputKey {
    /// Makes the error from a reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl Judge for Bip340 {
    fn output_key(signers: &[PublicKey], item: &Item) -> Result<XOnlyPublicKey, NoOutputKey> {
        output_key(signers, item).map_err(|error| NoOutputKey::new(error.to_string()))
    }

    fn is_valid(key: &XOnlyPublicKey, message: &Message, signature: &Signature) -> bool {
        let (Ok(key), Ok(signature)) =
            (Point::lift_x(key.to_bytes()), CompactSignature::from_bytes(signature.as_bytes()))
        else {
            return false;
        };
        musig2::verify_single(key, signature, message.as_bytes()).is_ok()
    }
}

fn output_key(signers: &[PublicKey], item: &Item) -> Result<XOnlyPublicKey, Box<dyn Error>> {
    let points = signers.iter().map(|key| Point::from_slice(key.as_bytes()));
    let untweaked = KeyAggContext::new(points.collect::<Result<Vec<_>, _>>()?)?;
    let keys = item.tweaks().iter().try_fold(untweaked, apply)?;
    Ok(XOnlyPublicKey::new(keys.aggregated_pubkey::<Point>().serialize_xonly()))
}

fn apply(keys: KeyAggContext, tweak: &Tweak) -> Result<KeyAggContext, Box<dyn Error>> {
    match tweak {
        Tweak::Taproot { merkle_root: Some(root) } => Ok(keys.with_taproot_tweak(root.as_bytes())?),
        Tweak::Taproot { merkle_root: None } => Ok(keys.with_unspendable_taproot_tweak()?),
        Tweak::Bip32 { chain_code, path } => derive(keys, chain_code, path),
        Tweak::Raw(tweak) => {
            let scalar = MaybeScalar::from_slice(tweak.scalar.as_bytes())?;
            Ok(keys.with_tweak(scalar, tweak.kind == TweakKind::XOnly)?)
        }
        other => Err(format!("the oracle does not know the tweak {other:?}").into()),
    }
}

/// Applies BIP32's CKDpub once for each child number.
fn derive(
    mut keys: KeyAggContext,
    chain_code: &ChainCode,
    path: &[u32],
) -> Result<KeyAggContext, Box<dyn Error>> {
    let mut chain_code = *chain_code;
    for child in path {
        let (scalar, next) =
            child_tweak(&keys.aggregated_pubkey::<Point>().serialize(), &chain_code, *child);
        keys = keys.with_plain_tweak(MaybeScalar::from_slice(&scalar)?)?;
        chain_code = next;
    }
    Ok(keys)
}

/// Returns a child's tweak and chain code (BIP32): the left and the right half of
/// `HMAC-SHA512(chain code, compressed key || child number)`.
pub(crate) fn child_tweak(
    key: &[u8; 33],
    chain_code: &ChainCode,
    child: u32,
) -> ([u8; 32], ChainCode) {
    let output = Hmac::<Sha512>::new_from_slice(chain_code.as_bytes())
        .expect("HMAC takes keys of any length")
        .chain_update(key)
        .chain_update(child.to_be_bytes())
        .finalize()
        .into_bytes();
    let (mut scalar, mut next) = ([0; 32], [0; 32]);
    scalar.copy_from_slice(&output[..32]);
    next.copy_from_slice(&output[32..]);
    (scalar, ChainCode::new(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uses the first test vector of BIP328.
    #[test]
    fn the_judge_aggregates_as_bip328_does() {
        let signers: [PublicKey; 2] = [
            "03935f972da013f80ae011890fa89b67a27b7be6ccb24d3274d18b2d4067f261a9".parse().unwrap(),
            "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9".parse().unwrap(),
        ];
        let aggregate: PublicKey =
            "0354240c76b8f2999143301a99c7f721ee57eee0bce401df3afeaa9ae218c70f23".parse().unwrap();
        let key = Bip340::output_key(&signers, &Item::new(Message::new([0; 32]))).unwrap();
        assert_eq!(key, aggregate.x_only());
    }
}
