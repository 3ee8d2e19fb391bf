//! Bitcoin transactions for MuSig2 sessions.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]
mod descriptor;
mod format;
pub use descriptor::*;
pub use format::*;
