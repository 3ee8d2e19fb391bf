//! What a daemon signed and what it did not: a durable trail of its sessions.
//!
//! | file | what it does |
//! | --- | --- |
//! | `record.rs` | what is kept of one session |
//! | `folder.rs` | records as files: whole or not at all, in a bounded number |
//! | `trail.rs` | the trail of a running daemon, which goes on signing whatever the disk does |
//! | `writer.rs` | the thread that writes it |
//! | `command.rs` | the command `results` |
//! | `people.rs` | how records look to people |

pub(crate) mod command;
mod folder;
pub(crate) mod people;
pub(crate) mod record;
pub(crate) mod trail;
mod writer;
