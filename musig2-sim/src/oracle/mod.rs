//! What must hold of every run, checked without asking the core whether it does.

mod check;
mod judge;
mod nonces;
mod recording;
mod violation;

pub(crate) use check::{liveness, safety};
pub(crate) use judge::child_tweak;
pub use judge::{Bip340, Engine, Judge, NoOutputKey};
pub use nonces::{Challenge, NonceFault, NonceRecord};
pub use recording::Recording;
pub use violation::{Progress, Violation};
