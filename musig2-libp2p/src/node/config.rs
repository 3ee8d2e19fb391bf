//! How a node is set up.

use super::addresses::{Reach, is_relayed};
use crate::Config;
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use std::path::PathBuf;

/// How a [`Node`](crate::Node) is set up. [`Default`] listens on all interfaces, TCP and QUIC, on ports that the system
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
    /// Where to listen. None: this node only dials.
    pub listen: Vec<Multiaddr>,
    /// Where others can reach this node, if it cannot know that by itself: a forwarded port, a name.
    pub external_addresses: Vec<Multiaddr>,
    /// Whom to dial first, with or without `/p2p/…` at the end. They are dialled again, with growing pauses, while this node has
    /// no connection to them. None: this node waits to be dialled.
    pub bootstrap_peers: Vec<Multiaddr>,
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
    /// What becomes of open sessions when this node is told to stop.
    pub goodbye: Goodbye,
    /// How many events [`Events`](crate::Events) holds while nobody reads them; 1 to 1,048,576.
    pub event_capacity: usize,
    /// The most connections, over all peers, of which others can open three quarters; a signer needs one to each co-signer, at times two. 8 to 65,536.
    pub max_connections: u32,
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

/// A setting of [`NodeConfig`] that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` must be {must}, and is {is}")]
pub struct SettingError {
    key: &'static str,
    must: String,
    is: String,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            listen: ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"]
                .iter()
                .filter_map(|address| address.parse().ok())
                .collect(),
            external_addresses: Vec::new(),
            bootstrap_peers: Vec::new(),
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
            goodbye: Goodbye::default(),
            event_capacity: 1024,
            max_connections: 512,
        }
    }
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

const MAX_LISTEN: usize = 64;
const MAX_BOOTSTRAP_PEERS: usize = 256;

impl NodeConfig {
    /// Sets [`listen`](Self::listen).
    #[must_use]
    pub fn with_listen(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.listen = addresses.into_iter().collect();
        self
    }

    /// Sets [`external_addresses`](Self::external_addresses).
    #[must_use]
    pub fn with_external_addresses(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
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

    /// Whether every setting of its own makes sense. ([`protocol`](Self::protocol) has a check of its own.)
    ///
    /// # Errors
    /// Names the setting, what it must be, and what it is.
    pub fn check(&self) -> Result<(), SettingError> {
        within("listen", self.listen.len(), 0, MAX_LISTEN, " addresses")?;
        within("external_addresses", self.external_addresses.len(), 0, MAX_LISTEN, " addresses")?;
        within("bootstrap_peers", self.bootstrap_peers.len(), 0, MAX_BOOTSTRAP_PEERS, " addresses")?;
        within("event_capacity", self.event_capacity, 1, 1 << 20, "")?;
        within("max_connections", self.max_connections, 8, 1 << 16, "")?;
        within("frames.queued_frames", self.frames.queued_frames, 1, 1 << 20, "")?;
        within("frames.frames_per_second", self.frames.frames_per_second, 1, u32::MAX, "")?;
        within("frames.bytes_per_second", self.frames.bytes_per_second, 1, u32::MAX, "")?;
        if let Some(address) = self.listen.iter().find(|address| is_relayed(address)) {
            return Err(SettingError {
                key: "listen",
                must: "of this host: to be reached through a relay, name the relay among `bootstrap_peers`"
                    .into(),
                is: address.to_string(),
            });
        }
        let of_others =
            [("bootstrap_peers", &self.bootstrap_peers), ("external_addresses", &self.external_addresses)];
        for (key, addresses) in of_others {
            if let Some(address) = addresses.iter().find(|address| !can_be_dialled(address)) {
                return Err(SettingError {
                    key,
                    must: "of the form /ip4/…/tcp/… or /ip4/…/udp/…/quic-v1 (or /ip6/…, /dns4/…, /dns6/…, /dns/…)".into(),
                    is: address.to_string(),
                });
            }
        }
        Ok(())
    }
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    is: T,
    least: T,
    most: T,
    what: &str,
) -> Result<(), SettingError> {
    if is >= least && is <= most {
        return Ok(());
    }
    Err(SettingError { key, must: format!("{least} to {most}{what}"), is: is.to_string() })
}

fn can_be_dialled(address: &Multiaddr) -> bool {
    let mut parts = address.iter().skip(1);
    let transport = match (parts.next(), parts.next()) {
        (Some(Protocol::Tcp(_)), _) => true,
        (Some(Protocol::Udp(_)), Some(Protocol::QuicV1)) => true,
        _ => false,
    };
    transport && Reach::of(address).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &NodeConfig) -> String {
        config.check().unwrap_err().to_string()
    }

    fn address(text: &str) -> [Multiaddr; 1] {
        [text.parse().unwrap()]
    }

    #[test]
    fn a_setting_that_makes_no_sense_is_named_with_what_to_do() {
        let config = NodeConfig::default();
        assert_eq!(config.check(), Ok(()));
        assert_eq!(
            refused(&config.clone().with_max_connections(1)),
            "`max_connections` must be 8 to 65536, and is 1"
        );
        assert_eq!(
            refused(&config.clone().with_event_capacity(0)),
            "`event_capacity` must be 1 to 1048576, and is 0"
        );
        assert!(
            refused(&config.clone().with_listen(vec![Multiaddr::empty(); 65]))
                .starts_with("`listen` must be 0 to 64 addresses")
        );
        let frames = Config::default().with_queued_frames(0);
        assert!(refused(&config.with_frames(frames)).starts_with("`frames.queued_frames`"));
    }

    #[test]
    fn an_address_that_can_never_be_dialled_is_refused_beforehand() {
        for good in
            ["/ip4/192.0.2.1/tcp/4001", "/dns4/signer.example/tcp/4001", "/ip6/2001:db8::1/udp/4001/quic-v1"]
        {
            assert_eq!(NodeConfig::default().with_bootstrap_peers(address(good)).check(), Ok(()), "{good}");
        }
        for bad in ["/ip4/192.0.2.1", "/ip4/192.0.2.1/udp/4001", "/ip4/0.0.0.0/tcp/4001", "/memory/1"] {
            let error = refused(&NodeConfig::default().with_bootstrap_peers(address(bad)));
            assert!(error.starts_with("`bootstrap_peers`") && error.ends_with(bad), "{error}");
            assert!(refused(&NodeConfig::default().with_external_addresses(address(bad))).ends_with(bad));
        }
    }

    #[test]
    fn a_relay_is_no_place_to_listen_on() {
        let peer = libp2p::PeerId::random();
        let relayed = format!("/ip4/192.0.2.1/tcp/1/p2p/{peer}/p2p-circuit");
        assert!(refused(&NodeConfig::default().with_listen(address(&relayed))).contains("`bootstrap_peers`"));
    }
}
