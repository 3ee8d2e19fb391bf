//! What `cosign`, `propose` and `run` share: a signing node on the network, until it is told to
//! stop.

use crate::chain::Chain;
use crate::descriptors;
use crate::ending::{Declined, Signer};
use crate::failure::Failure;
use crate::ignored::Ignored;
use crate::keyfile;
use crate::labels::{Labelled, Labels, Table};
use crate::passphrase::PassphraseArgs;
use crate::patience;
use crate::people::{at, own_bootstrap};
use crate::report::{Console, Line};
use crate::roster::{AtPeer, Roster, beside, named};
use crate::steps::{Session, Step};
#[cfg(unix)]
use crate::terminal;
use crate::terms::Terms;
use crate::text::{Text, Written};
use crate::told::Told;
use clap::Args;
use musig2_libp2p::libp2p::multiaddr::Protocol;
use musig2_libp2p::libp2p::{Multiaddr, PeerId};
use musig2_libp2p::musig2_proto::{
    DeclineReason, Event, ManifestError, PublicKey, SecretKey, SessionId, SessionView,
};
use musig2_libp2p::{Events, Handle, Node, NodeConfig, NodeEvent};
use socket2::{Domain, Socket, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::{fmt, io};
use tokio::sync::{broadcast, watch};
use tracing::{error, warn};

/// How many changes a slow follower may be behind before it is told that it missed some.
const MAX_CHANGES: usize = 256;

/// Names a problem that lasts until this node can take part in a session again.
const CLOCK: &str = "clock";

/// Names a problem that lasts until this node is started again.
const KEY: &str = "key";

/// Names a problem with accepting connections.
const ACCEPT: &str = "accept";

/// How many different failed dials are remembered as shown.
const MAX_FAILED_DIALS: usize = 64;

/// Who this node is, and where.
#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// This signer's secret key, made by `keygen`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    // Not flattened from `PassphraseArgs`, although that is used as well: for clap, a group that
    // contains another group has no members, and could not be optional.
    #[arg(long, value_name = "FILE", help = PassphraseArgs::HELP)]
    passphrase_file: Option<PathBuf>,
    /// Where to listen [default: a free port on every interface, by TCP and by QUIC]
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    listen: Vec<Text<Multiaddr>>,
    /// Any node to start from, as it prints itself after `listening on`; may be repeated
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    bootstrap: Vec<Text<Peer>>,
    /// Dial addresses of private networks and of this host too, where the given ones are public or
    /// names: signers in one private network, containers
    #[arg(long)]
    dial_private: bool,
    /// Which chain the addresses are for that this node shows
    #[arg(long, value_enum, default_value_t)]
    chain: Chain,
    /// What to call a signer where this node tells of it; may be repeated
    #[arg(long, value_name = "LABEL=PUBKEY")]
    label: Vec<Text<Labelled>>,
    /// Keep this node's peer id, which ends its addresses, in this file [default: a new peer id at
    /// each start]
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

/// A libp2p address that can be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) Multiaddr);

/// A running node, and its events.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) handle: Handle,
    /// The labels of signers, and the chain.
    pub(crate) labels: Labels,
    /// What happened with each signer.
    pub(crate) roster: Roster,
    /// The proposers that this node tells when it declines.
    pub(crate) told: Told,
    events: Events,
    /// Failed dials that were shown, at most [`MAX_FAILED_DIALS`]: the same dials are retried again
    /// and again, and are shown once.
    failed_dials: BTreeSet<String>,
    /// What people are told of only once in a while.
    pub(crate) ignored: Ignored,
    /// Whether any peer was ever connected.
    pub(crate) met_anyone: bool,
    /// The node's addresses and peers, for those that follow it.
    pub(crate) reach: watch::Sender<Reach>,
    /// Sessions in which something happened, for those that follow them.
    pub(crate) changes: broadcast::Sender<SessionId>,
}

/// A node's place on the network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    pub(crate) listening: BTreeSet<Multiaddr>,
    /// The connected peers: at most as many as connections are allowed.
    pub(crate) peers: BTreeSet<PeerId>,
    /// What does not work now and is tried again, by subject.
    pub(crate) problems: BTreeMap<&'static str, String>,
    /// Bootstrap addresses that are of no use now, and why: one sentence each.
    pub(crate) unreached: BTreeMap<Multiaddr, String>,
}

impl Reach {
    fn follow(&mut self, event: &NodeEvent, labels: &Labels) -> bool {
        match event {
            NodeEvent::Listening { address } => self.listening.insert(address.clone()),
            NodeEvent::NotListening { address } => self.listening.remove(address),
            NodeEvent::PeerConnected { peer, .. } => self.peers.insert(*peer),
            NodeEvent::PeerDisconnected { peer, .. } => self.peers.remove(peer),
            NodeEvent::BootstrapReached { address, .. } => self.unreached.remove(address).is_some(),
            NodeEvent::DialFailed { bootstrap: Some(address), signers, error, .. } => {
                let beside = beside(&AtPeer::of(signers, labels));
                let why = format!(
                    "cannot reach the bootstrap peer{beside} {}",
                    at(&address.to_string(), error)
                );
                self.unreached.insert(address.clone(), why.clone()) != Some(why)
            }
            NodeEvent::BootstrapIsOwn { address, only: true } => {
                self.unreached.insert(address.clone(), own_bootstrap(address)).is_none()
            }
            NodeEvent::AcceptFailed { error } => self
                .problems
                .insert(ACCEPT, format!("connections cannot be accepted: {error}"))
                .is_none(),
            NodeEvent::AcceptsAgain => self.problems.remove(ACCEPT).is_some(),
            _ => false,
        }
    }

    /// Returns what does not work now and is tried again: one sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.values().chain(self.unreached.values()).cloned().collect()
    }

    /// Returns what is wrong with a few of the bootstrap addresses, for a node that has met nobody.
    pub(crate) fn why_unreached(&self) -> Option<String> {
        let why: Vec<_> = self.unreached.values().take(3).map(String::as_str).collect();
        (!why.is_empty()).then(|| why.join("; "))
    }
}

impl NetworkArgs {
    /// Reads the key, and returns it with its public key.
    pub(crate) fn secret(&self) -> Result<(SecretKey, PublicKey), Failure> {
        Ok(keyfile::read(&self.key, &PassphraseArgs::in_file(self.passphrase_file.clone()))?)
    }

    /// Returns the signers that have a label.
    pub(crate) fn labelled(&self) -> impl Iterator<Item = PublicKey> {
        self.label.iter().map(|Text(labelled)| labelled.signer())
    }

    /// Returns whether there is anybody to dial, or an address that others could have been told.
    pub(crate) fn can_meet_anyone(&self) -> bool {
        !self.bootstrap.is_empty() || !self.listen.is_empty()
    }

    /// Starts a node.
    pub(crate) fn start(&self, secret: SecretKey) -> Result<Network, Failure> {
        let mut config = NodeConfig::default()
            .with_bootstrap_peers(self.bootstrap.iter().map(|Text(Peer(address))| address.clone()));
        if !self.listen.is_empty() {
            config = config.with_listen(self.listen.iter().map(|Text(address)| address.clone()));
        }
        if self.dial_private {
            config = config.with_dial_private(Some(true));
        }
        if let Some(file) = &self.identity {
            config = config.with_identity_file(file);
        }
        let labels = Table::of(&self.label)
            .map_err(|problem| Failure::Usage(format!("--label: {problem}")))?;
        Network::start(config, secret, Labels::new(labels, self.chain))
    }
}

impl Network {
    /// Starts a node.
    pub(crate) fn start(
        config: NodeConfig,
        secret: SecretKey,
        labels: Labels,
    ) -> Result<Self, Failure> {
        check_ports(&config)?;
        let names = labels.clone();
        let config =
            config.with_signer_names(move |signer| named(signer, names.of(signer).as_ref()));
        let (handle, events) = Node::start(descriptors::fit(config), [secret])?;
        Ok(Self {
            handle,
            told: Told::new(labels.clone()),
            labels,
            roster: Roster::default(),
            events,
            failed_dials: BTreeSet::new(),
            ignored: Ignored::default(),
            met_anyone: false,
            reach: watch::Sender::default(),
            changes: broadcast::Sender::new(MAX_CHANGES),
        })
    }
}

/// Logs whose key has another life, with the operator's label for it.
fn log_lives(event: &Event, view: &SessionView, labels: &Labels) {
    let signer =
        |index| Signer::at(view, index, labels).map(|signer| signer.in_full()).unwrap_or_default();
    let session = view.id;
    match event {
        Event::KeyInUseElsewhere { .. } => {
            let signer = signer(view.me);
            error!(%session, signer, "another process signs with this node's key: stop one of the two");
        }
        Event::AttemptRestarted { signers, restarts, .. } => {
            for &index in signers {
                let signer = signer(index);
                if index == view.me {
                    warn!(%session, signer, restarts, "this node joined the session before it was started, or another process has its key");
                } else {
                    warn!(%session, signer, restarts, "this signer lost its memory, or runs twice");
                }
            }
        }
        _ => {}
    }
}

impl Network {
    /// Returns the node's next event. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<NodeEvent, Failure> {
        self.events.next().await.ok_or(Failure::NodeStopped)
    }

    /// Returns a session's event, with the session as it stands unless nothing is left of it. Shows
    /// any other event.
    pub(crate) async fn digest(
        &mut self,
        event: NodeEvent,
        console: &Console,
    ) -> Result<Option<(Event, Option<SessionView>)>, Failure> {
        self.met_anyone |= matches!(event, NodeEvent::PeerConnected { .. });
        self.reach.send_if_modified(|reach| reach.follow(&event, &self.labels));
        self.roster.follow(&event);
        let step = match event {
            NodeEvent::Session(Event::SessionRefused { session, proposer, error }) => {
                if let Some(step) = self.refused(session, proposer, &error) {
                    console.step(None, &step)?;
                }
                return Ok(Some((Event::SessionRefused { session, proposer, error }, None)));
            }
            NodeEvent::Session(event) => {
                if matches!(event, Event::SessionDiscovered { .. } | Event::SessionComplete { .. })
                {
                    self.works(CLOCK, None);
                }
                let view = self.handle.session(event.session()).await?;
                if let Some(view) = &view {
                    self.notice(&event, view);
                    self.roster.follow_session(&event, view);
                }
                // Sending fails if nobody is following.
                let _ = self.changes.send(event.session());
                return Ok(Some((event, view)));
            }
            NodeEvent::Resumed { session } => match self.handle.session(session).await? {
                Some(view) => {
                    patience::resume(&self.handle, &view, &self.labels);
                    Step::SessionResumed(Box::new(Terms::of(&view, &self.labels)))
                }
                None => return Ok(None),
            },
            NodeEvent::Listening { address } => {
                console.show(&Line::Listening { address: &address, node: None })?;
                return Ok(None);
            }
            NodeEvent::ListenFailed { address, error, remaining: 0 } => {
                return Err(Failure::Listen { address, error });
            }
            NodeEvent::Offence { peer, signers, offence, consequence } if !console.is_json() => {
                self.ignored.add(peer, &AtPeer::of(&signers, &self.labels), &offence, &consequence);
                return Ok(None);
            }
            // The connection itself is reported.
            NodeEvent::BootstrapReached { .. } => return Ok(None),
            NodeEvent::DialFailed { ref error, .. } if self.failed_dials.contains(error) => {
                return Ok(None);
            }
            other => {
                if let NodeEvent::DialFailed { error, .. } = &other
                    && self.failed_dials.len() < MAX_FAILED_DIALS
                {
                    self.failed_dials.insert(error.clone());
                }
                Step::of_network(&other, &self.labels)
            }
        };
        console.step(None, &step)?;
        Ok(None)
    }

    /// Handles a session that this node cannot take part in. Shows nothing if the session is over:
    /// anyone can repeat an old announcement.
    fn refused(
        &self,
        session: SessionId,
        proposer: PublicKey,
        error: &ManifestError,
    ) -> Option<Step> {
        let label = self.labels.of(&proposer).map(Text);
        let signer = named(&proposer, label.as_ref());
        let (reason, error) = match error {
            ManifestError::Over(_) => return None,
            ManifestError::InFuture(ahead) => {
                let ahead_seconds = ahead.as_secs();
                warn!(%session, signer, ahead_seconds, "a signer's clock is ahead of this node's, and its session is not taken up: check the clock");
                let difference = format!("{ahead_seconds} s ahead of this node's");
                let problem = format!(
                    "the clock of signer {signer} is {difference}, and its sessions are not taken up: check both clocks"
                );
                self.works(CLOCK, Some(problem));
                ("clock", format!("the proposer's clock is {difference}: check both clocks"))
            }
            error => {
                warn!(%session, signer, %error, "a signer's session is beyond a limit of this node, and is not taken up: compare [protocol]");
                ("unsupported", error.to_string())
            }
        };
        Some(Step::SessionRefused {
            session: Session { session },
            public_key: proposer,
            label,
            reason,
            error,
        })
    }

    /// Logs what an operator should hear of at once.
    fn notice(&self, event: &Event, view: &SessionView) {
        log_lives(event, view, &self.labels);
        if let Event::KeyInUseElsewhere { session } = event {
            let problem = format!(
                "another process signs with this node's key, last in session {session}: stop one of the two"
            );
            self.works(KEY, Some(problem));
        }
        if let Event::SignerDeclined {
            signer,
            reason: reason @ DeclineReason::Clock { .. },
            session,
        } = event
            && let Some(Declined { signer, why, .. }) =
                Declined::at(view, *signer, *reason, &self.labels)
        {
            let signer = signer.in_full();
            warn!(%session, signer, why, "a signer cannot take part because two clocks differ: check both");
            self.works(
                CLOCK,
                Some(format!("{signer} cannot take part in this node's sessions: {why}")),
            );
        }
    }

    /// Notes that something works again, or does not work, for this reason.
    pub(crate) fn works(&self, what: &'static str, problem: Option<String>) {
        self.reach.send_if_modified(|reach| match problem {
            Some(problem) => {
                reach.problems.insert(what, problem.clone()).as_ref() != Some(&problem)
            }
            None => reach.problems.remove(what).is_some(),
        });
    }

    /// Returns a session as it stands.
    pub(crate) async fn session(&self, session: SessionId) -> Result<SessionView, Failure> {
        self.handle.session(session).await?.ok_or(Failure::Forgotten(session))
    }
}

/// Checks that every address to listen on is free.
pub(crate) fn check_ports(config: &NodeConfig) -> Result<(), Failure> {
    config.listen.iter().try_for_each(check_free)
}

/// Checks that an address is free. libp2p listens on TCP with SO_REUSEPORT, so that it can dial
/// from the same port. Two programs would then silently share a port, and each would get some of
/// the other's connections.
fn check_free(address: &Multiaddr) -> Result<(), Failure> {
    let mut protocols = address.iter();
    let ip = match protocols.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::from(ip),
        _ => return Ok(()),
    };
    let bound = match protocols.next() {
        Some(Protocol::Tcp(port @ 1..)) => bind(Type::STREAM, SocketAddr::new(ip, port)),
        Some(Protocol::Udp(port @ 1..)) => bind(Type::DGRAM, SocketAddr::new(ip, port)),
        _ => return Ok(()),
    };
    match bound {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(Failure::Listen { address: Some(address.clone()), error: error.to_string() })
        }
        // The node finds every other problem itself, and knows what to do on a host without IPv6.
        _ => Ok(()),
    }
}

/// Binds as the node does, but exclusively: an IPv6 address binds only IPv6. The port is released
/// at once.
fn bind(kind: Type, address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Otherwise, connections that were closed a moment ago would still hold the port.
    #[cfg(unix)]
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    if kind == Type::STREAM { socket.listen(1) } else { Ok(()) }
}

impl Written for Peer {
    const EXPECTED: &'static str = "an address to dial, such as /ip4/192.0.2.1/tcp/4001";

    fn read(text: &str) -> Result<Self, String> {
        let address = Multiaddr::read(text)?;
        let mut protocols = address.iter();
        match (protocols.next(), protocols.next()) {
            (Some(Protocol::P2p(_)) | None, _) => {
                Err("it does not say which host to dial: begin with /ip4/…, /ip6/…, /dns4/… or /dnsaddr/…".into())
            }
            // Such a name lists whole addresses.
            (Some(Protocol::Dnsaddr(_)), None | Some(Protocol::P2p(_))) => Ok(Self(address)),
            (Some(Protocol::Dnsaddr(_)), _) => {
                Err("what stands behind the name of a /dnsaddr are whole addresses: nothing follows it but /p2p/…".into())
            }
            (_, Some(Protocol::Tcp(1..) | Protocol::Udp(1..))) => Ok(Self(address)),
            _ => Err("it has no port to dial: write /tcp/4001 or /udp/4001/quic-v1 after the host, with the port that the node prints".into()),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Listens for SIGINT and SIGTERM. From its creation on, they end only what waits for them here.
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
        for signal in [SignalKind::interrupt(), SignalKind::terminate()] {
            terminal::handles(signal.as_raw_value());
        }
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Starts listening for them.
    #[cfg(not(unix))]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal, and returns the exit code that shells expect of a process that
    /// ends by it.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }

    /// Waits for the next signal.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
        130
    }
}
