//! Names of things: sessions, signers, lives of a signer, transport handles.

use crate::base::bounded::{Bytes, LengthError};
use core::fmt;
use serde::{Deserialize, Serialize};

byte_string!(
    /// The name of a session (32 bytes): the tagged hash of its [`Manifest`](crate::Manifest). Two nodes that use one
    /// id agree on everything that is signed, by whom, and until when.
    SessionId, 32
);
byte_string!(
    /// One life of a signer in one session (16 random bytes), drawn when its signing state is made, from the generator and
    /// the time. A signer that lost its memory comes back under another boot.
    Boot, 16
);
byte_string!(
    /// Which try at signing a nonce or partial signature belongs to (32 bytes): zero while no signer has joined twice,
    /// else the hash of who did and under which boots. Derived by everyone from the joins, asserted by nobody.
    AttemptId, 32
);
byte_string!(
    /// What a partial signature answers to (32 bytes): the hash of session, attempt, all nonces, and the aggregate nonces.
    Transcript, 32
);

impl AttemptId {
    /// The first attempt, before anyone restarted.
    pub const FIRST: Self = Self([0; 32]);
}

/// A signer's place in the manifest's list of keys, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SignerIndex(u16);

impl SignerIndex {
    /// From a number; whether a manifest has so many signers is checked where it is used.
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// As a number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// As a place in a list.
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

/// Where a signer can be reached: bytes that only the adapter understands (a peer id with addresses, a URL, a mailbox).
/// At most [`Contact::MAX_SIZE`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Contact(Bytes<{ Contact::MAX_SIZE }>);

impl Contact {
    /// The largest contact, in bytes.
    pub const MAX_SIZE: usize = 512;

    /// From the adapter's bytes; none mean that the signer can only be answered.
    ///
    /// # Errors
    /// If there are more than [`Contact::MAX_SIZE`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, LengthError> {
        Bytes::new(bytes).map(Self).map_err(|error| error.of("bytes of contact"))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Whether it says nothing: its signer can only be answered.
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

/// Whom the transport says something came from: an opaque handle that the adapter chooses (a peer id's bytes, a
/// connection number). Used to answer, to limit rates and to report; never as proof of who wrote a message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Box<[u8]>);

impl Source {
    /// From whatever bytes the adapter tells its peers apart by.
    pub fn new(handle: impl Into<Box<[u8]>>) -> Self {
        Self(handle.into())
    }

    /// The adapter's bytes.
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
