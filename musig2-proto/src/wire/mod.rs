//! The wire format, as `PROTOCOL.md` writes it down: one version byte, then `postcard`. Every value has exactly one
//! encoding; anything else is refused.

pub mod announcement;
pub mod bitmap;
pub mod bounded;
pub mod evidence;
pub mod frame;
pub mod hello;
pub mod statement;
#[cfg(test)]
mod tests;

use crate::event::Offence;
use postcard::ser_flavors::Size;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of the wire format: the first byte of every frame and publication.
pub const VERSION: u8 = 1;

/// Encodes without a version byte: what hashes are made of.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![0; encoded_size(value)];
    write(value, &mut bytes);
    bytes
}

/// Encodes a [`Frame`](frame::Frame), a [`Publication`](announcement::Publication), an [`Announcement`](announcement::Announcement) or
/// [`Evidence`](evidence::Evidence) with the version byte: what is sent.
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
pub fn decode_message<T: Serialize + DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, Offence> {
    if bytes.len() > max {
        return Err(Offence::TooLarge { size: bytes.len(), max });
    }
    let (&version, content) = bytes.split_first().ok_or(Offence::Malformed)?;
    if version != VERSION {
        return Err(Offence::Version(version));
    }
    let value = postcard::from_bytes(content).map_err(|_| Offence::Malformed)?;
    // Two encodings of one value differ only in how many bytes their numbers take, and the canonical one is the shortest.
    if encoded_size(&value) == content.len() { Ok(value) } else { Err(Offence::Malformed) }
}
