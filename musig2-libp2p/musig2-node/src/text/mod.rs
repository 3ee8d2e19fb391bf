//! Values as people write them: on the command line, in configuration files, in JSON. Errors say
//! what is wrong, and what to write instead.

pub(crate) mod chain;
pub(crate) mod fields;
pub(crate) mod hex;
pub(crate) mod hint;
pub(crate) mod names;
pub(crate) mod time;

use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{
    ChainCode, Crypto, DefaultCrypto, DerivationPath, MAX_PATH, MerkleRoot, Message, PublicKey,
    SessionId, XOnlyPublicKey,
};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// A value that is read from text and written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Text<T>(pub(crate) T);

/// Defines how people write a value.
pub(crate) trait Written: Sized {
    /// What is expected, for errors.
    const EXPECTED: &'static str;
    /// Reads it from text.
    fn read(text: &str) -> Result<Self, String>;
    /// Writes it as text.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

macro_rules! written_by_itself {
    ($($type:ty: $expected:literal),* $(,)?) => {$(
        impl Written for $type {
            const EXPECTED: &'static str = $expected;

            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error: <Self as FromStr>::Err| format!("{error}{}", hint(text)))
            }

            fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}

written_by_itself!(
    Message: "a message: 32 bytes in hex",
    MerkleRoot: "the root of a script tree: 32 bytes in hex",
    XOnlyPublicKey: "an x-only key: 32 bytes in hex",
    SessionId: "a session: 32 bytes in hex",
    SocketAddr: "an address and a port, such as 127.0.0.1:9464",
);

/// A compressed key, on the curve.
impl Written for PublicKey {
    const EXPECTED: &'static str = "a public key: 33 bytes in hex";

    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let key = (text.to_ascii_lowercase().parse())
            .map_err(|error| format!("a public key has 33 bytes: {error}{}", other_key(text)))?;
        match DefaultCrypto::aggregate_keys(&[key]) {
            Ok(_) => Ok(key),
            Err(_) => Err("not a point on secp256k1".into()),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Recognises keys in other formats, and says what to give instead. The text may be a secret, so no
/// part of it is repeated.
fn other_key(text: &str) -> &'static str {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
    match text.len() {
        64 if is_hex(text) => {
            ". 64 digits are an x-only key (or a secret key, which nobody else may see): give the compressed public key, with 02 or 03 in front, as `keygen` prints it"
        }
        130 if text.starts_with("04") && is_hex(text) => {
            ". 130 digits that begin with 04 are an uncompressed key: give the compressed one (02 or 03, then the same x)"
        }
        51 | 52 if starts(&["5", "K", "L", "9", "c"]) => {
            ". This looks like a private key (WIF), which nobody else may see: give the public key, as `musig2-node key FILE` prints it for a key file"
        }
        _ if text.starts_with('[') || starts(&["xpub", "tpub", "ypub", "zpub", "upub", "vpub"]) => {
            ". This looks like an extended key: give the public key of one of its children, as 66 hex digits"
        }
        _ if starts(&["xprv", "tprv", "yprv", "zprv", "nsec"]) => {
            ". This looks like a private key, which nobody else may see: give the public key, as `keygen` prints it"
        }
        _ if text.starts_with("npub") => {
            ". This looks like a Nostr key, which is x-only: give the compressed public key, with 02 or 03 in front, as `keygen` prints it"
        }
        _ => hint(text),
    }
}

/// Removes the byte-order mark that some editors put at the start of a file.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Names a common mistake in the text.
fn hint(text: &str) -> &'static str {
    if text.starts_with("0x") || text.starts_with("0X") { ". Write hex without 0x" } else { "" }
}

/// Returns whether the text has only hex digits.
pub(crate) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Written for Multiaddr {
    const EXPECTED: &'static str = "a libp2p address, such as /ip4/192.0.2.1/tcp/4001";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| {
            format!(
                "not a libp2p address ({error}): write /ip4/192.0.2.1/tcp/4001 or /ip4/192.0.2.1/udp/4001/quic-v1"
            )
        })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Written for Duration {
    const EXPECTED: &'static str = "a time in quotes, such as \"500ms\", \"30s\" or \"10m\"";

    fn read(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map_err(|error| {
            format!(
                "`{text}` is not a duration ({error}): write, for example, 500ms, 30s, 10m or 1h"
            )
        })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&humantime::format_duration(*self), f)
    }
}

/// An unhardened path below the aggregate key, such as `m/0/5`.
impl Written for DerivationPath {
    const EXPECTED: &'static str = "an unhardened path, such as \"m/0/5\"";

    fn read(text: &str) -> Result<Self, String> {
        let Some(("m", children)) = text.split_once('/') else {
            return Err(format!(
                "`{text}` is not a path: write it from the aggregate key `m` down, such as m/0/5"
            ));
        };
        let child = |child: &str| match child.parse::<u32>() {
            Ok(number) if number < 1 << 31 => Ok(number),
            _ if child.ends_with(['\'', 'h', 'H']) => {
                Err(format!("`{child}` is hardened: an aggregate key has only unhardened children"))
            }
            _ => Err(format!("`{child}` is not a child number: use 0 to {}", (1_u32 << 31) - 1)),
        };
        let children = children.split('/').map(child).collect::<Result<Vec<_>, _>>()?;
        Self::new(children)
            .map_err(|error| format!("{} steps; at most {MAX_PATH} are allowed", error.got))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("m")?;
        self.iter().try_for_each(|child| write!(f, "/{child}"))
    }
}

impl Written for ChainCode {
    const EXPECTED: &'static str = "a chain code: 32 bytes in hex";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("a chain code has 32 bytes: {error}"))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T: Written> FromStr for Text<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        T::read(text).map(Self)
    }
}

impl<T: Written> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f)
    }
}

impl<T: Written> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de, T: Written> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: Written> Visitor<'_> for Reader<T> {
            type Value = Text<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
                text.parse().map_err(E::custom)
            }
        }
        from.deserialize_str(Reader(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Written>(text: &str) -> Result<String, String> {
        text.parse::<Text<T>>().map(|value| value.to_string())
    }

    #[test]
    fn values_are_read_back_as_written() {
        assert_eq!(read::<DerivationPath>("m/0/5").unwrap(), "m/0/5");
        assert_eq!(read::<Duration>("600s").unwrap(), "10m");
        let message = "07".repeat(32);
        assert_eq!(read::<Message>(&message).unwrap(), message);
    }

    #[test]
    fn a_key_is_read_with_spaces_around_it_and_in_upper_case() {
        let key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
        assert_eq!(read::<PublicKey>(&format!(" {}\n", key.to_uppercase())).unwrap(), key);
    }

    #[test]
    fn another_kind_of_key_is_named_but_not_shown() {
        let cases = [
            (
                "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn".to_owned(),
                "private key (WIF)",
            ),
            (format!("xpub{}", "6".repeat(107)), "extended key"),
            (format!("[d34db33f/86h/0h/0h]xpub{}", "6".repeat(107)), "extended key"),
            (format!("npub1{}", "q".repeat(58)), "Nostr key"),
            (format!("04{}", "ab".repeat(64)), "uncompressed key"),
            ("01".repeat(32), "a secret key"),
        ];
        for (given, expected) in cases {
            let error = read::<PublicKey>(&given).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains(&given), "{error}");
        }
    }

    #[test]
    fn a_mistake_is_explained_with_a_correction() {
        let cases = [
            (read::<DerivationPath>("0/5"), "such as m/0/5"),
            (read::<DerivationPath>("m/0'"), "hardened"),
            (read::<DerivationPath>("m/2147483648"), "0 to 2147483647"),
            (read::<DerivationPath>(&format!("m{}", "/0".repeat(17))), "17 steps; at most 16"),
            (read::<PublicKey>("02ab"), "expected 66 hex digits"),
            (read::<PublicKey>(&format!("02{}", "ff".repeat(32))), "not a point on secp256k1"),
            (read::<PublicKey>(&"ab".repeat(32)), "64 digits are an x-only key (or a secret key"),
            (read::<PublicKey>(&format!("0x02{}", "ab".repeat(32))), "Write hex without 0x"),
            (read::<Message>(&format!("0x{}", "ab".repeat(32))), "Write hex without 0x"),
            (read::<Duration>("10"), "30s, 10m"),
            (read::<Multiaddr>("localhost:1"), "write /ip4/"),
        ];
        for (read, expected) in cases {
            let error = read.unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
