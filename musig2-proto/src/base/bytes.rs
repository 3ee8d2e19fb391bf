//! Fixed-size byte strings. Each meaning has its own type, so that nobody passes a session id where
//! a salt is meant. All of them encode as their bytes without a length prefix, print as lowercase
//! hex, and parse from hex.

use core::fmt::{self, Write};

/// A text that is not the hex encoding of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hex digits, {problem}")]
pub struct ParseHexError {
    expected: usize,
    problem: HexProblem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum HexProblem {
    #[error("got {0} characters")]
    Length(usize),
    #[error("character {0} is not a hex digit")]
    Digit(usize),
}

/// Reads exactly `N` bytes of hex.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], ParseHexError> {
    let mut bytes = [0; N];
    parse_hex_into(&mut bytes, text)?;
    Ok(bytes)
}

/// Reads as many bytes of hex as `bytes` has room for, and no more or fewer.
pub(crate) fn parse_hex_into(bytes: &mut [u8], text: &str) -> Result<(), ParseHexError> {
    let expected = 2 * bytes.len();
    let problem = |problem| ParseHexError { expected, problem };
    let characters = text.chars().count();
    if characters != expected {
        return Err(problem(HexProblem::Length(characters)));
    }
    for (position, character) in text.chars().enumerate() {
        let digit = character
            .to_digit(16)
            .ok_or_else(|| problem(HexProblem::Digit(position + 1)))?
            .to_be_bytes()[3];
        if let Some(byte) = bytes.get_mut(position / 2) {
            *byte = *byte << 4 | digit;
        }
    }
    Ok(())
}

/// Bytes that print as lowercase hex.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digit = |nibble| char::from_digit(u32::from(nibble), 16).unwrap_or('?');
    bytes.iter().try_for_each(|byte| {
        f.write_char(digit(byte >> 4))?;
        f.write_char(digit(byte & 15))
    })
}

/// Serde for `[u8; N]` of any `N`: as hex in formats that people read, and as a tuple of bytes in
/// the others, which `postcard` writes without a length.
pub(crate) mod array {
    use super::Hex;
    use core::fmt;
    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::SerializeTuple;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            return to.collect_str(&Hex(bytes));
        }
        let mut tuple = to.serialize_tuple(N)?;
        for byte in bytes {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        from: D,
    ) -> Result<[u8; N], D::Error> {
        struct Bytes<const N: usize>;
        impl<'de, const N: usize> Visitor<'de> for Bytes<N> {
            type Value = [u8; N];
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N} bytes, as hex if this is text")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<[u8; N], E> {
                super::parse_hex(text).map_err(E::custom)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; N], A::Error> {
                let mut bytes = [0; N];
                for (position, byte) in bytes.iter_mut().enumerate() {
                    *byte = seq
                        .next_element()?
                        .ok_or_else(|| A::Error::invalid_length(position, &self))?;
                }
                Ok(bytes)
            }
        }
        if from.is_human_readable() {
            from.deserialize_str(Bytes::<N>)
        } else {
            from.deserialize_tuple(N, Bytes::<N>)
        }
    }
}

macro_rules! byte_string {
    ($(#[$meta:meta])* $name:ident, $size:literal) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize
        )]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        pub struct $name(#[serde(with = "crate::base::bytes::array")] [u8; $size]);

        impl $name {
            /// Size in bytes.
            pub const SIZE: usize = $size;

            /// Wraps the bytes.
            pub const fn new(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// Returns the bytes.
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }

            /// Returns the bytes by value.
            pub const fn to_bytes(self) -> [u8; $size] {
                self.0
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                crate::base::bytes::write_hex(&self.0, f)
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl core::str::FromStr for $name {
            type Err = crate::base::bytes::ParseHexError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                crate::base::bytes::parse_hex(text).map(Self)
            }
        }
    };
}

byte_string!(
    /// A compressed public key (33 bytes, SEC 1: 0x02 or 0x03, then x). The bytes are not checked
    /// here. Whether they are a point on the curve is checked when a [`Manifest`](crate::Manifest)
    /// is.
    PublicKey, 33
);
byte_string!(
    /// An x-only public key (32 bytes, BIP340).
    XOnlyPublicKey, 32
);
byte_string!(
    /// A Schnorr signature (64 bytes, BIP340).
    Signature, 64
);
byte_string!(
    /// A public nonce: two compressed points (66 bytes, BIP327). These are the raw bytes of a peer:
    /// they may not be points on the curve.
    PublicNonce, 66
);
byte_string!(
    /// An aggregate public nonce: two compressed points (66 bytes, BIP327). 33 zero bytes stand for
    /// infinity.
    AggregateNonce, 66
);
byte_string!(
    /// A partial signature: a scalar (32 bytes, BIP327).
    PartialSignature, 32
);
byte_string!(
    /// The 32 bytes that are signed: in Bitcoin, a signature hash.
    Message, 32
);
byte_string!(
    /// The merkle root of a taproot script tree (32 bytes, BIP341).
    MerkleRoot, 32
);
byte_string!(
    /// A BIP32 chain code (32 bytes).
    ChainCode, 32
);
byte_string!(
    /// A scalar to add to a key (32 bytes, big-endian, below the group order).
    TweakScalar, 32
);

impl ChainCode {
    /// The chain code that BIP328 gives every MuSig2 aggregate key: SHA256 of `MuSig2MuSig2MuSig2`.
    pub const BIP328: Self = Self([
        0x86, 0x80, 0x87, 0xca, 0x02, 0xa6, 0xf9, 0x74, 0xc4, 0x59, 0x89, 0x24, 0xc3, 0x6b, 0x57,
        0x76, 0x2d, 0x32, 0xcb, 0x45, 0x71, 0x71, 0x67, 0xe3, 0x00, 0x62, 0x2c, 0x71, 0x67, 0xe3,
        0x89, 0x65,
    ]);
}

impl PublicKey {
    /// Returns the x coordinate: the public key of BIP340.
    pub fn x_only(&self) -> XOnlyPublicKey {
        let [_, x @ ..] = self.0;
        XOnlyPublicKey(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trips_and_errors_say_what_is_wrong() {
        let text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";
        let message: Message = text.parse().unwrap();
        assert_eq!(message.to_string(), text);
        assert_eq!(
            "00".parse::<Message>().unwrap_err().to_string(),
            "expected 64 hex digits, got 2 characters"
        );
        let bad = text.replace("ff", "fg");
        assert_eq!(
            bad.parse::<Message>().unwrap_err().to_string(),
            "expected 64 hex digits, character 64 is not a hex digit"
        );
    }
}
