//! How signers learn of a session.

use super::hello::Hello;
use crate::base::bounded::List;
use crate::base::bytes::Signature;
use crate::base::codec::{VERSION, encode, encoded_size};
use crate::base::hash::{Tag, TaggedHash, signed_message};
use crate::base::ids::{Contact, SignerIndex};
use crate::crypto::Crypto;
use crate::terms::manifest::{MAX_SIGNERS, Manifest};
use serde::{Deserialize, Serialize};

static DOMAIN: Tag = Tag::new("musig2-proto/announcement");

/// A manifest under its coordinator's signature, which is BIP340's over 64 bytes: the hash of the domain, then the
/// tagged hash of version and content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Announcement {
    /// What is announced.
    pub content: AnnouncementContent,
    /// By the coordinator's key.
    pub signature: Signature,
}

/// What an announcement says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct AnnouncementContent {
    /// What is to be signed, and by whom.
    pub manifest: Manifest,
    /// Nobody may publish it.
    pub private: bool,
    /// Where the coordinator thinks signers can be reached, itself among them; ascending by signer, one each.
    pub contacts: List<KnownContact, MAX_SIGNERS>,
}

/// Where the coordinator thinks a signer can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct KnownContact {
    /// Who.
    pub signer: SignerIndex,
    /// Where.
    pub contact: Contact,
}

/// What is published on the announcement topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Publication {
    /// A session can be joined.
    Announcement {
        /// Random, so that gossip that drops what it has seen carries an announcement again.
        fresh: [u8; 8],
        /// The session.
        announcement: Announcement,
    },
    /// A signer may have forgotten sessions.
    Hello {
        /// Random, as above.
        fresh: [u8; 8],
        /// The signer.
        hello: Hello,
    },
}

impl Announcement {
    /// Signs it. `None` where the engine cannot.
    pub(crate) fn sign<C: Crypto>(
        content: AnnouncementContent,
        keypair: &C::Keypair,
        auxiliary: &[u8; 32],
    ) -> Option<Self> {
        let signature = C::sign_statement(keypair, &message(&content), auxiliary)?;
        Some(Self { content, signature })
    }

    /// Whether the coordinator signed it.
    pub(crate) fn verify<C: Crypto>(&self) -> bool {
        let manifest = &self.content.manifest;
        manifest
            .signer(manifest.coordinator())
            .is_some_and(|key| C::verify(&key.x_only(), &message(&self.content), &self.signature))
    }

    /// What a frame that carries it takes at most beside statements, in bytes: with the final signatures, and an envelope of that many bytes (see [`Config::envelope_size`](crate::Config)).
    pub(crate) fn size_in_frame(&self, envelope: usize) -> usize {
        1 + encoded_size(self) + 64 * self.content.manifest.items().len() + envelope
    }

    /// Whether every contact is some signer's, and in order.
    pub(crate) fn fits(&self) -> bool {
        let signers = self.content.contacts.iter().map(|known| known.signer);
        signers.clone().is_sorted_by(|one, next| one < next)
            && signers.clone().all(|signer| self.content.manifest.signer(signer).is_some())
    }

    /// Where the coordinator thinks this signer can be reached.
    pub(crate) fn contact(&self, signer: SignerIndex) -> Option<&Contact> {
        let contacts = &self.content.contacts;
        let place = contacts.binary_search_by_key(&signer, |known| known.signer).ok()?;
        contacts.get(place).map(|known| &known.contact)
    }
}

/// `SHA256_tagged("musig2-proto/announcement", version || content)` behind its domain.
fn message(content: &AnnouncementContent) -> [u8; 64] {
    signed_message(&DOMAIN, &TaggedHash::new(&DOMAIN).add([VERSION]).add(encode(content)).finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::bounded::Bytes;
    use crate::base::bytes::PublicKey;
    use crate::base::time::Timestamp;
    use crate::terms::manifest::Salt;

    /// Of three signers, with contacts for these.
    fn announcement(contacts: &[u16]) -> Announcement {
        let manifest = Manifest {
            signers: List::new([1, 2, 3].map(|byte| PublicKey::new([byte; 33])).to_vec()).unwrap(),
            coordinator: SignerIndex::new(0),
            identities: List::empty(),
            items: List::empty(),
            extractor: None,
            created_at: Timestamp::default(),
            expires_at: Timestamp::default(),
            salt: Salt::new([0; 32]),
            memo: Bytes::default(),
        };
        let known = contacts.iter().map(|&signer| KnownContact {
            signer: SignerIndex::new(signer),
            contact: Contact::new(vec![signer as u8]).unwrap(),
        });
        let contacts = List::new(known.collect()).unwrap();
        let content = AnnouncementContent { manifest, private: false, contacts };
        Announcement { content, signature: Signature::new([0; 64]) }
    }

    #[test]
    fn contacts_ascend_by_signer_with_at_most_one_each() {
        assert!(announcement(&[]).fits() && announcement(&[0, 2]).fits());
        assert!(!announcement(&[2, 0]).fits() && !announcement(&[1, 1]).fits());
        assert!(!announcement(&[0, 3]).fits());
    }

    #[test]
    fn a_signers_contact_is_found_if_there_is_one() {
        let announcement = announcement(&[0, 2]);
        let contact =
            |signer| announcement.contact(SignerIndex::new(signer)).map(Contact::as_bytes);
        assert_eq!([0, 1, 2].map(contact), [Some(&[0][..]), None, Some(&[2][..])]);
    }
}
