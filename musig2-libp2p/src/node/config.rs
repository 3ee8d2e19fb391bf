//! How a node is set up.

use super::addresses::Reach;
use crate::Config;
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use musig2_proto::PublicKey;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// How a [`Node`](crate::Node) is set up. [`Default`] listens on all interfaces, IPv4 and IPv6, TCP and QUIC, on ports that the system
/// chooses, and knows nobody; change it with the `with_*` functions. [`Node::start`](crate::Node::start) checks it.
///
/// ```
/// use musig2_libp2p::NodeConfig;
///
/// let config = NodeConfig::default()
///     .with_listen(["/ip4/127.0.0.1/tcp/0".parse()?])
///     .with_bootstrap_peers(["/ip4/127.0.0.1/tcp/4001".parse()?])
///     .with_identity_file("/var/lib/musig2/identity")
///     .with_store("/var/lib/musig2/approvals");
/// # Ok::<(), musig2_libp2p::libp2p::multiaddr::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeConfig {
    /// Where to listen. `/ip4/0.0.0.0/…` and `/ip6/::/…` are all interfaces, of IPv4 and of IPv6; on a host that has only one of these, the other is passed over.
    /// None: this node only dials.
    pub listen: Vec<Multiaddr>,
    /// Where others can reach this node, if it cannot know that by itself: a forwarded port, a name.
    pub external_addresses: Vec<Multiaddr>,
    /// Whom to dial first, with or without `/p2p/…` at the end. They are dialled again, with growing pauses, while this node has
    /// no connection to them. None: this node waits to be dialled.
    pub bootstrap_peers: Vec<Multiaddr>,
    /// Whether to dial addresses of this host and of private networks (RFC 1918, RFC 4193, link-local). On a node on the internet, `false` keeps peers
    /// from sending it into its owner's network, by whatever addresses they tell. `None`: no, where this node is told of no private address (bootstrap peers, external addresses, particular
    /// addresses to listen on) but of a public one or a name, or is a relay; else, and with multicast DNS, yes. A name that leads to a private
    /// address is refused where this is `false`: say `true` where signers find each other by names of their own network (containers, for instance).
    pub dial_private: Option<bool>,
    /// Find signers' addresses through the distributed hash table (Kademlia), and answer others there.
    pub enable_dht: bool,
    /// Publish and hear announcements (gossipsub). Without it sessions are announced to known contacts alone.
    pub enable_gossipsub: bool,
    /// Let bootstrap peers that offer it relay for this node, so that it can be reached behind a NAT, and try to get through the NAT from
    /// there (DCUtR, over QUIC). Also asks peers whether this node can be reached without (AutoNAT). A node that knows a direct address from
    /// outside of its network asks for no relay.
    #[cfg(feature = "nat")]
    pub enable_relay_client: bool,
    /// Relay for others, who are behind a NAT, and tell them whether they can be reached without. For nodes with a public address.
    #[cfg(feature = "relay-server")]
    pub relay_server: bool,
    /// Find peers on the local network, and be found there (multicast DNS).
    #[cfg(feature = "mdns")]
    pub enable_mdns: bool,
    /// Ask the router for ports (UPnP).
    #[cfg(feature = "upnp")]
    pub enable_upnp: bool,
    /// How sessions run.
    pub protocol: musig2_proto::Config,
    /// Limits on the frames between signers.
    pub frames: Config,
    /// This node's network identity, which is its peer id.
    pub identity: Identity,
    /// A folder for what this node has approved, so that it takes it up again after a restart. It is made where it is missing; only one node may use it at a
    /// time. No secrets are in it. `None`: a restarted node has forgotten, and its application is asked again.
    pub store: Option<PathBuf>,
    /// What to call a signer in the log, beside a peer that it says to be; `None`: by its key.
    pub signer_names: Option<SignerNames>,
    /// Where the node counts; a node needs metrics of its own. `None`: it counts for nobody.
    #[cfg(feature = "metrics")]
    pub metrics: Option<crate::Metrics>,
    /// What becomes of open sessions when this node is told to stop.
    pub goodbye: Goodbye,
    /// How many events [`Events`](crate::Events) holds while nobody reads them; 1 to 1,048,576.
    pub event_capacity: usize,
    /// The most connections, over all peers; a signer needs one to each co-signer, at times two, or four where they meet through relays. Others can open three
    /// quarters of them, peers that this node does not know three quarters of those, and one address (of IPv6, one /64) at most half of what is left free for it:
    /// so nobody keeps out bootstrap peers and signers of earlier sessions, or newcomers from elsewhere. 8 to 65,536.
    pub max_connections: u32,
}

/// What an application calls signers: see [`NodeConfig::with_signer_names`].
#[derive(Clone)]
pub struct SignerNames(Arc<dyn Fn(&PublicKey) -> String + Send + Sync>);

impl SignerNames {
    /// What this signer is called.
    pub fn of(&self, signer: &PublicKey) -> String {
        (self.0)(signer)
    }
}

impl fmt::Debug for SignerNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignerNames")
    }
}

/// A node's network identity: an Ed25519 key, which only says which peer this is. It is no signing key and must not be one.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Identity {
    /// A new one each start.
    #[default]
    Ephemeral,
    /// This one.
    Key(Keypair),
    /// The one in this file (libp2p's protobuf encoding), which is made where it is missing, for its owner alone to read.
    File(PathBuf),
}

/// What becomes of the open sessions of a node that stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Goodbye {
    /// They go on without this node, which may come back to them: the others wait for it until they run out of time. For a restart.
    #[default]
    Leave,
    /// This node ends its part in each and tells the others, who then need not wait; what it had approved is deleted first. For good.
    Abort,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            listen: everywhere().collect(),
            external_addresses: Vec::new(),
            bootstrap_peers: Vec::new(),
            dial_private: None,
            enable_dht: true,
            enable_gossipsub: true,
            #[cfg(feature = "nat")]
            enable_relay_client: true,
            #[cfg(feature = "relay-server")]
            relay_server: false,
            #[cfg(feature = "mdns")]
            enable_mdns: false,
            #[cfg(feature = "upnp")]
            enable_upnp: false,
            protocol: musig2_proto::Config::default(),
            frames: Config::default(),
            identity: Identity::default(),
            store: None,
            signer_names: None,
            #[cfg(feature = "metrics")]
            metrics: None,
            goodbye: Goodbye::default(),
            event_capacity: 1024,
            max_connections: 512,
        }
    }
}

fn everywhere() -> impl Iterator<Item = Multiaddr> {
    let hosts = [Protocol::Ip4(Ipv4Addr::UNSPECIFIED), Protocol::Ip6(Ipv6Addr::UNSPECIFIED)];
    hosts.into_iter().flat_map(|host| {
        let host = Multiaddr::from(host);
        let quic = host.clone().with(Protocol::Udp(0)).with(Protocol::QuicV1);
        [host.with(Protocol::Tcp(0)), quic]
    })
}

macro_rules! setters {
    ($($(#[$feature:meta])? $name:ident: $type:ty => $setter:ident,)*) => {
        impl NodeConfig {
            $(
                $(#[$feature])?
                #[doc = concat!("Sets [`", stringify!($name), "`](NodeConfig::", stringify!($name), ").")]
                #[must_use]
                pub fn $setter(mut self, $name: $type) -> Self {
                    self.$name = $name;
                    self
                }
            )*
        }
    };
}

setters! {
    dial_private: Option<bool> => with_dial_private,
    enable_dht: bool => with_dht,
    enable_gossipsub: bool => with_gossipsub,
    #[cfg(feature = "nat")]
    enable_relay_client: bool => with_relay_client,
    #[cfg(feature = "relay-server")]
    relay_server: bool => with_relay_server,
    #[cfg(feature = "mdns")]
    enable_mdns: bool => with_mdns,
    #[cfg(feature = "upnp")]
    enable_upnp: bool => with_upnp,
    protocol: musig2_proto::Config => with_protocol,
    frames: Config => with_frames,
    goodbye: Goodbye => with_goodbye,
    event_capacity: usize => with_event_capacity,
    max_connections: u32 => with_max_connections,
}

impl NodeConfig {
    /// Sets [`listen`](Self::listen).
    #[must_use]
    pub fn with_listen(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.listen = addresses.into_iter().collect();
        self
    }

    /// Sets [`external_addresses`](Self::external_addresses).
    #[must_use]
    pub fn with_external_addresses(
        mut self,
        addresses: impl IntoIterator<Item = Multiaddr>,
    ) -> Self {
        self.external_addresses = addresses.into_iter().collect();
        self
    }

    /// Sets [`bootstrap_peers`](Self::bootstrap_peers).
    #[must_use]
    pub fn with_bootstrap_peers(mut self, peers: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.bootstrap_peers = peers.into_iter().collect();
        self
    }

    /// Sets [`identity`](Self::identity) to this key.
    #[must_use]
    pub fn with_identity(mut self, key: Keypair) -> Self {
        self.identity = Identity::Key(key);
        self
    }

    /// Sets [`identity`](Self::identity) to the one in this file, which is made where it is missing.
    #[must_use]
    pub fn with_identity_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.identity = Identity::File(path.into());
        self
    }

    /// Sets [`store`](Self::store).
    #[must_use]
    pub fn with_store(mut self, folder: impl Into<PathBuf>) -> Self {
        self.store = Some(folder.into());
        self
    }

    /// Calls signers so in the log, beside peers that they say to be.
    #[must_use]
    pub fn with_signer_names(
        mut self,
        name: impl Fn(&PublicKey) -> String + Send + Sync + 'static,
    ) -> Self {
        self.signer_names = Some(SignerNames(Arc::new(name)));
        self
    }

    /// Counts what the node does in these metrics.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(mut self, metrics: crate::Metrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// The least [`max_connections`](Self::max_connections).
    pub const MIN_CONNECTIONS: u32 = 8;

    /// How many sockets, and so file descriptors, connections take at most: those that are open, and those that are being made.
    pub fn max_sockets(&self) -> u32 {
        self.max_connections.saturating_add(self.max_pending().saturating_mul(2))
    }

    /// How many connections may be being made at once, each way.
    pub(super) fn max_pending(&self) -> u32 {
        (self.max_connections / 4).clamp(8, 128)
    }

    /// What [`dial_private`](Self::dial_private) comes to.
    pub(super) fn dials_private(&self) -> bool {
        #[cfg(feature = "mdns")]
        let has_neighbours = self.enable_mdns;
        #[cfg(not(feature = "mdns"))]
        let has_neighbours = false;
        #[cfg(feature = "relay-server")]
        let is_relay = self.relay_server;
        #[cfg(not(feature = "relay-server"))]
        let is_relay = false;
        let given = self.bootstrap_peers.iter().chain(&self.external_addresses).chain(&self.listen);
        let given: Vec<_> = given.filter_map(Reach::of).collect();
        let is_public = is_relay || !given.is_empty();
        let is_near = given.iter().any(|reach| *reach < Reach::World);
        self.dial_private.unwrap_or(has_neighbours || is_near || !is_public)
    }

    /// Where the node counts, with or without the feature.
    pub(super) fn metrics(&self) -> crate::metrics::Metrics {
        #[cfg(feature = "metrics")]
        return self.metrics.clone().unwrap_or_default();
        #[cfg(not(feature = "metrics"))]
        crate::metrics::Metrics::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dials_private(bootstrap: &[&str], listen: &[&str]) -> bool {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        NodeConfig::default()
            .with_bootstrap_peers(addresses(bootstrap))
            .with_listen(addresses(listen))
            .dials_private()
    }

    #[test]
    fn a_node_that_seems_public_dials_no_private_addresses() {
        let (everywhere, public) = ("/ip4/0.0.0.0/tcp/1", "/ip4/198.51.100.1/tcp/1");
        assert!(!dials_private(&[public, "/dns4/signer.example/tcp/1"], &[everywhere]));
        assert!(!dials_private(&["/dns4/signer.example/tcp/1"], &[public]));
        assert!(dials_private(&[public, "/ip4/10.0.0.1/tcp/1"], &[everywhere]));
        assert!(dials_private(&["/dns4/signer.example/tcp/1"], &["/ip4/192.168.0.1/tcp/1"]));
        assert!(dials_private(&[], &[everywhere]));
        assert!(!dials_private(&[], &[public]));
        #[cfg(feature = "relay-server")]
        assert!(!NodeConfig::default().with_relay_server(true).dials_private());
        assert!(!NodeConfig::default().with_dial_private(Some(false)).dials_private());
        #[cfg(feature = "mdns")]
        assert!(
            NodeConfig::default()
                .with_bootstrap_peers([public.parse().unwrap()])
                .with_mdns(true)
                .dials_private()
        );
    }
}
