//! Sans-IO coordination of MuSig2 (BIP327) signing sessions.
//!
//! (map comes here)
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

#[macro_use]
mod bytes;
mod agreement;
mod board;
mod command;
mod config;
mod contacts;
mod crypto;
mod event;
mod hash;
mod ids;
mod manifest;
mod node;
mod outgoing;
mod secret;
mod session;
mod stash;
mod time;
mod tombstone;
mod tweak;
mod view;
pub mod wire;

pub use agreement::{ManifestError, OutputKey};
pub use bytes::{
    AggregateNonce, ChainCode, MerkleRoot, Message, ParseHexError, PartialSignature, PublicKey, PublicNonce,
    Signature, TweakScalar, XOnlyPublicKey,
};
pub use command::{Audience, Command, CommandError, KeyError, Proposal};
pub use config::{Config, ConfigError, PhaseTimeout, Stepping, Topology};
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
pub use ids::{AttemptId, Boot, Contact, SessionId, SignerIndex, Source, Transcript};
pub use manifest::{Item, MAX_ITEMS, MAX_MEMO, MAX_SIGNERS, Manifest, Salt};
pub use node::Node;
pub use secret::SecretKey;
pub use time::Timestamp;
pub use tweak::{DerivationPath, MAX_PATH, MAX_TWEAKS, Tweak, TweakError};
pub use view::SessionView;
pub use wire::statement::{AbortReason, Note};
