//! MuSig2 (BIP327) signing sessions over libp2p.

mod behaviour;
mod contact;
mod frames;
#[cfg(feature = "node")]
mod node;

pub use libp2p;
pub use musig2_proto;

pub use behaviour::{Acceptance, Behaviour, Event};
pub use contact::{ContactError, PeerContact};
pub use frames::{Config, PROTOCOL, Undelivered};
#[cfg(feature = "node")]
pub use node::{Events, Handle, HandleError, Node, NodeConfig, NodeEvent, StartError};
