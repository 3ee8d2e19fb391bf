//! What must hold for every run, checked without asking the core whether it does.
//!
//! | file | what it does |
//! | --- | --- |
//! | `watch/` | safety, at every step |
//! | `liveness.rs` | what must have happened once the network has healed |
//! | `coverage.rs` | which parts of the protocol a run reached |
//! | `judge.rs` | keys and signatures, computed independently |
//! | `recording.rs`, `nonces.rs` | what engines did, and what became of each secret nonce |
//! | `violation.rs` | what can go wrong |

mod coverage;
mod judge;
mod liveness;
mod nonces;
mod recording;
#[cfg(test)]
mod tests;
mod violation;
mod watch;

pub use coverage::{Coverage, Point};
pub(crate) use judge::child_tweak;
pub use judge::{Bip340, Engine, Judge, NoOutputKey};
pub(crate) use liveness::liveness;
pub use nonces::{Challenge, NonceFault, NonceRecord, Work};
pub use recording::Recording;
pub use violation::{Progress, Violation};
pub(crate) use watch::{Call, Cause, Watch};
