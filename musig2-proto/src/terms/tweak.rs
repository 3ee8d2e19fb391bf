//! Key tweaks by their meaning (BIP341, BIP86, BIP32 with BIP328), and the scalars each of them
//! applies.

use crate::base::bounded::List;
use crate::base::bytes::{ChainCode, MerkleRoot, PublicKey, TweakScalar};
use crate::base::hash::{Tag, TaggedHash};
use crate::crypto::{Crypto, InvalidTweak, PlainTweak, TweakKind};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha512;

static TAP_TWEAK: Tag = Tag::new("TapTweak");

/// One step from the aggregate key to the key that signs. An item's tweaks apply in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Tweak {
    /// The taproot output key (BIP341). It commits to a script tree, or to no scripts (BIP86).
    Taproot {
        /// The root of the script tree, if there is one.
        merkle_root: Option<MerkleRoot>,
    },
    /// The child key at an unhardened BIP32 path below the key tweaked up to here, with this chain
    /// code. For a MuSig2 aggregate key the chain code is [`ChainCode::BIP328`].
    Bip32 {
        /// The chain code of the key that the path starts from.
        chain_code: ChainCode,
        /// Child numbers, each below 2^31.
        path: DerivationPath,
    },
    /// A raw scalar. A node refuses it unless
    /// [`Config::allow_raw_tweaks`](crate::Config::allow_raw_tweaks) is set, because whoever
    /// chooses the scalar can turn the session's signature into one under a key of their choice. A
    /// tweaked key that is a signer's own key is always refused. Keys derived from a signer's own
    /// key (BIP32 children, BIP86 outputs) are not detected. So allow raw tweaks only if all
    /// signers trust every proposer.
    Raw(PlainTweak),
}

/// The most tweaks an item can have.
pub const MAX_TWEAKS: usize = 8;

/// The longest BIP32 path below an aggregate key.
pub const MAX_PATH: usize = 16;

/// An unhardened BIP32 path: at most [`MAX_PATH`] child numbers.
pub type DerivationPath = List<u32, MAX_PATH>;

/// The first hardened child number (BIP32).
const HARDENED: u32 = 1 << 31;

/// A tweak cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TweakError {
    /// The tweak is raw, and the configuration does not allow raw tweaks.
    #[error("raw tweaks are refused unless `allow_raw_tweaks` is set")]
    Raw,
    /// The child number is hardened. Deriving it would need a secret key that nobody has.
    #[error("child number {0} is hardened: an aggregate key has unhardened children only")]
    Hardened(u32),
    /// The scalar is not below the group order, or leads to infinity.
    #[error(transparent)]
    Invalid(#[from] InvalidTweak),
}

impl Tweak {
    /// Returns the kind of tweak as a word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Taproot { merkle_root: None } => "bip86",
            Self::Taproot { merkle_root: Some(_) } => "taproot",
            Self::Bip32 { .. } => "bip32",
            Self::Raw(_) => "raw",
        }
    }

    /// The output key of BIP86: taproot without scripts.
    pub const BIP86: Self = Self::Taproot { merkle_root: None };

    /// Makes the checks that do not depend on the key.
    pub(crate) fn check(&self, allow_raw: bool) -> Result<(), TweakError> {
        match self {
            Self::Taproot { .. } => Ok(()),
            Self::Bip32 { path, .. } => path
                .iter()
                .find(|&&child| child >= HARDENED)
                .map_or(Ok(()), |&child| Err(TweakError::Hardened(child))),
            Self::Raw(_) if allow_raw => Ok(()),
            Self::Raw(_) => Err(TweakError::Raw),
        }
    }

    /// Returns how many points must be computed to apply the tweak.
    pub(crate) fn steps(&self) -> usize {
        match self {
            Self::Taproot { .. } | Self::Raw(_) => 1,
            Self::Bip32 { path, .. } => path.len(),
        }
    }

    /// Applies this tweak to `keys`, and appends the scalars applied to `applied`.
    pub(crate) fn apply<C: Crypto>(
        &self,
        mut keys: C::KeyAggregate,
        applied: &mut Vec<PlainTweak>,
    ) -> Result<C::KeyAggregate, InvalidTweak> {
        let mut step = |keys: &C::KeyAggregate, kind, scalar| {
            let tweak = PlainTweak { kind, scalar };
            let tweaked = C::tweak(keys, &tweak)?;
            applied.push(tweak);
            Ok(tweaked)
        };
        match self {
            Self::Taproot { merkle_root } => {
                let scalar = taproot_tweak(&C::aggregate_key(&keys), merkle_root.as_ref());
                step(&keys, TweakKind::XOnly, scalar)
            }
            Self::Bip32 { chain_code, path } => {
                let mut chain_code = *chain_code;
                for &child in path.iter() {
                    let (scalar, next) = child_tweak(&C::aggregate_key(&keys), &chain_code, child);
                    keys = step(&keys, TweakKind::Plain, scalar)?;
                    chain_code = next;
                }
                Ok(keys)
            }
            Self::Raw(tweak) => step(&keys, tweak.kind, tweak.scalar),
        }
    }
}

/// Computes BIP341's `hash_TapTweak(bytes(P) || root)`.
fn taproot_tweak(key: &PublicKey, merkle_root: Option<&MerkleRoot>) -> TweakScalar {
    let hash = TaggedHash::new(&TAP_TWEAK).add(key.x_only().as_bytes());
    TweakScalar::new(match merkle_root {
        Some(root) => hash.add(root.as_bytes()).finish(),
        None => hash.finish(),
    })
}

/// Computes BIP32 CKDpub's `I = HMAC-SHA512(chain code, serP(key) || ser32(child))`: the scalar to
/// add, and the child's chain code.
fn child_tweak(key: &PublicKey, chain_code: &ChainCode, child: u32) -> (TweakScalar, ChainCode) {
    let mut mac = Hmac::<Sha512>::new(&hmac_key(chain_code));
    mac.update(key.as_bytes());
    mac.update(&child.to_be_bytes());
    let output: [u8; 64] = mac.finalize().into_bytes().into();
    let (mut left, mut right) = ([0; 32], [0; 32]);
    left.copy_from_slice(&output[..32]);
    right.copy_from_slice(&output[32..]);
    (TweakScalar::new(left), ChainCode::new(right))
}

/// HMAC pads a key shorter than its 128-byte block with zeros (RFC 2104).
fn hmac_key(chain_code: &ChainCode) -> hmac::digest::Key<Hmac<Sha512>> {
    let mut key = [0; 128];
    key[..32].copy_from_slice(chain_code.as_bytes());
    key.into()
}
