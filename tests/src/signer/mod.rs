//! A signer in a process of its own, which can be held at a phase and killed there: the program `test-signer`. It reads [`Settings`], then
//! [`Order`]s, from standard input and prints [`Line`]s, each as a line of JSON.

mod process;

pub use process::Signer;

use musig2_libp2p::libp2p::PeerId;
use musig2_libp2p::libp2p::identity::Keypair;
use musig2_libp2p::musig2_proto::{Config, Node, PublicKey, SecretKey, SignerIndex};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How a signer is set up. Signers have numbers from 1 on, which their keys and peer ids follow from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    /// Which signer this is.
    pub number: u8,
    /// How many there are.
    pub signers: u8,
    /// Where it listens.
    pub listen: String,
    /// Whom it dials first.
    pub bootstrap: Vec<String>,
    /// How far it goes by itself.
    pub until: Until,
    /// How long it waits in each phase.
    pub patience: Duration,
    /// Where it keeps what it has approved, if it does.
    pub store: Option<PathBuf>,
    /// Whether it looks for others on its local network.
    pub finds_neighbours: bool,
    /// Whether it relays for others.
    pub relays: bool,
}

/// How far a signer goes by itself in every session that it hears of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Until {
    /// It hears of the session and does not join.
    Announced,
    /// It joins and shares no nonces.
    Joined,
    /// It shares nonces and no partial signatures.
    NoncesOut,
    /// It shares partial signatures and does not put them together.
    PartialsOut,
    /// To the end. One that starts with this runs without any call, as applications usually do.
    Signed,
}

/// What a running signer is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Order {
    /// Create and announce a session of all signers, to sign 32 bytes of this value.
    Propose(u8),
    /// From now on, go so far.
    GoOn(Until),
}

/// What a signer tells, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// By the machine's clock, in microseconds since 1970: two processes on one machine can be compared.
    pub at: u64,
    /// What.
    pub told: Told,
}

/// What a signer tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Told {
    /// The process runs, and waits for its settings.
    Started,
    /// It listens here.
    Listening(String),
    /// The first connection to a signer is open.
    Connected(u8),
    /// The same, through a relay.
    Relayed(u8),
    /// A signer that was reached through a relay is reached without.
    Direct(u8),
    /// The last connection to a signer is closed.
    Disconnected(u8),
    /// Somebody outside has reached it here.
    Reachable(String),
    /// It is about to create a session.
    Proposing,
    /// A session was created here.
    Created {
        /// Which.
        session: String,
    },
    /// A session was announced.
    Discovered {
        /// Which.
        session: String,
    },
    /// A signer joined.
    Joined {
        /// Where.
        session: String,
        /// Who.
        signer: u8,
    },
    /// All signers have joined.
    Ready {
        /// Where.
        session: String,
    },
    /// A signer's nonces came.
    Nonces {
        /// Where.
        session: String,
        /// Whose.
        signer: u8,
    },
    /// All nonces are there.
    NoncesComplete {
        /// Where.
        session: String,
    },
    /// A signer's partial signatures came.
    Partials {
        /// Where.
        session: String,
        /// Whose.
        signer: u8,
    },
    /// The end, with a signature.
    Complete {
        /// Of which.
        session: String,
        /// In hexadecimal digits.
        signature: String,
    },
    /// The end, as time ran out.
    TimedOut {
        /// Of which.
        session: String,
        /// Who was awaited.
        awaiting: Vec<u8>,
    },
    /// For people who look for the cause of a failed test.
    Noted(String),
}

impl Told {
    /// Which session it ends, if any.
    pub fn ended(&self) -> Option<&str> {
        match self {
            Self::Complete { session, .. } | Self::TimedOut { session, .. } => Some(session),
            _ => None,
        }
    }
}

/// A signer's signing key.
pub fn secret_key(number: u8) -> SecretKey {
    SecretKey::new([number; 32])
}

/// A signer's network identity.
pub fn identity(number: u8) -> Keypair {
    Keypair::ed25519_from_bytes([0x80 | number; 32]).expect("any 32 bytes are a key")
}

/// The numbers of signers, by their peer ids.
pub fn peers(signers: u8) -> BTreeMap<PeerId, u8> {
    (1..=signers).map(|number| (identity(number).public().to_peer_id(), number)).collect()
}

/// All signers in the order of a session, by their public keys and numbers.
pub fn in_order(signers: u8) -> Vec<(PublicKey, u8)> {
    let mut node = Node::new(Config::default()).expect("the default is valid");
    let mut all: Vec<_> = (1..=signers)
        .map(|number| (node.add_key(&secret_key(number)).expect("a new and valid key"), number))
        .collect();
    all.sort_unstable();
    all
}

/// Whose place in a session this is.
pub fn number(order: &[(PublicKey, u8)], signer: SignerIndex) -> u8 {
    order[signer.as_usize()].1
}

/// Panics unless it is a valid signature of all signers over 32 bytes of this value, by the `musig2` crate, which computes the key by itself.
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
