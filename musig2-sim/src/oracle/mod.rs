//! What must hold for every run, checked without asking the core whether it does.
//!
//! | file | what it does |
//! | --- | --- |
//! | `watch/` | safety, at every step |
//! | `coverage.rs` | which parts of the protocol a run reached |
//! | `violation.rs` | what can go wrong |

mod coverage;
#[cfg(test)]
mod tests;
mod violation;
mod watch;

pub use coverage::{Coverage, Point};
pub use violation::{Progress, Violation};
pub(crate) use watch::{Call, Cause, Watch};
