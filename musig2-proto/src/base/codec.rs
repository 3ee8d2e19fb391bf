//! The encoding of everything that is sent or hashed: `postcard`, after a version byte if it is sent. Every value has exactly one encoding; anything
//! else is refused.

use postcard::ser_flavors::Size;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// More bytes than are allowed.
    #[error("{size} bytes; at most {max} are allowed")]
    TooLarge {
        /// How many there are.
        size: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// Another version of the protocol.
    #[error("protocol version {0}; this node speaks {VERSION}")]
    Version(u8),
    /// Not a message, or not in its one canonical encoding.
    #[error("malformed")]
    Malformed,
}

/// The version of the wire format: the first byte of every frame and publication.
pub const VERSION: u8 = 1;

/// Encodes without a version byte: what hashes are made of.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![0; encoded_size(value)];
    write(value, &mut bytes);
    bytes
}

/// Encodes a [`Frame`](crate::wire::frame::Frame), a [`Publication`](crate::wire::announcement::Publication), an
/// [`Announcement`](crate::wire::announcement::Announcement) or [`Evidence`](crate::Evidence) with the version byte: what is sent.
pub fn encode_message<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION; 1 + encoded_size(value)];
    if let Some((_version, content)) = bytes.split_first_mut() {
        write(value, content);
    }
    bytes
}

/// Into room of its encoded size.
fn write<T: Serialize>(value: &T, room: &mut [u8]) {
    // The room is there, and none of our types refuses to be serialised.
    let written = postcard::to_slice(value, room);
    debug_assert!(written.is_ok());
}

/// How many bytes [`encode`] makes of it.
pub(crate) fn encoded_size<T: Serialize>(value: &T) -> usize {
    postcard::serialize_with_flavor(value, Size::default()).unwrap_or_default()
}

/// Decodes what was sent, as a node does: at most `max` bytes, of our version, in the canonical encoding, and nothing after it.
///
/// # Errors
/// Says what is wrong with the bytes.
pub fn decode_message<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    max: usize,
) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLarge { size: bytes.len(), max });
    }
    let (&version, content) = bytes.split_first().ok_or(DecodeError::Malformed)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let value = postcard::from_bytes(content).map_err(|_| DecodeError::Malformed)?;
    // Two encodings of one value differ only in how many bytes their numbers take, and the canonical one is the shortest.
    if encoded_size(&value) == content.len() { Ok(value) } else { Err(DecodeError::Malformed) }
}
