//! Sans-IO coordination of MuSig2 (BIP327) signing sessions: bytes in, bytes out.
//!
//! A set of signers who hold one MuSig2 key together agree on messages, exchange nonces and partial signatures over whatever network there is, and each ends
//! with BIP340 signatures. This crate is the whole protocol and nothing else: no sockets, no clock, no threads, no randomness of its own, no `unsafe`. The same
//! calls with the same random bytes give the same outputs.
//!
//! Start at [`Node`]: it takes [`Command`]s from the application and [`Input`]s from the network, and gives [`Output`]s: bytes to send, and [`Event`]s.
//! What is asked of a signer is a [`Manifest`]; what it sees of a session is a [`SessionView`]. Everything that can be set is in [`Config`].
//!
//! | module or file | subject |
//! | --- | --- |
//! | `base/` | bytes, hashes, times, names, bounded lists, the codec |
//! | `crypto/` | the seam to a MuSig2 engine: [`Crypto`] |
//! | `terms/` | what is agreed on: manifest, items, tweaks |
//! | `config.rs` | [`Config`] |
//! | [`wire`] | the messages, as `PROTOCOL.md` writes them down |
//! | `rules/` | what may be signed, and what proves a fault |
//! | `api/` | commands, inputs, outputs, events, views |
//! | `env/` | what a call carries: time, randomness, contacts, budgets |
//! | `session/` | one session: its board of signed statements, signing state, rounds, convergence, deadlines |
//! | `node/` | the face: orders, inputs, time; and what is remembered of sessions that are not open |
//!
//! Each room imports only from those above it in this table.
//!
//! # Nonces
//!
//! A secret nonce exists in memory alone, in a type that can be neither copied nor read, and signing consumes it. What no code can prevent is a copy of the whole process or virtual
//! machine between nonce and signature: do not snapshot, fork or migrate a running signer.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

#[macro_use]
mod base;
mod api;
mod config;
mod crypto;
mod env;
mod node;
mod rules;
mod session;
mod terms;
pub mod wire;

/// The traits of the generator that every call takes, in the version that this crate is built with. The operating system's is
/// `rand_core::UnwrapErr(getrandom::SysRng)`: see [`Node`].
pub use rand_core;

pub use api::abort::AbortCause;
pub use api::command::{Audience, Command, CommandError, KeyError, Proposal};
pub use api::event::{Event, SessionError};
pub use api::input::Input;
pub use api::offence::{Offence, Report, Severity};
pub use api::output::{Destination, Output};
pub use api::view::{ClockReading, Decliner, Phase, SessionView, SignerView};
pub use base::bounded::LengthError;
pub use base::bytes::{
    AggregateNonce, ChainCode, MerkleRoot, Message, ParseHexError, PartialSignature, PublicKey,
    PublicNonce, Signature, TweakScalar, XOnlyPublicKey,
};
pub use base::codec::DecodeError;
pub use base::ids::{AttemptId, Boot, Contact, SessionId, SignerIndex, Source, Transcript};
pub use base::secret::SecretKey;
pub use base::time::Timestamp;
pub use config::{Config, ConfigError, OnDecline, PhaseTimeout, Stepping, Topology};
#[cfg(feature = "k256")]
pub use crypto::K256;
#[cfg(feature = "libsecp256k1")]
pub use crypto::Libsecp256k1;
pub use crypto::{
    Crypto, DefaultCrypto, InvalidSecretKey, InvalidTweak, KeyAggregationError, PlainTweak,
    TweakKind,
};
pub use node::Node;
pub use rules::agreement::{ManifestError, OutputKey, OutputKeyError};
pub use rules::conviction::{Conviction, EvidenceError, Fault, MAX_EVIDENCE_SIZE};
pub use terms::item::Item;
pub use terms::manifest::{MAX_ITEMS, MAX_MEMO, MAX_SIGNERS, Manifest, Salt};
pub use terms::tweak::{DerivationPath, MAX_PATH, MAX_TWEAKS, Tweak, TweakError};
pub use wire::proof::{Evidence, MAX_JOINS, MAX_RESTARTS, Proof};
pub use wire::statement::{AbortReason, DeclineReason, Note};
