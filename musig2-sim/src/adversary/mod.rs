//! Byzantine nodes: they hold real keys, run the real code inside, and do as they like around it.
//!
//! | file | subject |
//! | --- | --- |
//! | `hooks.rs` | [`Adversary`]: one's own; what it has at hand, and what colluders share |
//! | `strategy.rs` | [`Strategy`]: the built-in ones, and what each can be convicted of |

mod hooks;
mod strategy;

pub use hooks::{Adversary, Means, Pot};
pub use strategy::{NonceFlaw, Strategy, Withheld};
