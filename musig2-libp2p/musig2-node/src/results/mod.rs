//! What a daemon signed and what it did not: a durable trail of its sessions.
//!
//! | file | what it does |
//! | --- | --- |
//! | `folder.rs` | stores records as files: complete or not at all, in a bounded number |
//! | `trail.rs` | keeps the trail of a running daemon, which keeps signing whatever the disk does |
//! | `writer.rs` | the thread that writes the trail |

mod folder;
pub(crate) mod trail;
mod writer;
