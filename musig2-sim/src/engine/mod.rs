//! Engines that worlds can run on, what they did, and judges of their signatures.
//!
//! | file | subject |
//! | --- | --- |
//! | `judge.rs` | [`Engine`], and keys and signatures computed independently of it |
//! | `recording.rs`, `nonces.rs` | what engines did, and what became of each secret nonce |
//! | `transparent/` | the fast engine |

mod judge;
mod nonces;
mod recording;
mod transparent;

pub(crate) use judge::child_tweak;
pub use judge::{Bip340, Engine, Judge, NoOutputKey};
pub use nonces::{Challenge, NonceFault, NonceRecord, Work};
pub use recording::Recording;
pub use transparent::{Transparent, TransparentJudge};
