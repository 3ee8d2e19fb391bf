//! A node that stays up and signs what is approved.
//!
//! | file | what it does |
//! | --- | --- |
//! | `signing.rs` | handles events of the node; joins and declines sessions |
//! | `stopping.rs` | stops the node, and keeps what was signed until then |
//! | `unwritten.rs` | tries again to write what a disk did not take |

mod signing;
mod stopping;
mod unwritten;

pub(crate) use signing::Cosigner;
