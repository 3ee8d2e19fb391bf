//! A secret nonce cannot be printed.

use musig2_proto::{Crypto, Libsecp256k1};

fn print(nonce: &<Libsecp256k1 as Crypto>::SecretNonce) -> String {
    format!("{nonce:?}")
}

fn main() {}
