//! Tagged hashes (BIP340): `SHA256(SHA256(tag) || SHA256(tag) || data)`, one tag for each purpose.

use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// What a hash is for. Its first block follows from that alone, and is computed once.
pub(crate) struct Tag {
    name: &'static str,
    start: OnceLock<Start>,
}

struct Start {
    digest: [u8; 32],
    hasher: Sha256,
}

impl Tag {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, start: OnceLock::new() }
    }

    fn start(&self) -> &Start {
        self.start.get_or_init(|| {
            let digest = Sha256::digest(self.name).into();
            Start { digest, hasher: Sha256::new().chain_update(digest).chain_update(digest) }
        })
    }
}

/// A tagged hash in the making.
pub(crate) struct TaggedHash(Sha256);

impl TaggedHash {
    pub(crate) fn new(tag: &Tag) -> Self {
        Self(tag.start().hasher.clone())
    }

    pub(crate) fn add(mut self, data: impl AsRef<[u8]>) -> Self {
        self.0.update(data);
        self
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The 64 bytes that a statement or announcement signs: the hash of its domain, then the hash of its body. Never 32
/// bytes, so that no such signature can be taken for one over a transaction.
pub(crate) fn signed_message(domain: &Tag, body_hash: &[u8; 32]) -> [u8; 64] {
    let mut message = [0; 64];
    let (tag, body) = message.split_at_mut(32);
    tag.copy_from_slice(&domain.start().digest);
    body.copy_from_slice(body_hash);
    message
}
