//! Tagged hashes (BIP340): `SHA256(SHA256(tag) || SHA256(tag) || data)`, one tag for each purpose.

use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// The purpose of a hash. The hash's first block depends only on this, and is computed once.
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

/// A tagged hash that is being computed.
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

/// Returns the 64 bytes that the author of a statement, an announcement or a hello signs: the hash
/// of the domain, then the hash of the body. It is never 32 bytes, so that nobody can pass such a
/// signature off as one over a transaction.
pub(crate) fn signed_message(domain: &Tag, body_hash: &[u8; 32]) -> [u8; 64] {
    let mut message = [0; 64];
    let (tag, body) = message.split_at_mut(32);
    tag.copy_from_slice(&domain.start().digest);
    body.copy_from_slice(body_hash);
    message
}
