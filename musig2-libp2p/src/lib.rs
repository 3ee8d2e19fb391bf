//! MuSig2 (BIP327) signing sessions over libp2p.
#![forbid(unsafe_code)]

#[cfg(feature = "node")]
mod node;

pub use libp2p;
pub use musig2_proto;

#[cfg(feature = "node")]
pub use node::{Events, Handle, HandleError, Node, NodeConfig, NodeEvent, StartError};
