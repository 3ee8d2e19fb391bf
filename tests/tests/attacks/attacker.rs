//! A signer with a real key and its own program: it can follow the protocol, and deviates where a
//! test says.

use musig2_proto::Libsecp256k1;
use musig2_sim::RogueSigner;

/// A key, and one session to attack with it.
pub type Attacker = RogueSigner<Libsecp256k1>;

/// The point at infinity of secp256k1 in both halves, as an aggregate nonce encodes it.
pub const INFINITY: [u8; 66] = [0; 66];
