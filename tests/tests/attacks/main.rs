//! Signers, coordinators and strangers that break the protocol. Each file has one way to do it, and
//! its name.
//!
//! Every test ends with [`room::Room::conclude`] or a function based on it, which checks what must
//! hold in any case.

mod attacker;
mod forger;
mod node;
mod room;
mod verdict;

mod altered_evidence;
mod equivocating_nonces;
mod equivocating_partials;
mod evidence_cannot_be_forged;
mod false_accusations;
mod forged_summaries;
mod hellos;
mod infinite_aggregate;
mod invalid_nonces;
mod invalid_partials;
mod joining_again;
mod message_order;
mod relayed_flood;
mod replayed_statements;
mod silent_signer;
mod strangers;
mod two_instances;
mod two_manifests;
