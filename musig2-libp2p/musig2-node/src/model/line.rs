//! What a command prints.

use super::conviction::Conviction;
use super::failure_object::FailureObject;
use super::labels::Label;
use super::result::SessionResult;
use super::steps::Step;
use super::verification::ItemVerdict;
use super::words::Reply;
use crate::text::Text;
#[cfg(unix)]
use crate::text::fields::path;
use crate::text::fields::{text, texts};
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{PublicKey, XOnlyPublicKey};
use serde::Serialize;
use std::path::Path;
use std::time::SystemTime;

/// One thing to print.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    /// A key was made.
    Key {
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
        #[serde(skip)]
        file: &'a Path,
        encrypted: bool,
    },
    /// The joint key of signers.
    JointKey {
        /// In aggregation order.
        #[serde(serialize_with = "texts")]
        signers: &'a [PublicKey],
        #[serde(serialize_with = "text")]
        key: XOnlyPublicKey,
        /// Address of a taproot output key.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// The public key of a key file.
    PublicKey {
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
    },
    /// A configuration is valid.
    Config {
        #[serde(skip)]
        file: &'a Path,
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<Text<Label>>,
        /// The signer sets whose sessions its policy allows; empty if it allows anybody's.
        signer_sets: &'a [SignerSet],
        /// What may surprise, for people.
        notes: &'a [String],
        /// The key that its policy lacks, without which it allows nothing.
        #[serde(rename = "signs_nothing_without", skip_serializing_if = "Option::is_none")]
        signs_nothing: Option<&'static str>,
    },
    /// A daemon has started.
    #[cfg(unix)]
    Serving {
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
        #[serde(serialize_with = "path")]
        socket: &'a Path,
        #[serde(skip_serializing_if = "Option::is_none")]
        http: Option<std::net::SocketAddr>,
        /// The key that its policy lacks, without which it allows nothing.
        #[serde(rename = "signs_nothing_without", skip_serializing_if = "Option::is_none")]
        signs_nothing: Option<&'static str>,
    },
    /// A node listens.
    Listening {
        #[serde(serialize_with = "text")]
        address: &'a Multiaddr,
        /// The number of the demonstration's node.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<usize>,
    },
    /// Something happened.
    Event {
        /// Milliseconds since the command started.
        at_ms: u64,
        /// The number of the demonstration's node.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<usize>,
        #[serde(flatten)]
        step: &'a Step,
    },
    /// An item of a result was checked.
    Verified(ItemVerdict),
    /// A proof convicts a signer.
    Conviction(Conviction),
    /// The end: signatures.
    Result(&'a SessionResult),
    /// Text that is printed unchanged without `--json`.
    Text { text: &'a str },
    /// The end: no signatures. People read the message on standard error.
    Failure(FailureObject),
    /// The answer of a daemon.
    #[serde(untagged)]
    Reply(&'a Reply),
}

/// Signers, and their joint key.
#[derive(Debug, Serialize)]
pub(crate) struct SignerSet {
    /// Sorted, as in sessions by default.
    #[serde(serialize_with = "texts")]
    pub(crate) signers: Vec<PublicKey>,
    pub(crate) labels: Vec<Option<Text<Label>>>,
    /// The joint key without tweaks.
    #[serde(serialize_with = "text")]
    pub(crate) key: XOnlyPublicKey,
    /// The address of its output key without scripts (BIP86).
    pub(crate) address: String,
}

/// Something printed, with its time.
#[derive(Debug, Serialize)]
pub(crate) struct Timed<T> {
    #[serde(flatten)]
    said: T,
    /// By this machine's clock, in UTC (RFC 3339).
    time: String,
}

impl<T> Timed<T> {
    /// Stamps it with the current time.
    pub(crate) fn now(said: T) -> Self {
        Self { said, time: humantime::format_rfc3339_millis(SystemTime::now()).to_string() }
    }
}
