//! What signers agree on.

pub(crate) mod item;
pub(crate) mod manifest;
pub(crate) mod tweak;
