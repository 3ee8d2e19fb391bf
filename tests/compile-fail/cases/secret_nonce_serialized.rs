//! A secret nonce cannot be serialised.

use musig2_proto::{Crypto, Libsecp256k1};

fn serialize(_: impl serde::Serialize) {}

fn leak(nonce: <Libsecp256k1 as Crypto>::SecretNonce) {
    serialize(nonce);
}

fn main() {}
