//! The bytes of a secret nonce cannot be reached.

use musig2_proto::{Crypto, Libsecp256k1};

fn read(nonce: &<Libsecp256k1 as Crypto>::SecretNonce) -> &[u8] {
    nonce.bytes.as_slice()
}

fn main() {}
