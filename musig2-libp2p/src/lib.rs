//! MuSig2 (BIP327) signing sessions over libp2p.
//!
//! [`musig2_proto`] is the whole protocol; this crate gives it a network, a clock and the operating
//! system's entropy. There are two ways in:
//!
//! | | for | what it brings |
//! |---|---|---|
//! | [`Node`] (feature `node`, on by default) | applications that want to sign | a swarm in a tokio task: TCP and QUIC, gossipsub, Kademlia, identify, ping, limits; relays, an identity and approvals on disk |
//! | [`Behaviour`] | applications with their own swarm | frames between signers; announcements go through your gossipsub, one line in each direction |
//!
//! To use a [`Node`], start it, give orders to its [`Handle`], and read its [`Events`]. This one
//! signs whatever it is asked to sign:
//!
#![cfg_attr(feature = "node", doc = "```no_run")]
#![cfg_attr(not(feature = "node"), doc = "```ignore")]
//! use musig2_libp2p::musig2_proto::{Command, Event, SecretKey};
//! use musig2_libp2p::{Node, NodeConfig, NodeEvent};
//!
//! # async fn cosign(key: SecretKey) -> Result<(), Box<dyn std::error::Error>> {
//! let address = "/dns4/signer.example/tcp/4001".parse()?;
//! let config = NodeConfig::default().with_bootstrap_peers([address]);
//! let (node, mut events) = Node::start(config, [key])?;
//! while let Some(event) = events.next().await {
//!     match event {
//!         NodeEvent::Session { event: Event::SessionDiscovered { session }, .. } => {
//!             node.execute(Command::JoinSession { session }).await?;
//!         }
//!         NodeEvent::Session { event: Event::SessionComplete { signatures, .. }, .. } => {
//!             println!("{signatures:?}");
//!         }
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The page of [`Behaviour`] shows how to compose one into a swarm.
//!
//! # What a network can and cannot do here
//!
//! A network can lose, delay, repeat and reorder messages, or refuse to carry them. A session then
//! takes longer, or ends and names the signers that were still awaited. A network can neither
//! change messages nor forge them: each carries the signature of a signer's key. A peer id says
//! where bytes came from, and nothing else. A node's network identity is a key of its own, never a
//! signing key.
//!
//! # Where things are
//!
//! - `frames`: whole byte strings between peers: substreams, queues, dialling. It knows nothing of
//!   sessions.
//! - `behaviour`: the core, driven by frames, announcements and time.
//! - `contact`: a peer id and addresses, as bytes.
//! - `metrics` (feature `metrics`): what a behaviour counts.
//! - `node`: the ready-made swarm and its task.

#![cfg_attr(
    not(feature = "node"),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "this page tells of `Node` also where it is not built"
    )
)]

mod behaviour;
mod contact;
mod dial_error;
mod frames;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics/none.rs"]
mod metrics;
#[cfg(feature = "node")]
mod node;

pub use libp2p;
pub use musig2_proto;

pub use behaviour::{Acceptance, Banned, Behaviour, BehaviourEvent, Consequence};
pub use contact::{ContactError, PeerContact};
pub use frames::{FrameLimits, PROTOCOL, Undelivered};
#[cfg(feature = "metrics")]
pub use metrics::Metrics;
#[cfg(feature = "node")]
pub use node::{
    Events, Goodbye, Handle, HandleError, Identity, IdentityError, Node, NodeConfig, NodeEvent,
    PeerConnection, SettingError, SignerNames, SignerState, StartError, StoreError,
};

#[cfg(all(doctest, feature = "node"))]
#[doc = include_str!("../README.md")]
struct Readme;
