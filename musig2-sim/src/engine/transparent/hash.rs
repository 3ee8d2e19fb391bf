//! The hashes, one for each purpose. They are not cryptographic, as nothing here is: each is XXH3
//! over each part with the previous hash as its seed, so that every byte, the length of each part,
//! and the order of the parts matter.

use super::group::Element;
use twox_hash::XxHash3_64;

/// A hash that more parts can be added to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    /// BIP327 `KeyAgg list`.
    pub(super) const KEY_LIST: Self = Self(1);
    /// BIP327 `KeyAgg coefficient`.
    pub(super) const KEY_COEFFICIENT: Self = Self(2);
    /// BIP327 `MuSig/nonce`.
    pub(super) const NONCE: Self = Self(3);
    /// BIP327 `MuSig/noncecoef`.
    pub(super) const NONCE_COEFFICIENT: Self = Self(4);
    /// BIP340 `BIP0340/challenge`.
    pub(super) const CHALLENGE: Self = Self(5);
    /// BIP340 `BIP0340/nonce`.
    pub(super) const STATEMENT_NONCE: Self = Self(6);

    pub(super) fn add(self, part: &[u8]) -> Self {
        Self(XxHash3_64::oneshot_with_seed(self.0, part))
    }

    /// Returns the hash as bytes, to add to another hash.
    pub(super) fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(super) fn finish(self) -> Element {
        Element::reduce(self.0)
    }
}
