//! What a call carries, and what a node knows besides its sessions: where signers are, and how much
//! work each source may still ask for.

pub(crate) mod buckets;
pub(crate) mod contacts;
pub(crate) mod context;
pub(crate) mod sources;
