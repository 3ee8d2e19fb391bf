//! The encoding of everything that is sent or hashed. It is `postcard`, after a version byte if the
//! value is sent. Every value has exactly one encoding, and decoding refuses any other.

use postcard::ser_flavors::Size;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are more bytes than are allowed.
    #[error("{size} bytes; at most {max} are allowed")]
    TooLarge {
        /// How many there are.
        size: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// They are in another version of the protocol.
    #[error("protocol version {0}; this node speaks {VERSION}")]
    Version(u8),
    /// They are not a message, or not in its one canonical encoding.
    #[error("malformed")]
    Malformed,
}

/// The version of the wire format: the first byte of every frame and publication.
pub const VERSION: u8 = 1;

/// Encodes a value without a version byte. Hashes are computed over this.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![0; encoded_size(value)];
    write(value, &mut bytes);
    bytes
}

/// Encodes a [`Frame`](crate::wire::frame::Frame), a
/// [`Publication`](crate::wire::announcement::Publication), an
/// [`Announcement`](crate::wire::announcement::Announcement) or [`Evidence`](crate::Evidence) for
/// sending: with the version byte first.
pub fn encode_message<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![VERSION; 1 + encoded_size(value)];
    if let Some((_version, content)) = bytes.split_first_mut() {
        write(value, content);
    }
    bytes
}

/// Encodes a value into `room`, which must have its encoded size.
fn write<T: Serialize>(value: &T, room: &mut [u8]) {
    // This cannot fail: the room has the encoded size, and none of our types refuses to be
    // serialised.
    let written = postcard::to_slice(value, room);
    debug_assert!(written.is_ok());
}

/// Returns how many bytes [`encode`] makes of a value.
pub(crate) fn encoded_size<T: Serialize>(value: &T) -> usize {
    postcard::serialize_with_flavor(value, Size::default()).unwrap_or_default()
}

/// Decodes a message, as a node does: at most `max` bytes, in our version, in the canonical
/// encoding, and with nothing after it.
///
/// # Errors
/// The error says what is wrong with the bytes.
pub fn decode_message<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    max: usize,
) -> Result<T, DecodeError> {
    // The size is checked before anything is decoded or allocated.
    if bytes.len() > max {
        return Err(DecodeError::TooLarge { size: bytes.len(), max });
    }
    let (&version, content) = bytes.split_first().ok_or(DecodeError::Malformed)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let value = postcard::from_bytes(content).map_err(|_| DecodeError::Malformed)?;
    // Two encodings of one value can only differ in the length of their varints, and the canonical
    // encoding has the shortest ones. So comparing lengths is enough, and is cheaper than encoding
    // the value again.
    if encoded_size(&value) == content.len() { Ok(value) } else { Err(DecodeError::Malformed) }
}
