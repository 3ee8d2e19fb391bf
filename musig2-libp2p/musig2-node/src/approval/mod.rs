//! Decides which sessions are joined.
//!
//! | file | what it does |
//! | --- | --- |
//! | `approver.rs` | decides: always, by a policy, or by asking |
//! | `policy.rs` | what an operator allows |
//! | `program.rs` | asks a program |
//! | `questions.rs` | asks a person at the terminal |
//! | `told.rs` | which proposers hear that this node declines |

mod approver;
pub(crate) mod policy;
mod program;
pub(crate) mod questions;
pub(crate) mod told;

pub(crate) use approver::{ApprovalError, Approve, Approver, Decision};
