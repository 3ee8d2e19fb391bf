//! A signer in its own process, which tests can hold at a phase and kill there: the program
//! `test-signer`. It reads [`Settings`], and then [`Order`]s, from standard input and prints
//! [`Line`]s, each as a line of JSON.

mod process;

pub use process::Signer;

use musig2_libp2p::libp2p::PeerId;
use musig2_libp2p::libp2p::identity::Keypair;
use musig2_libp2p::musig2_proto::{Config, Node, PublicKey, SecretKey, SignerIndex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How a signer is set up. Signers have numbers from 1 on, from which their keys and peer ids
/// follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Which signer this is.
    pub number: u8,
    /// How many there are.
    pub signers: u8,
    /// Where it listens.
    pub listen: String,
    /// Which peers it dials first.
    pub bootstrap: Vec<String>,
    /// How far it goes on its own.
    pub until: Until,
    /// How long it waits in each phase.
    pub patience: Duration,
    /// Where it stores what it has approved, if it does.
    pub store: Option<PathBuf>,
    /// Whether it looks for others on its local network.
    pub finds_neighbours: bool,
    /// Whether it relays for others.
    pub relays: bool,
}

/// How far a signer goes on its own in every session that it hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Until {
    /// It hears of the session but does not join.
    Announced,
    /// It joins but shares no nonces.
    Joined,
    /// It shares nonces but no partial signatures.
    NoncesOut,
    /// It shares partial signatures but does not aggregate them.
    PartialsOut,
    /// It goes to the end. If a signer starts with this, its node takes all steps after the join
    /// without being told, as applications usually have it.
    Signed,
}

/// What a running signer is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Order {
    /// Create and announce a session of all signers, to sign 32 bytes of this value.
    Propose(u8),
    /// Go this far from now on.
    GoOn(Until),
}

/// What a signer reports, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// By the machine's clock, in microseconds since 1970, so that two processes on one machine can
    /// be compared.
    pub at: u64,
    /// What it reports.
    pub told: Told,
}

/// What a signer reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// The process runs, and waits for its settings.
    Started,
    /// It listens here.
    Listening(String),
    /// The first connection to a signer is open.
    Connected(u8),
    /// The first connection to a signer is open, and leads through a relay.
    Relayed(u8),
    /// A signer that was reached through a relay is now reached directly.
    Direct(u8),
    /// The last connection to a signer is closed.
    Disconnected(u8),
    /// Somebody outside has reached it here.
    Reachable(String),
    /// It is about to create a session.
    Proposing,
    /// A session was created here.
    Created {
        /// The session.
        session: String,
    },
    /// A session was announced.
    Discovered {
        /// The session.
        session: String,
    },
    /// A signer joined.
    Joined {
        /// The session.
        session: String,
        /// The signer.
        signer: u8,
    },
    /// All signers have joined.
    Ready {
        /// The session.
        session: String,
    },
    /// A signer's nonces arrived.
    Nonces {
        /// The session.
        session: String,
        /// The signer.
        signer: u8,
    },
    /// All nonces are there.
    NoncesComplete {
        /// The session.
        session: String,
    },
    /// A signer's partial signatures arrived.
    Partials {
        /// The session.
        session: String,
        /// The signer.
        signer: u8,
    },
    /// A session ended with a signature.
    Complete {
        /// The session.
        session: String,
        /// The signature, in hexadecimal digits.
        signature: String,
    },
    /// A session ended because time ran out.
    TimedOut {
        /// The session.
        session: String,
        /// The signers that were awaited.
        awaiting: Vec<u8>,
    },
    /// Anything else, for people who look for the cause of a failed test.
    Noted(String),
}

impl Told {
    /// Returns the session that this ends, if any.
    pub fn ended(&self) -> Option<&str> {
        match self {
            Self::Complete { session, .. } | Self::TimedOut { session, .. } => Some(session),
            _ => None,
        }
    }
}

/// Returns a signer's signing key.
pub fn secret_key(number: u8) -> SecretKey {
    SecretKey::new([number; 32])
}

/// Returns a signer's network identity.
pub fn identity(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([0x80 | number; 32]).expect("any 32 bytes are a key")
}

/// Returns the numbers of signers by their peer ids.
pub fn peers(signers: u8) -> BTreeMap<PeerId, u8> {
    (1..=signers).map(|number| (identity(number).public().to_peer_id(), number)).collect()
}

/// Returns all signers in the order of a session, by their public keys and numbers.
pub fn in_order(signers: u8) -> Vec<(PublicKey, u8)> {
    let mut node = Node::new(Config::default()).expect("the default is valid");
    let mut all: Vec<_> = (1..=signers)
        .map(|number| (node.add_key(&secret_key(number)).expect("a new and valid key"), number))
        .collect();
    all.sort_unstable();
    all
}

/// Returns the number of the signer at this place in a session.
pub fn number(order: &[(PublicKey, u8)], signer: SignerIndex) -> u8 {
    order[signer.as_usize()].1
}

/// Panics unless this is a valid signature of all signers over 32 bytes of this value. The `musig2`
/// crate checks it, and computes the key independently.
pub fn verify(signers: u8, message: u8, signature: &str) {
    let keys = in_order(signers)
        .into_iter()
        .map(|(key, _)| musig2::secp::Point::from_slice(key.as_bytes()).expect("a key"));
    let key: musig2::secp::Point =
        musig2::KeyAggContext::new(keys).expect("keys").aggregated_pubkey();
    let signature = hex::decode(signature).expect("hexadecimal digits");
    let signature = musig2::CompactSignature::from_bytes(&signature).expect("a signature");
    musig2::verify_single(key, signature, [message; 32]).expect("the signature is valid");
}
