//! What a signer's processor does in a session, beside what it could not do without.
//!
//! | file | what it does |
//! | --- | --- |
//! | `cpu.rs` | measures processor time |
//! | `floor.rs` | the bare calls of libsecp256k1 for one signer |
//! | `rounds.rs` | the `musig2` crate's two rounds for one signer |
//! | `step.rs` | the steps of a session on one node |
//! | `room.rs` | nodes of this workspace, joined by queues |
//! | `letters.rs` | single messages: frames, announcements |

pub mod cpu;
pub mod floor;
pub mod letters;
pub mod room;
pub mod rounds;
pub mod step;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The secret key of a seat. It is the same everywhere, so that all sides sign with the same keys.
fn secret(seat: usize) -> [u8; 32] {
    let mut secret = [7; 32];
    secret[..8].copy_from_slice(&(seat as u64).to_be_bytes());
    secret
}

/// A generator that repeats itself. These keys are nobody's; a real signer must never use one.
fn generator() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([3; 32])
}

fn random(rng: &mut ChaCha20Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}
