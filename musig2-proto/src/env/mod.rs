//! What a call carries, and what a node knows beside its sessions: where signers are, and what each source may still ask for.

pub(crate) mod buckets;
pub(crate) mod contacts;
pub(crate) mod context;
pub(crate) mod sources;
