//! Starting a node.

use super::check::SettingError;
use super::config::NodeConfig;
use super::disk::Disk;
use super::event::{self, Events};
use super::handle::Handle;
use super::identity::IdentityError;
use super::network::{self, Network};
use super::store::{Store, StoreError};
use super::task::Task;
use crate::contact::without_peer_id;
use libp2p::core::transport::{ListenerId, TransportError};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, Swarm};
use musig2_proto::{ConfigError, KeyError, SecretKey};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use tokio::sync::mpsc;

/// A ready-made signer on a libp2p network: no libp2p knowledge needed.
///
/// ```no_run
/// use musig2_libp2p::musig2_proto::{Audience, Command, Event, Message, Proposal, PublicKey, SecretKey};
/// use musig2_libp2p::{Node, NodeConfig, NodeEvent};
///
/// # async fn propose(key: SecretKey, signers: [PublicKey; 3]) -> Result<(), Box<dyn std::error::Error>> {
/// let config = NodeConfig::default().with_bootstrap_peers(["/dns4/signer.example/tcp/4001".parse()?]);
/// let (node, mut events) = Node::start(config, [key])?;
/// let session = node.create_session(Proposal::new(signers).with_message(Message::new([7; 32]))).await?;
/// node.execute(Command::AnnounceSession { session, audience: Audience::Everyone }).await?;
/// while let Some(event) = events.next().await {
///     match event {
///         NodeEvent::Session(Event::SessionComplete { signatures, .. }) => println!("{signatures:?}"),
///         event => println!("{event:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
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
    /// A setting of the node makes no sense.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The network identity cannot be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store of approvals cannot be used. Nothing in it was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
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

impl NodeConfig {
    /// Whether the files that it names can be used: the network identity, and the store with every approval in it. What is missing would be made at the
    /// start; this makes and changes nothing.
    ///
    /// # Errors
    /// As [`Node::start`] would fail.
    pub fn check_files(&self) -> Result<(), StartError> {
        if let Some(folder) = &self.store {
            Store::check(folder, self.protocol.max_frame_size)?;
        }
        Ok(self.identity.check()?)
    }
}

impl Node {
    /// Starts a node that signs with these keys; without any it only helps others to meet. It runs as a task of the tokio
    /// runtime this is called in.
    ///
    /// # Errors
    /// Where there is no tokio runtime, the configuration contradicts itself, a key is invalid, identity or store cannot be read, or an address cannot
    /// be listened on.
    pub fn start(
        config: NodeConfig,
        keys: impl IntoIterator<Item = SecretKey>,
    ) -> Result<(Handle, Events), StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        config.check()?;
        let mut core = musig2_proto::Node::new(config.protocol.clone())?;
        let mut public_keys = Vec::new();
        for (index, key) in keys.into_iter().enumerate() {
            public_keys
                .push(core.add_key(&key).map_err(|source| StartError::Key { index, source })?);
        }
        let max_frame_size = config.protocol.max_frame_size;
        let (store, approvals) = config
            .store
            .as_ref()
            .map(|folder| Store::open(folder, max_frame_size))
            .transpose()?
            .unzip();
        let identity = config.identity.load()?;
        let mut swarm = network::swarm(&config, &identity, core)
            .map_err(|error| StartError::Network(error.to_string()))?;
        let listeners = listen(&mut swarm, &config.listen)?;
        for address in &config.external_addresses {
            swarm.add_external_address(without_peer_id(address.clone()));
        }

        let disk = store.map(Disk::new).transpose()?;
        let (orders, taken) = mpsc::channel(QUEUED_ORDERS);
        let (sender, events) = event::channel(config.event_capacity);
        let peer_id = *swarm.local_peer_id();
        let task = Task::new(swarm, &config, listeners, disk, sender);
        runtime.spawn(task.run(approvals.unwrap_or_default(), taken));
        Ok((Handle { peer_id, public_keys: public_keys.into(), orders }, events))
    }
}

/// How many orders wait for the task; who gives more waits too.
const QUEUED_ORDERS: usize = 64;

fn listen(
    swarm: &mut Swarm<Network>,
    addresses: &[Multiaddr],
) -> Result<HashSet<ListenerId>, StartError> {
    let listen = |address: &Multiaddr| {
        swarm.listen_on(address.clone()).map_err(|error| {
            let reason = match error {
                TransportError::MultiaddrNotSupported(_) => NOT_SUPPORTED.into(),
                TransportError::Other(error) => error.to_string(),
            };
            StartError::Listen { address: address.clone(), reason }
        })
    };
    let (absent, present): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| is_of_absent_kind(address));
    match &absent[..] {
        [] => {}
        // There is no other way: the system says why it is none.
        all if present.is_empty() => return all.iter().copied().map(listen).collect(),
        absent => {
            tracing::info!(
                ?absent,
                "this host has no addresses of this kind: going on with the others"
            );
        }
    }
    present.into_iter().map(listen).collect()
}

/// Whether it stands for all addresses of a kind, IPv4 or IPv6, of which this host has none, not even its own.
fn is_of_absent_kind(address: &Multiaddr) -> bool {
    let localhost = match address.iter().next() {
        Some(Protocol::Ip4(ip)) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        Some(Protocol::Ip6(ip)) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
        _ => return false,
    };
    UdpSocket::bind((localhost, 0)).is_err()
}

const NOT_SUPPORTED: &str = "only /ip4/…/tcp/… and /ip4/…/udp/…/quic-v1 work (or /ip6/…)";
