//! A node that stays up and signs what is approved.
//!
//! | file | what it does |
//! | --- | --- |
//! | `signing.rs` | takes what happens on the node, joins and declines sessions |
//! | `stopping.rs` | is stopped, and keeps what was signed until then |
//! | `unwritten.rs` | tries again what a disk did not take |

mod signing;
mod stopping;
mod unwritten;

pub(crate) use signing::Cosigner;
