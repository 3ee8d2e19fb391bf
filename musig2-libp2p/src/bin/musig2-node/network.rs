//! What `cosign` and `propose` have in common: a signing node on the network, until it is told to stop.

use crate::failure::Failure;
use crate::keyfile;
use crate::parse;
use crate::report::{Console, Line};
use crate::steps::Step;
use clap::Args;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::libp2p::multiaddr::Protocol;
use musig2_libp2p::musig2_proto::{self, PublicKey, SecretKey, SessionId, SessionView};
use musig2_libp2p::{Events, Handle, Node, NodeConfig, NodeEvent};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::path::PathBuf;

/// How many different failed dials are remembered as shown.
const MAX_FAILED_DIALS: usize = 64;

/// Who this node is, and where.
#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// This signer's secret key, made by `keygen`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to listen [default: a free port on every interface, by TCP and by QUIC]
    #[arg(long, value_name = "ADDR", num_args = 1.., value_parser = parse::address)]
    listen: Vec<Multiaddr>,
    /// Any node to start from, as it prints itself after `listening on`; may be repeated
    #[arg(long, value_name = "ADDR", num_args = 1.., value_parser = parse::address)]
    bootstrap: Vec<Multiaddr>,
}

/// This signer's key.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) secret: SecretKey,
    pub(crate) public: PublicKey,
}

/// A running node, and what it says.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) handle: Handle,
    events: Events,
    /// Failed dials that were shown, at most [`MAX_FAILED_DIALS`]: the same ones are tried again and again, and said once.
    failed_dials: BTreeSet<String>,
    /// Addresses to listen on that have not failed.
    listeners: usize,
    /// Whether any peer was ever connected.
    pub(crate) met_anyone: bool,
}

impl NetworkArgs {
    /// Reads the key.
    pub(crate) fn identity(&self) -> Result<Identity, Failure> {
        let (secret, public) = keyfile::read(&self.key)?;
        Ok(Identity { secret, public })
    }

    /// Starts a node.
    pub(crate) fn start(
        &self,
        identity: Identity,
        protocol: musig2_proto::Config,
    ) -> Result<Network, Failure> {
        let mut config = NodeConfig::default()
            .with_bootstrap_peers(self.bootstrap.iter().cloned())
            .with_protocol(protocol);
        if !self.listen.is_empty() {
            config = config.with_listen(self.listen.iter().cloned());
        }
        config.listen.iter().try_for_each(check_free)?;
        let listeners = config.listen.len();
        let (handle, events) = Node::start(config, [identity.secret])?;
        Ok(Network { handle, events, failed_dials: BTreeSet::new(), listeners, met_anyone: false })
    }
}

impl Network {
    /// What the node says next. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<NodeEvent, Failure> {
        self.events.next().await.ok_or(Failure::NodeStopped)
    }

    /// Gives a session's event back, with the session as it stands. Anything else is shown, or logged where `quiet`.
    pub(crate) async fn digest(
        &mut self,
        event: NodeEvent,
        console: &Console,
        quiet: bool,
    ) -> Result<Option<(musig2_proto::Event, SessionView)>, Failure> {
        let step = match event {
            NodeEvent::Session(event) => {
                let view = self.handle.session(event.session()).await?;
                return Ok(view.map(|view| (event, view)));
            }
            NodeEvent::Listening { address } => {
                console.show(&Line::Listening { address: &address, node: None })?;
                return Ok(None);
            }
            NodeEvent::ListenFailed { address, error } if self.listeners <= 1 => {
                return Err(Failure::Listen { address, error });
            }
            NodeEvent::DialFailed { ref error, .. } if self.failed_dials.contains(error) => return Ok(None),
            other => {
                self.listeners -= usize::from(matches!(other, NodeEvent::ListenFailed { .. }));
                if let NodeEvent::DialFailed { error, .. } = &other
                    && self.failed_dials.len() < MAX_FAILED_DIALS
                {
                    self.failed_dials.insert(error.clone());
                }
                self.met_anyone |= matches!(other, NodeEvent::PeerConnected { .. });
                Step::of_network(&other)
            }
        };
        if quiet {
            tracing::info!(?step, "network");
        } else {
            console.step(None, &step)?;
        }
        Ok(None)
    }

    /// A session as it stands.
    pub(crate) async fn session(&self, session: SessionId) -> Result<SessionView, Failure> {
        self.handle.session(session).await?.ok_or(Failure::Forgotten(session))
    }
}

/// libp2p listens on TCP with SO_REUSEPORT, to dial from the same port. Two programs would then share a port without a word, and each get
/// some of the other's connections.
fn check_free(address: &Multiaddr) -> Result<(), Failure> {
    let mut protocols = address.iter();
    let ip = match protocols.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::from(ip),
        _ => return Ok(()),
    };
    let Some(Protocol::Tcp(port @ 1..)) = protocols.next() else { return Ok(()) };
    let failed =
        |error: io::Error| Failure::Listen { address: Some(address.clone()), error: error.to_string() };
    TcpListener::bind((ip, port)).map(drop).map_err(failed)
}

/// SIGINT and SIGTERM: from its making on, they end nothing but what waits for them here.
#[derive(Debug)]
pub(crate) struct StopSignals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    /// Starts listening for them.
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Starts listening for them.
    #[cfg(not(unix))]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// The next one.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
