//! What a node remembers of sessions that are not open: frames of sessions that it does not know
//! yet, and what is left of those that ended.
//!
//! | file | what it does |
//! | --- | --- |
//! | `stash.rs` | frames of unknown sessions, for a moment |
//! | `joined.rs` | names of ended sessions that this node joined |
//! | `declined.rs` | ids of sessions that ended before this node joined them |
//! | `own_declines.rs` | what coordinators were told of sessions that this node declined |
//! | `ended.rs`, `tombstone.rs` | ended sessions, to answer those who ask about them |
//! | `hellos.rs` | when each signer last said hello |

pub(crate) mod declined;
pub(crate) mod ended;
pub(crate) mod hellos;
pub(crate) mod joined;
pub(crate) mod own_declines;
pub(crate) mod stash;
pub(crate) mod tombstone;
