//! What a signer states about a session, under its signature.

use super::proof::Proof;
use crate::base::bounded::{Bytes, List};
use crate::base::bytes::{PartialSignature, PublicKey, PublicNonce, Signature};
use crate::base::codec::{VERSION, encode};
use crate::base::hash::{Tag, TaggedHash, signed_message};
use crate::base::ids::{AttemptId, Boot, Contact, SessionId, SignerIndex, Transcript};
use crate::base::time::Timestamp;
use crate::crypto::Crypto;
use crate::terms::manifest::MAX_ITEMS;
use core::fmt;
use serde::{Deserialize, Serialize};

static DOMAIN: Tag = Tag::new("musig2-proto/statement");

/// The hash of a statement (32 bytes) without its signature: what is signed, and what tells statements apart.
pub(crate) type StatementHash = [u8; 32];

/// A signer's statement. Its signature is BIP340's, by the author's key, over 64 bytes: the hash of the domain, then
/// the tagged hash of version, session, author and body.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Statement {
    /// Who states it.
    pub author: SignerIndex,
    /// What is stated.
    pub body: Body,
    /// By the author's key.
    pub signature: Signature,
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Body {
    /// I consent to the manifest.
    Join(Join),
    /// These are my nonces.
    Nonces(Nonces),
    /// These are my partial signatures.
    Partials(Partials),
    /// I take no further part.
    Abort(Abort),
    /// I do not take part at all.
    Decline(Decline),
}

/// Consent to the whole manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Join {
    /// Which life of the signer this is. A boot exists only through its join.
    pub boot: Boot,
    /// Where to reach it; empty where it can only be answered.
    pub contact: Contact,
}

/// Round 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Nonces {
    /// The life that holds the secret nonces.
    pub boot: Boot,
    /// The attempt they are for.
    pub attempt: AttemptId,
    /// The nonces.
    pub source: NonceSource,
}

/// Where nonces come from. One way in this version; room for nonces from a pre-shared pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum NonceSource {
    /// From the statement itself: one for each item, raw.
    Inline(List<PublicNonce, MAX_ITEMS>),
}

impl NonceSource {
    /// One for each item.
    pub fn nonces(&self) -> &[PublicNonce] {
        let Self::Inline(nonces) = self;
        nonces
    }
}

/// Round 2.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Partials {
    /// The life that held the secret nonces.
    pub boot: Boot,
    /// The attempt they are for.
    pub attempt: AttemptId,
    /// All nonces that went into them.
    pub transcript: Transcript,
    /// One for each item.
    pub partials: List<PartialSignature, MAX_ITEMS>,
}

/// The end of a signer's part. Not a revocation: what it released stays released.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Abort {
    /// The life that ends its part.
    pub boot: Boot,
    /// Why.
    pub reason: AbortReason,
    /// The proof of a signer's fault, where that is the reason. The session is its manifest.
    pub proof: Option<Box<Proof>>,
}

/// Why a signer ends its part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum AbortReason {
    /// Its application said so.
    Requested(Note),
    /// The proof beside it convicts a signer.
    Convicted,
    /// A signer declined the session, which cannot be signed without it.
    Declined {
        /// Who.
        signer: SignerIndex,
        /// Why.
        reason: DeclineReason,
    },
    /// I have waited long enough.
    TimedOut,
}

impl AbortReason {
    /// A word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Requested(_) => "requested",
            Self::Convicted => "convicted",
            Self::Declined { .. } => "declined",
            Self::TimedOut => "timed_out",
        }
    }
}

/// For people. A note is its author's text: escaped, as [`Note`]'s `Display` does.
impl fmt::Display for AbortReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested(note) => note.fmt(f),
            Self::Convicted => f.write_str("a signer broke the protocol"),
            Self::Declined { signer, reason } => write!(f, "signer {signer} declined: {reason}"),
            Self::TimedOut => f.write_str("it has waited long enough"),
        }
    }
}

/// A signer does not consent. It counts only while its author has no join on the board, proves nothing and blames nobody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Decline {
    /// Why.
    pub reason: DeclineReason,
}

/// Why a signer does not take part in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum DeclineReason {
    /// Its rules do not allow it.
    Policy,
    /// A person said no.
    Person,
    /// It has more sessions to sign than it has room for.
    Busy,
    /// Its configuration, or its version of the protocol, cannot sign such a session.
    Unsupported,
    /// By its clock, the session is not to be signed now: the session was created in its future, or its time is over.
    Clock {
        /// What its clock showed.
        time: Timestamp,
    },
}

impl DeclineReason {
    /// A word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Person => "person",
            Self::Busy => "busy",
            Self::Unsupported => "unsupported",
            Self::Clock { .. } => "clock",
        }
    }

    /// Whether the same signer may state another reason later: a clock is set, or the time comes.
    pub(crate) const fn may_change(self) -> bool {
        matches!(self, Self::Clock { .. })
    }
}

impl fmt::Display for DeclineReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "its policy does not allow it",
            Self::Person => "a person said no",
            Self::Busy => "it has too many sessions to sign",
            Self::Unsupported => "its configuration or version cannot sign such a session",
            Self::Clock { .. } => "by its clock, the session cannot be signed now: check the clock",
        })
    }
}

/// A few words for people: at most [`Note::MAX_SIZE`] bytes of UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Note(String);

impl Note {
    /// The longest note, in bytes.
    pub const MAX_SIZE: usize = 200;

    /// These words, cut at the last whole character that fits.
    pub fn new(text: &str) -> Self {
        Self(text[..text.floor_char_boundary(Self::MAX_SIZE)].into())
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Note {
    /// Control characters are escaped: the words may come from a stranger and go to a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character.is_control() {
            true => write!(f, "{}", character.escape_default()),
            false => write!(f, "{character}"),
        })
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Note {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = Bytes::<{ Self::MAX_SIZE }>::deserialize(from)?;
        let text = core::str::from_utf8(bytes.as_slice()).map_err(serde::de::Error::custom)?;
        Ok(Self(text.into()))
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Note {
    fn arbitrary(from: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        from.arbitrary().map(Self::new)
    }
}

impl Statement {
    /// States `body` under the author's key; with the hash that is signed. `None` where the engine cannot sign.
    pub(crate) fn sign<C: Crypto>(
        session: &SessionId,
        author: SignerIndex,
        body: Body,
        keypair: &C::Keypair,
        auxiliary: &[u8; 32],
    ) -> Option<(Self, StatementHash)> {
        let hash = hash(session, author, &body);
        let signature = C::sign_statement(keypair, &signed_message(&DOMAIN, &hash), auxiliary)?;
        Some((Self { author, body, signature }, hash))
    }

    /// `SHA256_tagged("musig2-proto/statement", version || session || author || body)`.
    pub(crate) fn hash(&self, session: &SessionId) -> StatementHash {
        hash(session, self.author, &self.body)
    }

    /// Whether `author_key` signed the statement of this hash.
    pub(crate) fn verify<C: Crypto>(&self, hash: &StatementHash, author_key: &PublicKey) -> bool {
        C::verify(&author_key.x_only(), &signed_message(&DOMAIN, hash), &self.signature)
    }

    /// Which life of its author made it; `None` for a decline, which none needs to.
    pub fn boot(&self) -> Option<Boot> {
        match &self.body {
            Body::Join(join) => Some(join.boot),
            Body::Nonces(nonces) => Some(nonces.boot),
            Body::Partials(partials) => Some(partials.boot),
            Body::Abort(abort) => Some(abort.boot),
            Body::Decline(_) => None,
        }
    }
}

fn hash(session: &SessionId, author: SignerIndex, body: &Body) -> StatementHash {
    TaggedHash::new(&DOMAIN)
        .add([VERSION])
        .add(session.as_bytes())
        .add(encode(&(author, body)))
        .finish()
}
