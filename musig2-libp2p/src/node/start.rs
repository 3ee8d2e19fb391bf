//! Starting a node.

use super::check::SettingError;
use super::config::NodeConfig;
use super::disk::Disk;
use super::event::{self, Events};
use super::handle::Handle;
use super::identity::IdentityError;
use super::network::{self, NodeBehaviour};
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

/// A ready-made signer on a libp2p network, which needs no libp2p knowledge.
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
///         NodeEvent::Session { event: Event::SessionComplete { signatures, .. }, .. } => println!("{signatures:?}"),
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
    /// The network identity cannot be loaded or created.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The store of approvals cannot be used. Nothing in it was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signing key was refused.
    #[error("signing key {index}: {source}")]
    Key {
        /// Its position among the given keys, from 0.
        index: usize,
        /// The cause.
        source: KeyError,
    },
    /// The node cannot listen on an address.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// The cause, for people.
        reason: String,
    },
    /// An address to listen on is of a kind that no transport of this node has.
    #[error(
        "cannot listen on {address}: only /ip4/…/tcp/… and /ip4/…/udp/…/quic-v1 work (or /ip6/…)"
    )]
    NotSupported {
        /// The address.
        address: Multiaddr,
    },
    /// The network could not be set up.
    #[error("cannot set up the network: {0}")]
    Network(String),
}

impl NodeConfig {
    /// Checks that the files that this configuration names can be used: the network identity, and
    /// the store with every approval in it. Files that a start would create are not created here;
    /// nothing changes.
    ///
    /// # Errors
    /// The error with which [`Node::start`] would fail.
    pub fn check_files(&self) -> Result<(), StartError> {
        if let Some(folder) = &self.store {
            Store::check(folder, self.protocol.max_frame_size)?;
        }
        Ok(self.identity.check()?)
    }
}

impl Node {
    /// Starts a node that signs with these keys; without keys it only helps others to meet. It runs
    /// as a task of the tokio runtime that this is called in.
    ///
    /// # Errors
    /// If there is no tokio runtime, the configuration contradicts itself, a key is invalid, the
    /// identity or the store cannot be read, or an address cannot be listened on.
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

/// How many orders wait for the task. A caller that gives one more waits until there is room.
const QUEUED_ORDERS: usize = 64;

fn listen(
    swarm: &mut Swarm<NodeBehaviour>,
    addresses: &[Multiaddr],
) -> Result<HashSet<ListenerId>, StartError> {
    let listen = |address: &Multiaddr| {
        let address = address.clone();
        swarm.listen_on(address.clone()).map_err(|error| match error {
            TransportError::MultiaddrNotSupported(_) => StartError::NotSupported { address },
            TransportError::Other(error) => {
                StartError::Listen { address, reason: error.to_string() }
            }
        })
    };
    let (absent, present): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| is_of_absent_kind(address));
    match &absent[..] {
        [] => {}
        // No address is of a present kind, so there is nothing to skip to: let the system say what
        // is wrong.
        all if present.is_empty() => return all.iter().copied().map(listen).collect(),
        absent => {
            tracing::info!(
                ?absent,
                "this host has no addresses of this kind: continuing with the others"
            );
        }
    }
    present.into_iter().map(listen).collect()
}

/// Returns whether the address stands for all IPv4 or all IPv6 addresses while this host has no
/// address of that kind, not even loopback.
fn is_of_absent_kind(address: &Multiaddr) -> bool {
    let localhost = match address.iter().next() {
        Some(Protocol::Ip4(ip)) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        Some(Protocol::Ip6(ip)) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
        _ => return false,
    };
    UdpSocket::bind((localhost, 0)).is_err()
}
