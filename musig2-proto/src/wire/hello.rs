//! Hellos: how a signer that lost its memory is found by those who remember its sessions.

use crate::base::bytes::{PublicKey, Signature};
use crate::base::codec::{VERSION, encode};
use crate::base::hash::{Tag, TaggedHash, signed_message};
use crate::base::ids::Contact;
use crate::base::time::Timestamp;
use crate::crypto::Crypto;
use core::time::Duration;
use serde::{Deserialize, Serialize};

static DOMAIN: Tag = Tag::new("musig2-proto/hello");

/// A signer's hellos are answered only if their times are at least this far apart.
const PAUSE: Duration = Duration::from_secs(1);

/// A signer's signed message "I am here, and I may have forgotten sessions". The signature is
/// BIP340's over 64 bytes: the hash of the domain, then the tagged hash of version and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hello {
    /// The content of the hello.
    pub content: HelloContent,
    /// The signature of the signer's key.
    pub signature: Signature,
}

/// The content of a hello.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct HelloContent {
    /// The signer's key.
    pub signer: PublicKey,
    /// Where the signer can be reached now.
    pub contact: Contact,
    /// The current time, by the signer's clock.
    pub time: Timestamp,
    /// Since when the signer remembers, by its own clock. Of every session that it joined since
    /// then, it knows how it ended, or that it is open. If the signer says hello because it has not
    /// heard how one session ended, this is the creation time of that session, if that is later.
    pub since: Timestamp,
}

impl HelloContent {
    /// Returns whether to answer this hello after one with the time `last`. Answers may be lost, so
    /// every hello is answered, but only if a second has passed between their times.
    pub(crate) fn is_after(&self, last: Option<&Timestamp>) -> bool {
        last.is_none_or(|last| self.time >= last.saturating_add(PAUSE))
    }

    /// Returns whether the signer may have forgotten a session that was created at this time, by a
    /// clock that differs from the signer's by at most `skew`.
    pub(crate) fn may_have_forgotten(&self, created_at: Timestamp, skew: Duration) -> bool {
        created_at <= self.since.saturating_add(skew)
    }

    /// Returns whether an answer can be sent directly to the signer.
    pub(crate) fn has_contact(&self) -> bool {
        !self.contact.is_empty()
    }
}

impl Hello {
    /// Signs a hello. Returns `None` if the engine cannot sign.
    pub(crate) fn sign<C: Crypto>(
        contact: Contact,
        time: Timestamp,
        since: Timestamp,
        keypair: &C::Keypair,
        auxiliary: &[u8; 32],
    ) -> Option<Self> {
        let content = HelloContent { signer: C::public_key(keypair), contact, time, since };
        let signature = C::sign_statement(keypair, &message(&content), auxiliary)?;
        Some(Self { content, signature })
    }

    /// Returns whether the signer signed it.
    pub(crate) fn verify<C: Crypto>(&self) -> bool {
        C::verify(&self.content.signer.x_only(), &message(&self.content), &self.signature)
    }
}

/// Returns the bytes to sign: the domain's hash, then the tagged hash of version and content.
fn message(content: &HelloContent) -> [u8; 64] {
    signed_message(&DOMAIN, &TaggedHash::new(&DOMAIN).add([VERSION]).add(encode(content)).finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::SecretKey;
    use crate::crypto::DefaultCrypto;

    fn hello(contact: &[u8], time: u64) -> Hello {
        let keypair = DefaultCrypto::keypair(&SecretKey::new([1; 32])).unwrap();
        let contact = Contact::new(contact.to_vec()).unwrap();
        let time = Timestamp::from_millis(time);
        Hello::sign::<DefaultCrypto>(contact, time, Timestamp::default(), &keypair, &[0; 32])
            .unwrap()
    }

    #[test]
    fn a_hello_is_signed_as_a_whole() {
        let good = hello(b"here", 5);
        assert!(good.verify::<DefaultCrypto>());
        let signature = good.signature;
        for other in [hello(b"there", 5), hello(b"here", 6)] {
            assert!(!Hello { signature, ..other }.verify::<DefaultCrypto>());
        }
    }

    #[test]
    fn a_signers_hellos_are_answered_if_a_second_apart() {
        let is_after = |time, last| {
            hello(b"here", time)
                .content
                .is_after(Option::map(last, Timestamp::from_millis).as_ref())
        };
        assert!(is_after(5_000, None));
        assert!(is_after(5_000, Some(4_000)) && is_after(9_000, Some(4_000)));
        assert!(!is_after(5_000, Some(4_001)) && !is_after(5_000, Some(6_000)));
        assert!(
            hello(b"here", 5_000).content.has_contact() && !hello(b"", 5_000).content.has_contact()
        );
    }
}
