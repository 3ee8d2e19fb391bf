//! What people type: keys, messages, addresses. Errors say what is wrong and what would be right.

use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{Crypto, DefaultCrypto, PublicKey};

/// A compressed public key on the curve.
pub(crate) fn public_key(text: &str) -> Result<PublicKey, String> {
    let key = text.parse().map_err(|error| format!("a public key has 33 bytes: {error}"))?;
    check_on_curve(&key)?;
    Ok(key)
}

/// A value of 32 bytes in hex.
pub(crate) fn hex<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A libp2p address.
pub(crate) fn address(text: &str) -> Result<Multiaddr, String> {
    text.parse().map_err(|error| {
        format!(
            "not a libp2p address ({error}): write /ip4/192.0.2.1/tcp/4001 or /ip4/192.0.2.1/udp/4001/quic-v1"
        )
    })
}

/// Whether there can be a secret key to this public key.
pub(crate) fn check_on_curve(key: &PublicKey) -> Result<(), String> {
    DefaultCrypto::aggregate_keys(&[*key]).map(drop).map_err(|_| "not a point on secp256k1".into())
}
