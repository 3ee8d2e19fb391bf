//! Announcements: how signers learn of a session.

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

/// A manifest signed by its coordinator. The signature is BIP340's over 64 bytes: the hash of the
/// domain, then the tagged hash of version and content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Announcement {
    /// What is announced.
    pub content: AnnouncementContent,
    /// The signature of the coordinator's key.
    pub signature: Signature,
}

/// The content of an announcement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct AnnouncementContent {
    /// What is to be signed, and by whom.
    pub manifest: Manifest,
    /// Whether nobody may publish it. A private announcement is only sent to signers.
    pub private: bool,
    /// Where the coordinator thinks signers can be reached, itself included. There is at most one
    /// contact for each signer, in ascending order of signers.
    pub contacts: List<KnownContact, MAX_SIGNERS>,
}

/// Where the coordinator thinks a signer can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct KnownContact {
    /// The signer.
    pub signer: SignerIndex,
    /// Its contact.
    pub contact: Contact,
}

/// What is published on the announcement topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Publication {
    /// Announces a session that signers can join.
    Announcement {
        /// Random bytes, so that a gossip network that drops duplicates carries the same
        /// announcement again.
        fresh: [u8; 8],
        /// The session.
        announcement: Announcement,
    },
    /// Says that a signer is here and may have forgotten sessions.
    Hello {
        /// Random bytes, for the same reason.
        fresh: [u8; 8],
        /// The signer.
        hello: Hello,
    },
}

impl Announcement {
    /// Signs an announcement. Returns `None` if the engine cannot sign.
    pub(crate) fn sign<C: Crypto>(
        content: AnnouncementContent,
        keypair: &C::Keypair,
        auxiliary: &[u8; 32],
    ) -> Option<Self> {
        let signature = C::sign_statement(keypair, &message(&content), auxiliary)?;
        Some(Self { content, signature })
    }

    /// Returns whether the coordinator signed it.
    pub(crate) fn verify<C: Crypto>(&self) -> bool {
        let manifest = &self.content.manifest;
        manifest
            .signer(manifest.coordinator())
            .is_some_and(|key| C::verify(&key.x_only(), &message(&self.content), &self.signature))
    }

    /// Returns the most bytes that a frame with this announcement takes, not counting statements:
    /// the announcement, the final signatures, and an envelope of `envelope` bytes (see
    /// [`Config::envelope_size`](crate::Config)).
    pub(crate) fn size_in_frame(&self, envelope: usize) -> usize {
        1 + encoded_size(self) + 64 * self.content.manifest.items().len() + envelope
    }

    /// Returns whether every contact is a signer's, each signer has at most one, and they are in
    /// order.
    pub(crate) fn fits(&self) -> bool {
        let signers = self.content.contacts.iter().map(|known| known.signer);
        signers.clone().is_sorted_by(|one, next| one < next)
            && signers.clone().all(|signer| self.content.manifest.signer(signer).is_some())
    }

    /// Returns where the coordinator thinks this signer can be reached.
    pub(crate) fn contact(&self, signer: SignerIndex) -> Option<&Contact> {
        let contacts = &self.content.contacts;
        // The contacts are in order: a node drops an announcement in which they are not.
        let place = contacts.binary_search_by_key(&signer, |known| known.signer).ok()?;
        contacts.get(place).map(|known| &known.contact)
    }
}

/// Returns the bytes to sign: the domain's hash, then the tagged hash of version and content.
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

    /// An announcement of a session of three signers, with contacts for the signers given.
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
