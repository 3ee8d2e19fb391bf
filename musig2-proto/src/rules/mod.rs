//! What may be signed, and what proves a fault: pure functions of what signers stated.

pub(crate) mod agreement;
pub(crate) mod conviction;
pub(crate) mod lineage;
