//! Checks that one value has one encoding.

use arbitrary::{Arbitrary, Unstructured};
use core::fmt::Debug;
use musig2_proto::wire::announcement::{Announcement, Publication};
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::proof::Evidence;
use musig2_proto::wire::{decode_message, encode_message};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest message here, in bytes.
const MAX_SIZE: usize = 1 << 20;

/// Checks that bytes that decode are the encoding of their value, and that any value drawn from the
/// same bytes survives encoding and decoding.
///
/// # Panics
/// If either does not hold.
pub fn round_trip(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind % 4 {
        0 => both_ways::<Frame>(data),
        1 => both_ways::<Publication>(data),
        2 => both_ways::<Announcement>(data),
        _ => both_ways::<Evidence>(data),
    }
}

fn both_ways<T>(data: &[u8])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + for<'a> Arbitrary<'a>,
{
    if let Ok(value) = decode_message::<T>(data, MAX_SIZE) {
        assert_eq!(encode_message(&value), data, "{value:?} has two encodings");
    }
    if let Ok(value) = T::arbitrary(&mut Unstructured::new(data)) {
        let bytes = encode_message(&value);
        assert_eq!(decode_message(&bytes, MAX_SIZE), Ok(value));
    }
}
