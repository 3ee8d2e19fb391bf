//! An engine in a group in which nothing is secret, and everything else works as on secp256k1.
//!
//! | file | subject |
//! | --- | --- |
//! | `group.rs` | the integers modulo 2^61 - 1, as scalars and points, encoded as in secp256k1 |
//! | `hash.rs` | fast hashes that stand in for those of BIP327 and BIP340 |
//! | `engine.rs` | BIP327 and BIP340 in that group |
//! | `judge.rs` | the same, written a second time for the oracles |

mod engine;
mod group;
mod hash;
mod judge;
#[cfg(test)]
mod tests;

pub use engine::Transparent;
pub use judge::TransparentJudge;
