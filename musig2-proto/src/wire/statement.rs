//! Statements: what a signer states about a session, under its signature.

use super::proof::Proof;
use crate::base::bounded::List;
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

/// The hash (32 bytes) of a statement without its signature. It is what the author signs, and
/// statements are compared by it.
pub(crate) type StatementHash = [u8; 32];

/// A statement of a signer. The author's key signs 64 bytes (BIP340): the hash of the domain, then
/// the tagged hash of version, session, author and body.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Statement {
    /// The author.
    pub author: SignerIndex,
    /// What the author states.
    pub body: Body,
    /// The signature of the author's key.
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
    /// The boot of the signer's life. A boot exists only through its join.
    pub boot: Boot,
    /// Where the signer can be reached. It is empty if others can only answer the signer.
    pub contact: Contact,
}

/// The signer's nonces: round 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Nonces {
    /// The boot of the life that holds the secret nonces.
    pub boot: Boot,
    /// The attempt that the nonces are for.
    pub attempt: AttemptId,
    /// The nonces.
    pub source: NonceSource,
}

/// Where nonces come from. This version has one way; the encoding has room for nonces from a
/// pre-shared pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum NonceSource {
    /// They are in the statement: one for each item, as raw bytes.
    Inline(List<PublicNonce, MAX_ITEMS>),
}

impl NonceSource {
    /// Returns the nonces, one for each item.
    pub fn nonces(&self) -> &[PublicNonce] {
        let Self::Inline(nonces) = self;
        nonces
    }
}

/// The signer's partial signatures: round 2.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Partials {
    /// The boot of the life that held the secret nonces.
    pub boot: Boot,
    /// The attempt that the partial signatures are for.
    pub attempt: AttemptId,
    /// The hash of what the partial signatures answer to.
    pub transcript: Transcript,
    /// The partial signatures, one for each item.
    pub partials: List<PartialSignature, MAX_ITEMS>,
}

/// The end of a signer's part. It revokes nothing: what the signer released stays released.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Abort {
    /// The boot of the life that ends its part.
    pub boot: Boot,
    /// Why it ends.
    pub reason: AbortReason,
    /// The proof of a signer's fault, if that is the reason. Its manifest is the session's.
    pub proof: Option<Box<Proof>>,
}

/// Why a signer ends its part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum AbortReason {
    /// Its application told it to.
    Requested(Note),
    /// The proof in the abort convicts a signer.
    Convicted,
    /// A signer declined the session, and the session cannot be signed without that signer.
    Declined {
        /// The signer that declined.
        signer: SignerIndex,
        /// Its reason.
        reason: DeclineReason,
    },
    /// It has waited long enough.
    TimedOut,
}

impl AbortReason {
    /// Returns the reason as a word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Requested(_) => "requested",
            Self::Convicted => "convicted",
            Self::Declined { .. } => "declined",
            Self::TimedOut => "timed_out",
        }
    }
}

/// The reason in words, for people. A note is its author's text, so it is escaped as [`Note`]'s
/// `Display` does.
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

/// A statement that a signer does not consent. It counts only while its author has no join on the
/// board. It proves nothing and blames nobody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Decline {
    /// Why the signer does not consent.
    pub reason: DeclineReason,
}

/// Why a signer does not take part in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum DeclineReason {
    /// Its policy does not allow it.
    Policy,
    /// A person refused.
    Person,
    /// It has more sessions to sign than it has room for.
    Busy,
    /// Its configuration, or its version of the protocol, cannot sign this session.
    Unsupported,
    /// By its clock, the session cannot be signed now: it was created in the future, or its time is
    /// over.
    Clock {
        /// The time that its clock showed.
        time: Timestamp,
    },
}

impl DeclineReason {
    /// Returns the reason as a word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Person => "person",
            Self::Busy => "busy",
            Self::Unsupported => "unsupported",
            Self::Clock { .. } => "clock",
        }
    }

    /// Returns whether the signer may state another reason later: someone may set its clock, or the
    /// time may come.
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

/// A short text for people: at most [`Note::MAX_SIZE`] bytes of UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Note(String);

impl Note {
    /// The longest note, in bytes.
    pub const MAX_SIZE: usize = 200;

    /// Makes a note of this text, cut after the last whole character that fits.
    pub fn new(text: &str) -> Self {
        Self(text[..text.floor_char_boundary(Self::MAX_SIZE)].into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Note {
    /// Escapes control characters, because the text may come from a stranger and go to a terminal.
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

/// Reads a text of at most [`Note::MAX_SIZE`] bytes. It is borrowed from the input, so nothing is
/// allocated before its length is checked.
struct NoteVisitor;

impl serde::de::Visitor<'_> for NoteVisitor {
    type Value = Note;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} bytes of text", Note::MAX_SIZE)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Note, E> {
        if text.len() > Note::MAX_SIZE {
            Err(E::invalid_length(text.len(), &self))
        } else {
            Ok(Note(text.into()))
        }
    }
}

impl Serialize for Note {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // `postcard` writes a text as it writes bytes: the length, and then the bytes of UTF-8.
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(NoteVisitor)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Note {
    fn arbitrary(from: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        from.arbitrary().map(Self::new)
    }
}

impl Statement {
    /// Signs `body` with the author's key. Returns the statement and the hash that was signed, or
    /// `None` if the engine cannot sign.
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

    /// Returns `SHA256_tagged("musig2-proto/statement", version || session || author || body)`.
    pub(crate) fn hash(&self, session: &SessionId) -> StatementHash {
        hash(session, self.author, &self.body)
    }

    /// Returns whether `author_key` signed the statement with this hash.
    pub(crate) fn verify<C: Crypto>(&self, hash: &StatementHash, author_key: &PublicKey) -> bool {
        C::verify(&author_key.x_only(), &signed_message(&DOMAIN, hash), &self.signature)
    }

    /// Returns the boot of the author's life, or `None` for a decline, which has no boot.
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
