//! Runs every decoder on any bytes.

use musig2_proto::wire::announcement::{Announcement, Publication};
use musig2_proto::wire::decode_message;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::proof::Evidence;
use musig2_proto::{MAX_EVIDENCE_SIZE, PublicKey, SecretKey, Signature};

/// Decodes any bytes as everything that comes from outside: frames, publications, announcements,
/// evidence, and hexadecimal text. No decoder may panic, or allocate more than [`decoding_limit`].
pub fn decode(data: &[u8]) {
    let _ = decode_message::<Frame>(data, MAX_EVIDENCE_SIZE);
    let _ = decode_message::<Publication>(data, MAX_EVIDENCE_SIZE);
    let _ = decode_message::<Announcement>(data, MAX_EVIDENCE_SIZE);
    let _ = Evidence::from_bytes(data);
    if let Ok(text) = core::str::from_utf8(data) {
        let _ = text.parse::<PublicKey>();
        let _ = text.parse::<SecretKey>();
        let _ = text.parse::<Signature>();
    }
}

/// Returns the most bytes that [`decode`] may have allocated at any moment, given the size of its
/// input.
///
/// The worst case is a list whose elements are short on the wire and long in memory: a signer
/// without lives takes two bytes on the wire and 32 in memory. A list doubles its capacity as it
/// grows, and the old half still exists while the new list is made. That is at most 48 bytes for
/// each byte of input.
pub const fn decoding_limit(size: usize) -> usize {
    4096 + 64 * size
}
