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
use postcard::ser_flavors::{Flavor, Size};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of the wire format: the first byte of every frame and publication.
pub const VERSION: u8 = 1;

/// Encodes without a version byte: what hashes are made of.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Writing to memory cannot fail, and none of our types refuses to be serialised.
    postcard::to_extend(value, Vec::with_capacity(encoded_size(value))).unwrap_or_default()
}

/// Encodes a [`Frame`](frame::Frame), a [`Publication`](announcement::Publication), an [`Announcement`](announcement::Announcement) or
/// [`Evidence`](evidence::Evidence) with the version byte: what is sent.
pub fn encode_message<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + encoded_size(value));
    bytes.push(VERSION);
    postcard::to_extend(value, bytes).unwrap_or_default()
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
    match postcard::serialize_with_flavor(&value, Same { rest: content }) {
        Ok(true) => Ok(value),
        _ => Err(Offence::Malformed),
    }
}

/// Compares an encoding, as it is made, with what is there.
struct Same<'a> {
    rest: &'a [u8],
}

impl Flavor for Same<'_> {
    /// Whether that was all of it.
    type Output = bool;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => self.rest = rest,
            _ => return Err(postcard::Error::SerializeBufferFull),
        }
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.rest = self.rest.strip_prefix(bytes).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<bool> {
        Ok(self.rest.is_empty())
    }
}
