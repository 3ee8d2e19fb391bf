//! An engine in a group where nothing is secret, and everything else is as it should be.
//!
//! | file | subject |
//! | --- | --- |
//! | `group.rs` | the integers modulo 2^61 - 1, as scalars and as points, in the encodings of secp256k1 |
//! | `hash.rs` | the hashes of BIP327 and BIP340, for speed |
//! | `engine.rs` | BIP327 and BIP340 in that group |
//! | `judge.rs` | the same once more, for the oracles |

mod engine;
mod group;
mod hash;
mod judge;
#[cfg(test)]
mod tests;

pub use engine::Transparent;
pub use judge::TransparentJudge;
