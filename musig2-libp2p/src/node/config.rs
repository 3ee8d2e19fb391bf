//! How a node is set up.

use crate::Config;
use libp2p::Multiaddr;
use libp2p::identity::Keypair;

/// How a [`Node`](crate::Node) is set up. [`Default`] listens on all interfaces, TCP and QUIC, on ports that the system
/// chooses, and knows nobody; change it with the `with_*` functions.
///
/// ```
/// use musig2_libp2p::NodeConfig;
///
/// let config = NodeConfig::default()
///     .with_listen(["/ip4/127.0.0.1/tcp/0".parse()?])
///     .with_bootstrap_peers(["/ip4/127.0.0.1/tcp/4001".parse()?]);
/// # Ok::<(), musig2_libp2p::libp2p::multiaddr::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeConfig {
    /// Where to listen. None: this node only dials.
    pub listen: Vec<Multiaddr>,
    /// Whom to dial first, with or without `/p2p/…` at the end. They are dialled again, with growing pauses, while this node has
    /// no connection to them. None: this node waits to be dialled.
    pub bootstrap_peers: Vec<Multiaddr>,
    /// Find signers' addresses through the distributed hash table (Kademlia), and answer others there.
    pub enable_dht: bool,
    /// Publish and hear announcements (gossipsub). Without it sessions are announced to known contacts alone.
    pub enable_gossipsub: bool,
    /// How sessions run.
    pub protocol: musig2_proto::Config,
    /// Limits on the frames between signers.
    pub frames: Config,
    /// This node's network identity, which is its peer id. `None`: a new one each start. It is no signing key and must not be one.
    pub identity: Option<Keypair>,
    /// How many events [`Events`](crate::Events) holds while nobody reads them; at least 1.
    pub event_capacity: usize,
    /// The most connections, over all peers, of which others can open three quarters; a signer needs one to each co-signer.
    pub max_connections: u32,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            listen: ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"]
                .iter()
                .filter_map(|address| address.parse().ok())
                .collect(),
            bootstrap_peers: Vec::new(),
            enable_dht: true,
            enable_gossipsub: true,
            protocol: musig2_proto::Config::default(),
            frames: Config::default(),
            identity: None,
            event_capacity: 1024,
            max_connections: 512,
        }
    }
}

impl NodeConfig {
    /// Sets [`listen`](Self::listen).
    #[must_use]
    pub fn with_listen(mut self, listen: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.listen = listen.into_iter().collect();
        self
    }

    /// Sets [`bootstrap_peers`](Self::bootstrap_peers).
    #[must_use]
    pub fn with_bootstrap_peers(mut self, peers: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.bootstrap_peers = peers.into_iter().collect();
        self
    }

    /// Sets [`enable_dht`](Self::enable_dht).
    #[must_use]
    pub fn with_dht(mut self, enable: bool) -> Self {
        self.enable_dht = enable;
        self
    }

    /// Sets [`enable_gossipsub`](Self::enable_gossipsub).
    #[must_use]
    pub fn with_gossipsub(mut self, enable: bool) -> Self {
        self.enable_gossipsub = enable;
        self
    }

    /// Sets [`protocol`](Self::protocol).
    #[must_use]
    pub fn with_protocol(mut self, protocol: musig2_proto::Config) -> Self {
        self.protocol = protocol;
        self
    }

    /// Sets [`frames`](Self::frames).
    #[must_use]
    pub fn with_frames(mut self, frames: Config) -> Self {
        self.frames = frames;
        self
    }

    /// Sets [`identity`](Self::identity).
    #[must_use]
    pub fn with_identity(mut self, identity: Keypair) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Sets [`event_capacity`](Self::event_capacity).
    #[must_use]
    pub fn with_event_capacity(mut self, events: usize) -> Self {
        self.event_capacity = events;
        self
    }

    /// Sets [`max_connections`](Self::max_connections).
    #[must_use]
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections;
        self
    }
}
