//! `Crypto::sign` consumes the secret nonce: a second signature with it does not compile.

use musig2_proto::{Crypto, Libsecp256k1};

type Engine = Libsecp256k1;

fn sign_twice(
    one: &<Engine as Crypto>::Round,
    other: &<Engine as Crypto>::Round,
    nonce: <Engine as Crypto>::SecretNonce,
    keypair: &<Engine as Crypto>::Keypair,
) {
    let _ = Engine::sign(one, nonce, keypair);
    let _ = Engine::sign(other, nonce, keypair);
}

fn main() {}
