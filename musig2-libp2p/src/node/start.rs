//! Starting a node.

use super::config::NodeConfig;
use super::event::Events;
use super::handle::Handle;
use libp2p::Multiaddr;
use musig2_proto::{ConfigError, KeyError, SecretKey};

/// A ready-made signer on a libp2p network: no libp2p knowledge needed.
#[derive(Debug)]
pub struct Node;

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// [`Node::start`] was called outside of a tokio runtime.
    #[error("no tokio runtime: call this from within one")]
    NoRuntime,
    /// The protocol's configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A signing key was not taken.
    #[error("signing key {index}: {source}")]
    Key {
        /// Its place among the keys given, from 0.
        index: usize,
        /// Why.
        source: KeyError,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Which.
        address: Multiaddr,
        /// Why, for people.
        reason: String,
    },
    /// The network could not be set up.
    #[error("cannot set up the network: {0}")]
    Network(String),
}

impl Node {
    /// Starts a node that signs with these keys. It runs as a task of the tokio runtime this is called in.
    ///
    /// # Errors
    /// Where there is no tokio runtime, the configuration contradicts itself, a key is invalid, or an address cannot be listened on.
    pub fn start(
        config: NodeConfig,
        keys: impl IntoIterator<Item = SecretKey>,
    ) -> Result<(Handle, Events), StartError> {
        let _ = (config, keys);
        todo!()
    }
}
