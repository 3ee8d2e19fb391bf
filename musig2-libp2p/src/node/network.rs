//! All protocols that a node speaks, put together.

use super::config::NodeConfig;
use super::places::Places;
#[cfg(feature = "nat")]
use super::seen::Seen;
use super::{announcements, transport};
use crate::Behaviour;
#[cfg(any(feature = "nat", feature = "relay-server"))]
use libp2p::autonat::v2 as autonat;
use libp2p::connection_limits::{self, ConnectionLimits};
#[cfg(feature = "nat")]
use libp2p::dcutr;
use libp2p::identity::Keypair;
use libp2p::kad::store::MemoryStore;
#[cfg(feature = "mdns")]
use libp2p::mdns;
#[cfg(any(feature = "nat", feature = "relay-server"))]
use libp2p::relay;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
#[cfg(feature = "upnp")]
use libp2p::upnp;
use libp2p::{PeerId, StreamProtocol, Swarm, gossipsub, identify, kad, ping};
use std::error::Error;
use std::time::Duration;

pub(super) const DHT: StreamProtocol = StreamProtocol::new("/musig2/kad/1");
const FAMILY: &str = "/musig2/1";
/// Two peers that dial each other at once have two connections for a while. If only one were
/// allowed, each side might keep the one that the other closes. Twice as many are allowed so that
/// peers that met like that through a relay can also meet without it.
const CONNECTIONS_PER_PEER: u32 = 4;
/// How long the other end of a connection may leave pings unanswered.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
/// Three pings fit into `SILENCE`.
const PING_INTERVAL: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(60);

/// The most bytes that one circuit through this relay may carry. A session with the largest frames
/// fits.
#[cfg(feature = "relay-server")]
const CIRCUIT_BYTES: u64 = 16 << 20;

#[derive(NetworkBehaviour)]
pub(super) struct NodeBehaviour {
    // These come first: a connection must be denied before other behaviours count on it.
    pub(super) places: Places,
    limits: connection_limits::Behaviour,
    pub(super) signing: Behaviour,
    pub(super) gossip: Toggle<gossipsub::Behaviour>,
    pub(super) dht: Toggle<kad::Behaviour<MemoryStore>>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    #[cfg(feature = "nat")]
    pub(super) seen: Seen,
    #[cfg(feature = "nat")]
    relay_client: Toggle<relay::client::Behaviour>,
    #[cfg(feature = "nat")]
    hole_punching: Toggle<dcutr::Behaviour>,
    #[cfg(feature = "nat")]
    reachability: Toggle<autonat::client::Behaviour>,
    #[cfg(feature = "relay-server")]
    relay: Toggle<relay::Behaviour>,
    #[cfg(feature = "relay-server")]
    dial_back: Toggle<autonat::server::Behaviour>,
    #[cfg(feature = "mdns")]
    mdns: Toggle<mdns::tokio::Behaviour>,
    #[cfg(feature = "upnp")]
    upnp: Toggle<upnp::tokio::Behaviour>,
}

pub(super) fn swarm(
    config: &NodeConfig,
    identity: &Keypair,
    core: musig2_proto::Node,
) -> Result<Swarm<NodeBehaviour>, Box<dyn Error + Send + Sync>> {
    let local = identity.public().to_peer_id();
    #[cfg(feature = "nat")]
    let (relayed, relay_client) =
        config.enable_relay_client.then(|| relay::client::new(local)).unzip();
    let signing = Behaviour::new(local, core, config.frames.clone());
    #[cfg(feature = "metrics")]
    let signing = signing.with_metrics(config.metrics());
    let signing = match config.signer_names.clone() {
        Some(names) => signing.with_signer_names(move |signer| names.of(signer)),
        None => signing,
    };
    let network = NodeBehaviour {
        places: Places::new(config),
        limits: connection_limits::Behaviour::new(limits(config)),
        signing,
        gossip: config
            .enable_gossipsub
            .then(|| announcements::gossipsub(&config.protocol))
            .transpose()?
            .into(),
        dht: config.enable_dht.then(|| dht(config, local)).into(),
        identify: identify::Behaviour::new(identify(identity)),
        ping: ping::Behaviour::new(
            ping::Config::new().with_interval(PING_INTERVAL).with_timeout(SILENCE),
        ),
        #[cfg(feature = "nat")]
        seen: Seen::default(),
        #[cfg(feature = "nat")]
        relay_client: relay_client.into(),
        #[cfg(feature = "nat")]
        hole_punching: config.enable_relay_client.then(|| dcutr::Behaviour::new(local)).into(),
        #[cfg(feature = "nat")]
        reachability: config.enable_relay_client.then(autonat::client::Behaviour::default).into(),
        #[cfg(feature = "relay-server")]
        relay: config.relay_server.then(|| relay::Behaviour::new(local, circuits(config))).into(),
        #[cfg(feature = "relay-server")]
        dial_back: config.relay_server.then(autonat::server::Behaviour::default).into(),
        #[cfg(feature = "mdns")]
        mdns: config.enable_mdns.then(|| mdns(local)).flatten().into(),
        #[cfg(feature = "upnp")]
        upnp: config.enable_upnp.then(upnp::tokio::Behaviour::default).into(),
    };
    #[cfg(feature = "nat")]
    let transport = transport::build(identity, config.dials_private(), relayed)?;
    #[cfg(not(feature = "nat"))]
    let transport = transport::build(identity, config.dials_private())?;
    let settings = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    Ok(Swarm::new(transport, network, local, settings))
}

/// Limits connections. `places` decides which peers may connect to this node.
fn limits(config: &NodeConfig) -> ConnectionLimits {
    ConnectionLimits::default()
        .with_max_established(Some(config.max_connections))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER))
        .with_max_pending_outgoing(Some(config.max_pending()))
}

fn dht(config: &NodeConfig, local: PeerId) -> kad::Behaviour<MemoryStore> {
    let mut dht =
        kad::Behaviour::with_config(local, MemoryStore::new(local), kad::Config::new(DHT));
    // By default a node serves the hash table only once it knows that it can be reached from
    // outside. On a local network it never finds out.
    let serves = !config.listen.is_empty();
    dht.set_mode(Some(if serves { kad::Mode::Server } else { kad::Mode::Client }));
    dht
}

fn identify(identity: &Keypair) -> identify::Config {
    identify::Config::new(FAMILY.into(), identity.public())
        .with_agent_version(agent())
        .with_push_listen_addr_updates(true)
        // A cache would dial whatever addresses peers claim; this node decides which of them to
        // believe.
        .with_cache_size(0)
}

/// Limits relayed circuits. A circuit may last as long as a session, so that it need not be renewed
/// during one.
#[cfg(feature = "relay-server")]
fn circuits(config: &NodeConfig) -> relay::Config {
    // The relay protocol cannot express a longer time.
    const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);
    relay::Config {
        max_circuit_duration: config.protocol.max_session_duration.min(LONGEST),
        max_circuit_bytes: CIRCUIT_BYTES,
        ..relay::Config::default()
    }
}

#[cfg(feature = "mdns")]
fn mdns(local: PeerId) -> Option<mdns::tokio::Behaviour> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), local)
        .inspect_err(
            |error| tracing::warn!(%error, "cannot find peers on the local network: continuing without them"),
        )
        .ok()
}

/// Returns a name of this start of the node, by which others notice that it was restarted.
fn agent() -> String {
    let start = getrandom::u64().unwrap_or_default();
    format!(concat!("musig2-libp2p/", env!("CARGO_PKG_VERSION"), " ({:016x})"), start)
}
