//! A secret nonce cannot be cloned.

use musig2_proto::{Crypto, Libsecp256k1};

fn clone(nonce: &<Libsecp256k1 as Crypto>::SecretNonce) -> <Libsecp256k1 as Crypto>::SecretNonce {
    nonce.clone()
}

fn main() {}
