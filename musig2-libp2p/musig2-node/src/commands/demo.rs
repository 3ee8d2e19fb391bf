//! `musig2-node demo`: real nodes on this machine find each other and sign.

use crate::console::Console;
use crate::failure::Failure;
use crate::keys::keyfile;
use crate::model::ending::Ending;
use crate::model::labels::Labels;
use crate::model::line::Line;
use crate::model::result::SessionResult;
use crate::model::steps::{InSession, Step};
use crate::model::transport::Transport;
use crate::model::verification;
use crate::system::descriptors;
use crate::text::names::names;
use clap::Args;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::{BoxStream, SelectAll};
use musig2_libp2p::libp2p::multiaddr::Protocol;
use musig2_libp2p::libp2p::{Multiaddr, PeerId};
use musig2_libp2p::musig2_proto::{
    Audience, ChainCode, Command, Config, DerivationPath, Event, Item, MerkleRoot, Message,
    Proposal, PublicKey, SecretKey, SessionId, SessionView, Topology, Tweak,
};
use musig2_libp2p::{Handle, Node, NodeConfig, NodeEvent};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::timeout;

/// A few nodes take less than a second. What has not happened by then will not happen.
const DEADLINE: Duration = Duration::from_secs(60);
/// How much longer to allow for each pair of nodes, on a slow machine: each signer checks what
/// every other one says.
const EACH_PAIR: Duration = Duration::from_millis(50);

/// More signers than this sign through the proposer. If all send to all, there are n² connections;
/// with 30 nodes in one process, those were nine tenths of the work.
const MOST_IN_MESH: usize = 8;

/// The node whose address everybody knows.
const BOOTSTRAP: usize = 0;

/// The proposer in a mesh: a node that has to find the others.
const SEEKER: usize = 1;

/// Watch real nodes on this machine find one another and sign
///
/// Starts nodes on 127.0.0.1, all in this process, each with a new key and its own sockets. Each
/// knows only the address of the first one. One node proposes messages, the others approve, and all
/// end up with the signatures, which are then verified independently. Up to eight nodes all send to
/// each other; more send through the proposer (the topology `hub`). Needs no setup, and leaves
/// nothing behind.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node demo
  musig2-node demo --signers 7 --items 4 --transport quic
  musig2-node demo --json | musig2-node verify -

The items cycle through: no tweak, BIP86, a taproot script root, and a BIP328 child key as a BIP86 output.
Exit code: 0 if every node got signatures that verify, 1 if not.")]
pub(crate) struct DemoArgs {
    /// Number of nodes that sign together
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=100))]
    signers: u16,
    /// Number of messages that they sign, all in one session
    #[arg(long, value_name = "K", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    items: u16,
    /// How the nodes connect
    #[arg(long, value_enum, default_value_t = Transport::Tcp)]
    transport: Transport,
}

/// Runs the command.
pub(crate) async fn run(args: &DemoArgs, console: &Console) -> Result<(), Failure> {
    let (signers, items) = (usize::from(args.signers), usize::from(args.items));
    console.step(None, &Step::DemoStarted { signers, items, transport: args.transport })?;
    descriptors::allow_demo(signers);
    let mut demo = Demo::new(console);
    let deadline =
        DEADLINE + EACH_PAIR * (u32::from(args.signers) * u32::from(args.signers - 1) / 2);
    let played = timeout(deadline, demo.play(signers, items, args.transport)).await;
    let outcome = match played {
        Ok(outcome) => outcome,
        Err(_) => Err(Failure::Demo { seconds: deadline.as_secs(), state: demo.state().await }),
    };
    join_all(demo.nodes.iter().map(Handle::stop)).await;
    conclude(console, &outcome?)
}

/// Checks the result, and shows it.
fn conclude(console: &Console, result: &SessionResult) -> Result<(), Failure> {
    let verdicts = verification::check(result)?;
    let items = verdicts.len();
    let bad: Vec<_> = verdicts.into_iter().filter(|verdict| !verdict.valid).collect();
    if !bad.is_empty() {
        let invalid = bad.len();
        bad.into_iter().try_for_each(|verdict| console.show(&Line::Verified(verdict)))?;
        return Err(Failure::Invalid { invalid, items });
    }
    let verified = Step::VerifiedIndependently { items };
    // The result ends the JSON lines; but people want to see it first.
    if console.is_json() {
        console.step(None, &verified)?;
        return console.show(&Line::Result(result));
    }
    console.show(&Line::Result(result))?;
    console.step(None, &verified)
}

struct Demo<'a> {
    console: &'a Console,
    /// By place, which is also the signer's index.
    nodes: Vec<Handle>,
    /// The place of each peer id.
    peers: BTreeMap<PeerId, usize>,
    events: SelectAll<BoxStream<'static, (usize, Result<Told, Failure>)>>,
    /// Pairs that are or were connected, the smaller place first.
    met: BTreeSet<(usize, usize)>,
    /// The nodes that have the signatures.
    complete: BTreeSet<usize>,
    session: Option<SessionId>,
}

impl<'a> Demo<'a> {
    fn new(console: &'a Console) -> Self {
        Self {
            console,
            nodes: Vec::new(),
            peers: BTreeMap::new(),
            events: SelectAll::new(),
            met: BTreeSet::new(),
            complete: BTreeSet::new(),
            session: None,
        }
    }

    /// Goes from nothing to signatures on every node.
    async fn play(
        &mut self,
        signers: usize,
        items: usize,
        transport: Transport,
    ) -> Result<SessionResult, Failure> {
        let mut keys = (0..signers).map(|_| keyfile::generate()).collect::<Result<Vec<_>, _>>()?;
        // Sort them as the session does, so that a node's place is its signer's index.
        keys.sort_by_key(|(_, public)| *public);
        let proposal = propose(keys.iter().map(|(_, public)| *public), items)?;

        let mut bootstrap = Vec::new();
        for (secret, _) in keys {
            self.start(secret, signers, &bootstrap, transport)?;
            while bootstrap.is_empty() {
                bootstrap.extend(self.step().await?.address);
            }
        }
        while (0..signers)
            .any(|place| place != BOOTSTRAP && !self.met.contains(&(BOOTSTRAP, place)))
        {
            self.step().await?;
        }

        // A hub knows its signers. If another signer proposed, all would dial it at once while it
        // dials them.
        let proposer = if is_mesh(signers) { SEEKER } else { BOOTSTRAP };
        let proposer = self.nodes[proposer].clone();
        let session = proposer.create_session(proposal).await?;
        self.session = Some(session);
        proposer
            .execute(Command::AnnounceSession { session, audience: Audience::Everyone })
            .await?;
        loop {
            let result = self.step().await?.result;
            if let Some(result) = result.filter(|_| self.complete.len() == signers) {
                return Ok(result);
            }
        }
    }

    fn start(
        &mut self,
        secret: SecretKey,
        signers: usize,
        bootstrap: &[Multiaddr],
        transport: Transport,
    ) -> Result<(), Failure> {
        let defaults = Config::default();
        let most = defaults.max_signers.max(signers);
        let is_mesh = is_mesh(signers);
        let topology = if is_mesh { Topology::Mesh } else { Topology::Hub };
        let config = NodeConfig::default()
            .with_listen([transport.loopback()])
            .with_bootstrap_peers(bootstrap.iter().cloned())
            // The hash table would connect all to all, too. The announcement already says where the
            // proposer is.
            .with_enable_dht(is_mesh)
            .with_protocol(defaults.with_max_signers(most).with_topology(topology));
        let (handle, events) = Node::start(config, [secret])?;
        let place = self.nodes.len();
        self.peers.insert(handle.peer_id(), place);
        self.nodes.push(handle.clone());
        let wants_all = self.console.is_json();
        // Each node handles its own events in parallel: a hundred nodes keep two processors busy,
        // and waiting for one node here would keep all the others waiting.
        let told = events.then(move |event| answer(handle.clone(), event, wants_all));
        self.events.push(told.map(move |told| (place, told)).boxed());
        Ok(())
    }

    /// Handles one event of one node.
    async fn step(&mut self) -> Result<Brought, Failure> {
        let (place, told) = self.events.next().await.ok_or(Failure::NodeStopped)?;
        let mut progress = Brought::default();
        match told? {
            Told::Session(event, view) => {
                progress.result = self.session_event(place, &event, &view)?;
            }
            Told::Network(event) => progress.address = self.network_event(place, event)?,
            Told::Nothing => {}
        }
        Ok(progress)
    }

    /// Shows an event, and returns the address if a node listens.
    fn network_event(
        &mut self,
        place: usize,
        event: NodeEvent,
    ) -> Result<Option<Multiaddr>, Failure> {
        match event {
            NodeEvent::Listening { address } => {
                self.console.show(&Line::Listening { address: &address, node: Some(place) })?;
                return Ok(Some(address));
            }
            NodeEvent::PeerConnected { peer, .. } => {
                let peer_node = self.peers.get(&peer).copied();
                let is_new = peer_node
                    .is_none_or(|other| self.met.insert((place.min(other), place.max(other))));
                // A person needs to be told only once that a pair is connected.
                if is_new || self.console.is_json() {
                    self.console.step(
                        Some(place),
                        &Step::PeerConnected {
                            peer: peer.to_string(),
                            signers: Vec::new(),
                            peer_node,
                        },
                    )?;
                }
            }
            NodeEvent::ListenFailed { address, error, .. } => {
                return Err(Failure::Listen { address, error });
            }
            // The connection itself is reported.
            NodeEvent::BootstrapReached { .. } => {}
            other => {
                self.console.step(Some(place), &Step::of_network(&other, &Labels::default()))?;
            }
        }
        Ok(None)
    }

    /// Shows an event, and returns the result of a complete session.
    fn session_event(
        &mut self,
        place: usize,
        event: &Event,
        view: &SessionView,
    ) -> Result<Option<SessionResult>, Failure> {
        self.console.step(Some(place), &Step::of(event, view, &Labels::default()))?;
        match event {
            Event::SessionDiscovered { session } => {
                self.console
                    .step(Some(place), &Step::SessionJoined(InSession { session: *session }))?;
            }
            Event::SessionComplete { signatures, .. } => {
                self.complete.insert(place);
                return Ok(Some(SessionResult::of(view, signatures)));
            }
            Event::SessionAborted { cause, released, .. } => {
                let ending = Box::new(Ending::of(view, cause, *released, &Labels::default()));
                return Err(Failure::Session { ending, hint: None });
            }
            _ => {}
        }
        Ok(None)
    }

    /// Describes the state of all nodes, for when nothing moves on.
    async fn state(&self) -> String {
        let Some(session) = self.session else {
            let lost = (0..self.nodes.len())
                .filter(|place| *place != BOOTSTRAP && !self.met.contains(&(BOOTSTRAP, *place)))
                .map(|place| place.to_string());
            return format!(
                "not connected to signer {BOOTSTRAP}: signers {}",
                lost.collect::<Vec<_>>().join(", ")
            );
        };
        let mut text = String::new();
        for (place, node) in self.nodes.iter().enumerate() {
            let state = match node.session(session).await {
                Ok(Some(view)) if view.awaiting.is_empty() => view.phase.as_str().into(),
                Ok(Some(view)) => {
                    let awaited: Vec<_> = view.awaiting.iter().map(|signer| signer.get()).collect();
                    format!("{}, waiting for {}", view.phase, names(&awaited))
                }
                Ok(None) => "has not heard of the session".into(),
                Err(error) => error.to_string(),
            };
            text.push_str(&format!("\n  signer {place}: {state}"));
        }
        text
    }
}

/// An event, with the session that the node returned for it.
enum Told {
    Session(Event, Box<SessionView>),
    Network(NodeEvent),
    /// An event that nobody wants to see.
    Nothing,
}

/// Approves discovered sessions, and looks up the session of each event.
async fn answer(node: Handle, event: NodeEvent, wants_all: bool) -> Result<Told, Failure> {
    let NodeEvent::Session { event, view } = event else { return Ok(Told::Network(event)) };
    if !wants_all && !is_milestone(&event) {
        return Ok(Told::Nothing);
    }
    let session = event.session();
    let view = view.ok_or(Failure::Forgotten(session))?;
    if matches!(event, Event::SessionDiscovered { .. }) {
        node.execute(Command::JoinSession { session }).await?;
    }
    Ok(Told::Session(event, view))
}

/// What one event brought.
#[derive(Default)]
struct Brought {
    /// An address at which a node listens.
    address: Option<Multiaddr>,
    /// The result of a node that is complete.
    result: Option<SessionResult>,
}

/// Returns whether a person wants to see this event of every node. Single nonces and signatures
/// would drown out the rest.
fn is_milestone(event: &Event) -> bool {
    !matches!(
        event,
        Event::NonceReceived { .. }
            | Event::PartialSigReceived { .. }
            | Event::SignerJoined { .. }
            | Event::SessionReady { .. }
    )
}

fn is_mesh(signers: usize) -> bool {
    signers <= MOST_IN_MESH
}

/// Proposes random messages, under keys of every kind.
fn propose(signers: impl Iterator<Item = PublicKey>, items: usize) -> Result<Proposal, Failure> {
    let child =
        |number| DerivationPath::new(vec![0, number]).unwrap_or_else(|_| DerivationPath::empty());
    (0..).take(items).try_fold(Proposal::new(signers), |proposal, number: u32| {
        let tweaks = match number % 4 {
            0 => vec![],
            1 => vec![Tweak::BIP86],
            2 => vec![Tweak::Taproot { merkle_root: Some(MerkleRoot::new(random()?)) }],
            _ => vec![
                Tweak::Bip32 { chain_code: ChainCode::BIP328, path: child(number) },
                Tweak::BIP86,
            ],
        };
        let item = Item::new(Message::new(random()?));
        Ok(proposal.with_item(item.clone().with_tweaks(tweaks).unwrap_or(item)))
    })
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(keyfile::KeyFileError::Entropy)?;
    Ok(bytes)
}

impl Transport {
    /// Returns an address with a free port on this machine.
    fn loopback(self) -> Multiaddr {
        let start = Multiaddr::empty().with(Protocol::Ip4(Ipv4Addr::LOCALHOST));
        match self {
            Self::Tcp => start.with(Protocol::Tcp(0)),
            Self::Quic => start.with(Protocol::Udp(0)).with(Protocol::QuicV1),
        }
    }
}
