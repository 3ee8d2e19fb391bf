//! The configuration of a node.

use super::addresses::Reach;
use crate::FrameLimits;
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use musig2_proto::PublicKey;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// The configuration of a [`Node`](crate::Node).
///
/// The [`Default`] listens on all interfaces, IPv4 and IPv6, TCP and QUIC, on ports that the system
/// chooses, and knows no peers. Change it with the `with_*` functions.
/// [`Node::start`](crate::Node::start) checks it.
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
    /// Where to listen. `/ip4/0.0.0.0/…` and `/ip6/::/…` mean all IPv4 and all IPv6 interfaces; if
    /// the host has only one of the two kinds, the other is skipped. Empty: this node only dials.
    pub listen: Vec<Multiaddr>,
    /// Where others can reach this node, if it cannot find out by itself: a forwarded port, a name.
    pub external_addresses: Vec<Multiaddr>,
    /// The peers to dial first, with or without `/p2p/…` at the end. While this node has no
    /// connection to one of them, it dials that peer again, with growing pauses. Empty: this node
    /// waits to be dialled.
    pub bootstrap_peers: Vec<Multiaddr>,
    /// Whether to dial addresses of this host and of private networks (RFC 1918, RFC 4193,
    /// link-local).
    ///
    /// On a node on the internet, `false` keeps peers from directing it into its owner's network by
    /// the addresses they name. With `None` the node decides. It dials no private addresses if its
    /// own settings (bootstrap peers, external addresses, particular listen addresses) name a
    /// public address or a name but no private address, or if it is a relay and they name no
    /// private address. Otherwise, and always with multicast DNS, it does.
    ///
    /// If this is `false`, a name that leads to a private address is refused: set `true` if signers
    /// find each other by names of their own network (containers, for instance).
    pub dial_private: Option<bool>,
    /// Find signers' addresses through the distributed hash table (Kademlia), and answer others
    /// there.
    pub enable_dht: bool,
    /// Publish announcements and listen for them (gossipsub). Without it, sessions are announced
    /// only to known contacts.
    pub enable_gossipsub: bool,
    /// Let bootstrap peers that offer it relay for this node, so that it can be reached behind a
    /// NAT, and try to get through the NAT from there (DCUtR, over QUIC). This also asks peers
    /// whether this node can be reached without a relay (AutoNAT). A node that knows a direct
    /// address of its own from outside its network asks for no relay.
    #[cfg(feature = "nat")]
    pub enable_relay_client: bool,
    /// Relay for others that are behind a NAT, and tell them whether they can be reached without a
    /// relay. For nodes with a public address.
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
    pub frames: FrameLimits,
    /// This node's network identity, which is its peer id.
    pub identity: Identity,
    /// A folder for what this node has approved, so that it resumes those sessions after a restart.
    ///
    /// The folder is created if it is missing; only one node may use it at a time. It holds no
    /// secrets. `None`: a restarted node has forgotten its approvals, and asks its application
    /// again.
    pub store: Option<PathBuf>,
    /// What the log calls a signer, next to the peer that the signer claims to be at. `None`: by
    /// its key.
    pub signer_names: Option<SignerNames>,
    /// The metrics in which the node counts; each node needs metrics of its own. `None`: it exports
    /// no counts.
    #[cfg(feature = "metrics")]
    pub metrics: Option<crate::Metrics>,
    /// What happens to open sessions when this node is told to stop.
    pub goodbye: Goodbye,
    /// How many events [`Events`](crate::Events) holds while nobody reads them: 1 to 1,048,576.
    pub event_capacity: usize,
    /// The most connections, over all peers: 8 to 65,536.
    ///
    /// A signer needs one connection to each co-signer, at times two, or four if they meet through
    /// relays. Connections that others open may take up three quarters of this limit. Of those,
    /// peers that this node does not know may take three quarters, and one address (for IPv6, one
    /// /64) at most half of what is left free for it. So nobody can keep out bootstrap peers and
    /// signers of earlier sessions, or newcomers from elsewhere.
    pub max_connections: u32,
}

/// What an application calls signers: see [`NodeConfig::with_signer_names`].
#[derive(Clone)]
pub struct SignerNames(Arc<dyn Fn(&PublicKey) -> String + Send + Sync>);

impl SignerNames {
    /// Returns what this signer is called.
    pub fn of(&self, signer: &PublicKey) -> String {
        (self.0)(signer)
    }
}

impl fmt::Debug for SignerNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignerNames")
    }
}

/// A node's network identity: an Ed25519 key that only says which peer this is. It is not a signing
/// key and must not be used as one.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Identity {
    /// A new identity at each start.
    #[default]
    Ephemeral,
    /// This key.
    Key(Keypair),
    /// The key in this file (libp2p's protobuf encoding). The file is created if it is missing,
    /// readable only by its owner.
    File(PathBuf),
}

/// What happens to the open sessions of a node that stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Goodbye {
    /// They continue without this node, which may come back: the other signers wait for it until
    /// they run out of time. Meant for a restart.
    #[default]
    Leave,
    /// This node ends its part in each of them and tells the other signers, which then need not
    /// wait. It deletes its approvals first. Meant for a permanent stop.
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
            frames: FrameLimits::default(),
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
    enable_dht: bool => with_enable_dht,
    enable_gossipsub: bool => with_enable_gossipsub,
    #[cfg(feature = "nat")]
    enable_relay_client: bool => with_enable_relay_client,
    #[cfg(feature = "relay-server")]
    relay_server: bool => with_relay_server,
    #[cfg(feature = "mdns")]
    enable_mdns: bool => with_enable_mdns,
    #[cfg(feature = "upnp")]
    enable_upnp: bool => with_enable_upnp,
    protocol: musig2_proto::Config => with_protocol,
    frames: FrameLimits => with_frames,
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

    /// Sets [`identity`](Self::identity) to the key in this file, which is created if it is
    /// missing.
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

    /// Sets what the log calls signers, next to the peers that they claim to be at.
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

    /// The smallest allowed [`max_connections`](Self::max_connections).
    pub const MIN_CONNECTIONS: u32 = 8;

    /// Returns how many sockets, and so file descriptors, connections take at most: those that are
    /// open and those that are being made.
    pub fn max_sockets(&self) -> u32 {
        self.max_connections.saturating_add(self.max_pending().saturating_mul(2))
    }

    /// Returns how many connections may be in the making at once, in each direction.
    pub(super) fn max_pending(&self) -> u32 {
        (self.max_connections / 4).clamp(8, 128)
    }

    /// Decides whether to dial private addresses: see [`dial_private`](Self::dial_private).
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

    /// The metrics in which the node counts; without the feature they count nothing.
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
                .with_enable_mdns(true)
                .dials_private()
        );
    }
}
