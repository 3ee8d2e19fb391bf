//! Signers, coordinators and strangers that break the protocol, a file for each way to do it, named by what it is.
//!
//! Every test ends with [`room::Room::conclude`] or one of its kin, which checks what must hold whatever happened.

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
