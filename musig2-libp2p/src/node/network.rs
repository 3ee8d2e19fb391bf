//! Everything a node speaks, put together.

use super::config::NodeConfig;
use super::{announcements, transport};
use crate::Behaviour;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::Keypair;
use libp2p::kad::store::MemoryStore;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{StreamProtocol, Swarm, gossipsub, identify, kad, ping};
use std::error::Error;
use std::time::Duration;

pub(super) const DHT: StreamProtocol = StreamProtocol::new("/musig2/kad/1");
const FAMILY: &str = "/musig2/1";
/// Two peers that dial each other at once have two connections for a while. With one allowed, each side may keep the one
/// that the other closes.
const CONNECTIONS_PER_PEER: u32 = 2;
const PENDING_CONNECTIONS: u32 = 128;
const PING: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);

#[derive(NetworkBehaviour)]
pub(super) struct Network {
    // First: a behaviour that denies a connection must do so before others believe in it.
    limits: connection_limits::Behaviour,
    pub(super) signing: Behaviour,
    pub(super) gossip: Toggle<gossipsub::Behaviour>,
    pub(super) dht: Toggle<kad::Behaviour<MemoryStore>>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

pub(super) fn swarm(
    config: &NodeConfig,
    identity: &Keypair,
    core: musig2_proto::Node,
) -> Result<Swarm<Network>, Box<dyn Error + Send + Sync>> {
    let local = identity.public().to_peer_id();
    // A quarter is left for this node's own dials, however many strangers come.
    let incoming = config.max_connections - config.max_connections / 4;
    let limits = ConnectionLimits::default()
        .with_max_established(Some(config.max_connections))
        .with_max_established_incoming(Some(incoming))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER))
        .with_max_pending_incoming(Some(PENDING_CONNECTIONS))
        .with_max_pending_outgoing(Some(PENDING_CONNECTIONS));
    let gossip = config.enable_gossipsub.then(|| announcements::gossipsub(&config.protocol)).transpose()?;
    let dht = config.enable_dht.then(|| {
        let mut dht = kad::Behaviour::with_config(local, MemoryStore::new(local), kad::Config::new(DHT));
        // Left to itself it serves only once it knows that it can be reached from outside.
        dht.set_mode(Some(kad::Mode::Server));
        dht
    });
    let identify = identify::Config::new(FAMILY.into(), identity.public())
        .with_agent_version(concat!("musig2-libp2p/", env!("CARGO_PKG_VERSION")).into())
        .with_push_listen_addr_updates(true)
        // It would dial whatever addresses peers claim; the node decides which of them to believe.
        .with_cache_size(0);
    let network = Network {
        limits: connection_limits::Behaviour::new(limits),
        signing: Behaviour::new(local, core, config.frames.clone()),
        gossip: gossip.into(),
        dht: dht.into(),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(PING).with_timeout(PING)),
    };
    let settings = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    Ok(Swarm::new(transport::build(identity)?, network, local, settings))
}
