//! Computes keys and signatures a second time, in plain arithmetic and from the BIPs only. Only the
//! hashes are the engine's.

use super::hash::Hash;
use crate::engine::{Judge, NoOutputKey, child_tweak};
use musig2_proto::{Item, Message, PublicKey, Signature, Tweak, TweakKind, XOnlyPublicKey};
use sha2::{Digest, Sha256};

/// The order of the group.
const P: u128 = (1 << 61) - 1;

/// Judges the signatures of [`Transparent`](super::Transparent).
#[derive(Debug, Clone, Copy)]
pub enum TransparentJudge {}

impl Judge for TransparentJudge {
    fn output_key(signers: &[PublicKey], item: &Item) -> Result<XOnlyPublicKey, NoOutputKey> {
        let untweaked = aggregate(signers)?;
        let key = item.tweaks().iter().try_fold(untweaked, apply)?;
        Ok(XOnlyPublicKey::new(x_of(key)))
    }

    fn is_valid(key: &XOnlyPublicKey, message: &Message, signature: &Signature) -> bool {
        let (nonce, response) = signature.as_bytes().split_at(32);
        let challenge = hash(Hash::CHALLENGE, [nonce, key.as_bytes(), message.as_bytes()]);
        let (Some(nonce), Some(response), Some(key)) =
            (number(nonce), number(response), number(key.as_bytes()))
        else {
            return false;
        };
        // BIP340: s G = R + e P. Both points have even y, so each is its own x.
        [nonce, key].iter().all(|&x| x != 0 && x <= P / 2)
            && response < P
            && response == (nonce + challenge * key) % P
    }
}

/// Computes BIP327's KeyAgg.
fn aggregate(signers: &[PublicKey]) -> Result<u128, NoOutputKey> {
    let list = signers.iter().fold(Hash::KEY_LIST, |hash, key| hash.add(key.as_bytes())).to_bytes();
    let first = signers.first().ok_or_else(|| NoOutputKey::new("no signers"))?;
    let second = signers.iter().find(|key| *key != first);
    let mut sum = 0;
    for key in signers {
        let coefficient = match Some(key) == second {
            true => 1,
            false => hash(Hash::KEY_COEFFICIENT, [list.as_slice(), key.as_bytes()]),
        };
        sum = (sum + coefficient * point(key)?) % P;
    }
    finite(sum)
}

fn apply(key: u128, tweak: &Tweak) -> Result<u128, NoOutputKey> {
    match tweak {
        Tweak::Taproot { merkle_root } => {
            let root = merkle_root.as_ref().map_or(&[][..], |root| root.as_bytes());
            let tag = Sha256::digest("TapTweak");
            let hash = [&tag, &tag, x_of(key).as_slice(), root]
                .iter()
                .fold(Sha256::new(), Sha256::chain_update);
            add(even(key), &hash.finalize().into())
        }
        Tweak::Bip32 { chain_code, path } => {
            let derive = |(key, chain_code), child: &u32| {
                let (scalar, next) = child_tweak(&compressed(key), &chain_code, *child);
                Ok((add(key, &scalar)?, next))
            };
            Ok(path.iter().try_fold((key, *chain_code), derive)?.0)
        }
        Tweak::Raw(tweak) => {
            let key = if tweak.kind == TweakKind::XOnly { even(key) } else { key };
            add(key, tweak.scalar.as_bytes())
        }
        other => Err(NoOutputKey::new(format!("the oracle does not know the tweak {other:?}"))),
    }
}

/// Adds a tweak, reduced, to the key. The engine refuses a tweak that is not a scalar of secp256k1.
fn add(key: u128, tweak: &[u8; 32]) -> Result<u128, NoOutputKey> {
    finite(tweak.iter().fold(0, |sum, byte| (sum * 256 + u128::from(*byte)) % P) + key)
}

fn finite(key: u128) -> Result<u128, NoOutputKey> {
    let key = key % P;
    if key == 0 { Err(NoOutputKey::new("infinity")) } else { Ok(key) }
}

fn point(key: &PublicKey) -> Result<u128, NoOutputKey> {
    let (parity, x) = key.as_bytes().split_at(1);
    match (parity, number(x)) {
        ([2], Some(x @ 1..)) if x <= P / 2 => Ok(x),
        ([3], Some(x @ 1..)) if x <= P / 2 => Ok(P - x),
        _ => Err(NoOutputKey::new(format!("{key} is not a point"))),
    }
}

fn compressed(key: u128) -> [u8; 33] {
    let mut bytes = [0; 33];
    bytes[0] = if even(key) == key { 2 } else { 3 };
    bytes[1..].copy_from_slice(&x_of(key));
    bytes
}

fn even(key: u128) -> u128 {
    key.min(P - key)
}

fn x_of(key: u128) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[16..].copy_from_slice(&even(key).to_be_bytes());
    bytes
}

/// Returns the number in 32 big-endian bytes, if it is below 2^64.
fn number(bytes: &[u8]) -> Option<u128> {
    let (zeros, low) = bytes.split_at(24);
    zeros
        .iter()
        .all(|&byte| byte == 0)
        .then(|| low.iter().fold(0, |sum, byte| sum * 256 + u128::from(*byte)))
}

fn hash<'a>(hash: Hash, parts: impl IntoIterator<Item = &'a [u8]>) -> u128 {
    let bytes = parts.into_iter().fold(hash, Hash::add).to_bytes();
    u128::from(u64::from_be_bytes(bytes)) % P
}
