//! What a daemon signed and what it did not: a durable trail of its sessions.
//!
//! | file | what it does |
//! | --- | --- |
//! | `record.rs` | defines what is kept of one session |
//! | `folder.rs` | stores records as files: complete or not at all, in a bounded number |
//! | `trail.rs` | keeps the trail of a running daemon, which keeps signing whatever the disk does |
//! | `writer.rs` | the thread that writes the trail |
//! | `command.rs` | the command `results` |
//! | `people.rs` | shows records to people |

pub(crate) mod command;
mod folder;
pub(crate) mod people;
pub(crate) mod record;
pub(crate) mod trail;
mod writer;
