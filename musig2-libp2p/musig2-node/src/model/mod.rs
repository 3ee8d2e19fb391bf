//! What commands print and daemons answer, as data: the fields of the JSON objects.
//!
//! | file | what it describes |
//! | --- | --- |
//! | `terms.rs` | what a session is about |
//! | `state.rs` | how far a session has come |
//! | `ending.rs` | how it ended without signatures, and which signers are named for it |
//! | `result.rs`, `verification.rs` | its signatures, and the independent check of them |
//! | `conviction.rs` | what a proof against a signer proves |
//! | `record.rs` | what a daemon keeps of it |
//! | `steps.rs` | what happens on a node |
//! | `labels.rs`, `co_signer.rs` | signers, by name, and what is known of each |
//! | `failure_object.rs` | how a command fails |
//! | `words.rs` | what is sent over a daemon's socket |
//! | `line.rs` | all of it, as it is printed |

pub(crate) mod co_signer;
pub(crate) mod conviction;
pub(crate) mod ending;
pub(crate) mod failure_object;
pub(crate) mod labels;
pub(crate) mod line;
pub(crate) mod record;
pub(crate) mod result;
pub(crate) mod state;
pub(crate) mod steps;
pub(crate) mod terms;
pub(crate) mod transport;
pub(crate) mod verification;
pub(crate) mod words;
