//! Tagged hashes (BIP340): `SHA256(SHA256(tag) || SHA256(tag) || data)`, one tag for each purpose.

use sha2::{Digest, Sha256};

/// A tagged hash in the making.
pub(crate) struct TaggedHash(Sha256);

impl TaggedHash {
    pub(crate) fn new(tag: &str) -> Self {
        let tag = sha256(tag.as_bytes());
        Self(Sha256::new().chain_update(tag).chain_update(tag))
    }

    pub(crate) fn add(mut self, data: impl AsRef<[u8]>) -> Self {
        self.0.update(data);
        self
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// The 64 bytes that a statement or announcement signs: the hash of its domain, then the hash of its body. Never 32
/// bytes, so that no such signature can be taken for one over a transaction.
pub(crate) fn signed_message(domain: &str, body_hash: &[u8; 32]) -> [u8; 64] {
    let mut message = [0; 64];
    let (tag, body) = message.split_at_mut(32);
    tag.copy_from_slice(&sha256(domain.as_bytes()));
    body.copy_from_slice(body_hash);
    message
}
