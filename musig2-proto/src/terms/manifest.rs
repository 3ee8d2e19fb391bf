//! What a session commits to: the manifest, whose hash is the session's id.

use crate::base::bounded::{Bytes, List};
use crate::base::bytes::{PublicKey, XOnlyPublicKey};
use crate::base::codec::{VERSION, encode};
use crate::base::hash::{Tag, TaggedHash};
use crate::base::ids::{SessionId, SignerIndex};
use crate::base::time::Timestamp;
use crate::terms::item::Item;
use serde::{Deserialize, Serialize};

static MANIFEST: Tag = Tag::new("musig2-proto/manifest");

/// The most signers the wire format has room for.
pub const MAX_SIGNERS: usize = 4096;
/// The most items the wire format has room for.
pub const MAX_ITEMS: usize = 4096;
/// The longest memo the wire format has room for, in bytes.
pub const MAX_MEMO: usize = 4096;

byte_string!(
    /// Random bytes (32) that tell apart two manifests with otherwise equal content.
    Salt, 32
);

/// Everything that the signers of one session agree on. [`Node::execute`](crate::Node::execute)
/// makes it from a [`Proposal`](crate::Proposal).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Manifest {
    pub(crate) signers: List<PublicKey, MAX_SIGNERS>,
    pub(crate) coordinator: SignerIndex,
    /// Reserved for keys that would sign statements in place of the signers' keys. In this version
    /// the list is always empty, and the signers' own keys sign.
    pub(crate) identities: List<XOnlyPublicKey, MAX_SIGNERS>,
    pub(crate) items: List<Item, MAX_ITEMS>,
    /// Reserved for adaptor signatures: always `None` in this version.
    pub(crate) extractor: Option<SignerIndex>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) salt: Salt,
    pub(crate) memo: Bytes<MAX_MEMO>,
}

impl Manifest {
    /// Returns the proposer's key, or `None` if the coordinator is not one of the signers.
    pub(crate) fn coordinator_key(&self) -> Option<&PublicKey> {
        self.signer(self.coordinator)
    }

    /// Returns the session's id: `SHA256_tagged("musig2-proto/manifest", version || manifest)`.
    pub fn id(&self) -> SessionId {
        let hash = TaggedHash::new(&MANIFEST).add([VERSION]).add(encode(self));
        SessionId::new(hash.finish())
    }

    /// Returns the signers' keys, in the order in which they are aggregated (BIP327 KeyAgg).
    pub fn signers(&self) -> &[PublicKey] {
        self.signers.as_slice()
    }

    /// Returns the number of signers.
    pub fn signer_count(&self) -> usize {
        self.signers.len()
    }

    /// Iterates over all positions in [`Manifest::signers`].
    pub fn indices(&self) -> impl Iterator<Item = SignerIndex> + Clone + use<> {
        SignerIndex::all(self.signer_count())
    }

    /// Returns the key of a signer, if there is one with that index.
    pub fn signer(&self, index: SignerIndex) -> Option<&PublicKey> {
        self.signers.get(index.as_usize())
    }

    /// Returns the signer that proposed the session.
    pub const fn coordinator(&self) -> SignerIndex {
        self.coordinator
    }

    /// Returns what is signed.
    pub fn items(&self) -> &[Item] {
        self.items.as_slice()
    }

    /// Returns when the session was proposed, by the coordinator's clock.
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Returns when the session expires. From then on nobody signs.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns the application's own bytes, at most [`MAX_MEMO`].
    pub fn memo(&self) -> &[u8] {
        self.memo.as_slice()
    }

    /// Returns the position of this key among the signers.
    pub fn index_of(&self, key: &PublicKey) -> Option<SignerIndex> {
        self.indices()
            .zip(self.signers())
            .find_map(|(index, signer)| (signer == key).then_some(index))
    }
}
