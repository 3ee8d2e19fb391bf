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
//! | `node/` | the face: orders, inputs, time |
//! | `session/` | one session: signing state, rounds, convergence, deadlines |
//! | `board.rs` | the signed statements that a session's state is derived from |
//! | `agreement.rs`, `manifest.rs`, `tweak.rs` | what may be signed, under which key |
//! | [`wire`] | the encoding, as `PROTOCOL.md` writes it down |
//! | `crypto/` | the seam to a MuSig2 engine: [`Crypto`] |
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
mod bytes;
mod agreement;
mod asking;
mod board;
mod command;
mod config;
mod contacts;
mod context;
mod crypto;
mod declined;
mod ended;
mod event;
mod evidence;
mod hash;
mod hellos;
mod ids;
mod index;
mod joined;
mod limits;
mod manifest;
mod memory;
mod node;
mod outgoing;
mod own_declines;
mod secret;
mod session;
mod sources;
mod stash;
mod time;
mod tombstone;
mod tweak;
mod view;
pub mod wire;

/// The traits of the generator that every call takes, in the version that this crate is built with. The operating system's is
/// `rand_core::UnwrapErr(getrandom::SysRng)`: see [`Node`].
pub use rand_core;

pub use agreement::{ManifestError, OutputKey, OutputKeyError};
pub use bytes::{
    AggregateNonce, ChainCode, MerkleRoot, Message, ParseHexError, PartialSignature, PublicKey, PublicNonce,
    Signature, TweakScalar, XOnlyPublicKey,
};
pub use command::{Audience, Command, CommandError, KeyError, Proposal};
pub use config::{Config, ConfigError, OnDecline, PhaseTimeout, Stepping, Topology};
#[cfg(feature = "k256")]
pub use crypto::K256;
#[cfg(feature = "libsecp256k1")]
pub use crypto::Libsecp256k1;
pub use crypto::{
    Crypto, DefaultCrypto, InvalidSecretKey, InvalidTweak, KeyAggregationError, PlainTweak, TweakKind,
};
pub use event::{
    AbortCause, Destination, Event, Input, Offence, Output, Phase, Report, SessionError, Severity,
};
pub use evidence::{Conviction, EvidenceError, Fault, MAX_EVIDENCE_SIZE};
pub use ids::{AttemptId, Boot, Contact, SessionId, SignerIndex, Source, Transcript};
pub use manifest::{Item, MAX_ITEMS, MAX_MEMO, MAX_SIGNERS, Manifest, Salt};
pub use node::Node;
pub use secret::SecretKey;
pub use time::Timestamp;
pub use tweak::{DerivationPath, MAX_PATH, MAX_TWEAKS, Tweak, TweakError};
pub use view::{ClockReading, Decliner, SessionView, SignerView};
pub use wire::bounded::LengthError;
pub use wire::evidence::{Evidence, MAX_JOINS, MAX_RESTARTS, Proof};
pub use wire::statement::{AbortReason, DeclineReason, Note};
