//! Identifiers of sessions, of signers, of signers' lives and of transport peers.

use crate::base::bounded::{Bytes, LengthError};
use core::fmt;
use serde::{Deserialize, Serialize};

byte_string!(
    /// The id of a session (32 bytes): the tagged hash of its [`Manifest`](crate::Manifest). Two
    /// nodes that use the same id agree on everything that is signed, on who signs, and on the
    /// expiry.
    SessionId, 32
);
byte_string!(
    /// The name of one life of a signer in one session (16 random bytes). A life is one run of the
    /// signer's signing state. The boot is made from the caller's random generator and the time
    /// when the signing state is made. A signer that lost its memory comes back under another boot.
    Boot, 16
);
byte_string!(
    /// Which attempt at signing a nonce or partial signature belongs to (32 bytes). It is zero
    /// until some signer has joined twice. From then on it is the hash of who joined more than
    /// once, and under which boots. Everyone computes it from the joins; nobody's word is taken for
    /// it.
    AttemptId, 32
);
byte_string!(
    /// What a partial signature answers to (32 bytes): the hash of the session, the attempt, all
    /// nonce statements, and the aggregate nonces.
    Transcript, 32
);

impl AttemptId {
    /// The first attempt, before any signer restarted.
    pub const FIRST: Self = Self([0; 32]);
}

/// A signer's position in the manifest's list of keys, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SignerIndex(u16);

impl SignerIndex {
    /// Makes an index from a number. Where it is used, it is checked whether the manifest has that
    /// many signers.
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// Returns the index as a number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns the index as a position in a list.
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn all(signers: usize) -> impl Iterator<Item = Self> + Clone {
        (0..u16::try_from(signers).unwrap_or(u16::MAX)).map(Self)
    }
}

impl fmt::Display for SignerIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SignerIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerIndex({})", self.0)
    }
}

/// Where a signer can be reached, in bytes that only the adapter understands: a peer id with
/// addresses, a URL, a mailbox. At most [`Contact::MAX_SIZE`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Contact(Bytes<{ Contact::MAX_SIZE }>);

impl Contact {
    /// The size of the largest contact, in bytes.
    pub const MAX_SIZE: usize = 512;

    /// Makes a contact of the adapter's bytes. An empty one means that nobody can reach the signer
    /// first: others can only answer it.
    ///
    /// # Errors
    /// If there are more than [`Contact::MAX_SIZE`] bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, LengthError> {
        Bytes::new(bytes).map(Self).map_err(|error| error.of("bytes of contact"))
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Returns whether the contact is empty: then others can only answer its signer.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Contact(")?;
        crate::base::bytes::write_hex(self.as_bytes(), f)?;
        f.write_str(")")
    }
}

/// The peer that a message came from, as the transport says: an opaque handle that the adapter
/// chooses (a peer id's bytes, a connection number). A node uses it to answer, to limit rates and
/// to report. It never takes it as proof of who wrote a message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Box<[u8]>);

impl Source {
    /// Makes a source of the bytes by which the adapter tells its peers apart.
    pub fn new(handle: impl Into<Box<[u8]>>) -> Self {
        Self(handle.into())
    }

    /// Returns the adapter's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(")?;
        crate::base::bytes::write_hex(&self.0, f)?;
        f.write_str(")")
    }
}
