//! Byzantine nodes: they hold real keys, run the real code inside, and change what goes in and out.
//!
//! | file | subject |
//! | --- | --- |
//! | `hooks.rs` | [`Adversary`], for your own; what it can use, and what colluders share |
//! | `programs.rs` | the program of each built-in [`Strategy`](crate::Strategy) |
//! | `letters.rs` | opens and changes frames; what was heard; replaces statements |
//! | `rogue_signer.rs` | [`RogueSigner`]: any statement, validly signed |
//! | the others | one file for each subject of the strategies |

mod abort;
mod bad_partials;
mod cancel;
mod equivocate;
mod flood;
mod hooks;
mod invalid_nonces;
mod join_again;
mod letters;
mod mutate;
mod programs;
mod replay;
mod rogue_signer;
mod summaries;
mod two_manifests;
mod withhold;

pub use hooks::{Adversary, Means, Pot};
pub use letters::Heard;
pub use rogue_signer::{RogueSigner, Round, nonces_of};
