//! A signer's secret key on its way into a [`Node`](crate::Node).

use crate::base::bytes::{ParseHexError, parse_hex};
use core::fmt;
use core::str::FromStr;
use zeroize::Zeroizing;

/// A secret key (32 bytes). It is erased from memory when dropped. It is never printed or
/// serialised, and it is not `Clone`.
///
/// [`Node::add_key`](crate::Node::add_key) checks that it is a valid scalar: not zero, and below
/// the group order.
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl SecretKey {
    /// Wraps 32 big-endian bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Returns the secret bytes, for an engine that implements [`Crypto`](crate::Crypto) or for a
    /// key store.
    pub fn expose_secret(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = ParseHexError;
    fn from_str(text: &str) -> Result<Self, ParseHexError> {
        parse_hex(text).map(Self::new)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(<redacted>)")
    }
}
