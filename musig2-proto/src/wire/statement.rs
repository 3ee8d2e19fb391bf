//! What a signer states about a session, under its signature.

use super::bounded::{Bytes, List};
use super::evidence::Proof;
use super::{VERSION, encode};
use crate::bytes::{PartialSignature, PublicKey, PublicNonce, Signature};
use crate::crypto::Crypto;
use crate::hash::{Tag, TaggedHash, signed_message};
use crate::ids::{AttemptId, Boot, Contact, SessionId, SignerIndex, Transcript};
use crate::manifest::MAX_ITEMS;
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

    /// Which life of its author made it.
    pub fn boot(&self) -> Boot {
        match &self.body {
            Body::Join(join) => join.boot,
            Body::Nonces(nonces) => nonces.boot,
            Body::Partials(partials) => partials.boot,
            Body::Abort(abort) => abort.boot,
        }
    }
}

fn hash(session: &SessionId, author: SignerIndex, body: &Body) -> StatementHash {
    TaggedHash::new(&DOMAIN).add([VERSION]).add(session.as_bytes()).add(encode(&(author, body))).finish()
}
