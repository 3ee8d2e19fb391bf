//! A signer with a real key and a program of its own: it can follow the protocol, and leaves it where a test says.

use musig2_proto::Libsecp256k1;
use musig2_sim::RogueSigner;

/// A key, and one session to spoil with it.
pub type Attacker = RogueSigner<Libsecp256k1>;

/// The point at infinity of secp256k1 in both halves, as an aggregate nonce has it.
pub const INFINITY: [u8; 66] = [0; 66];
