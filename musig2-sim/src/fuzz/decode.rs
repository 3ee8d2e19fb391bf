//! Every decoder, on any bytes.

use musig2_proto::wire::announcement::{Announcement, Publication};
use musig2_proto::wire::decode_message;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::proof::Evidence;
use musig2_proto::{MAX_EVIDENCE_SIZE, PublicKey, SecretKey, Signature};

/// Decodes any bytes as everything that comes from outside: frames, publications, announcements, evidence, and hexadecimal text.
/// None may panic, or allocate more than [`decoding_limit`].
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

/// The most that [`decode`] may have allocated at any moment, in bytes, for so many bytes of input.
///
/// The worst is a list whose elements are short on the wire and long in memory: two bytes say that a signer had no lives, and 32 hold
/// it. A list doubles as it grows, and the smaller half is still there when the larger one is made: 48 for each byte, at the most.
pub const fn decoding_limit(size: usize) -> usize {
    4096 + 64 * size
}
