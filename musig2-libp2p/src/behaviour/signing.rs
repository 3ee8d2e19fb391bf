//! The behaviour itself.

use super::conduct::{Conduct, Consequence, Via};
use super::event::{Acceptance, BehaviourEvent};
use super::signers::SignersByPeer;
use super::system::{entropy, now};
use super::timer::Timer;
use super::watch::{Watch, names_signers};
use crate::contact::PeerContact;
use crate::frames::{FrameLimits, LinkEvent, Links, Undelivered};
use libp2p::swarm::ConnectionDenied;
use libp2p::{Multiaddr, PeerId};
use musig2_proto::{
    Command, CommandError, Crypto, DefaultCrypto, Destination, Input, Node, Offence, Output, Phase,
    Proposal, PublicKey, Report, SessionId, Severity, Source,
};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// The most contacts of co-signers that are considered when choosing which connections to keep.
const MAX_NEEDED: usize = 4096;

/// Signing sessions, to compose into your own swarm.
///
/// It owns a core [`Node`], gives it the time and the operating system's entropy, and carries its
/// frames. It does not carry announcements: publish the bytes of [`BehaviourEvent::Publish`], and
/// pass what arrives on that topic to [`Behaviour::on_announcement`]. Use [`Command::SetContact`]
/// with a [`PeerContact`] to tell it where this node listens, and again whenever that changes.
///
/// Its protocol is [`PROTOCOL`](crate::PROTOCOL). In a swarm with connection limits, put the limits
/// first among the behaviours and allow two connections per peer (four if peers meet through
/// relays): when two peers dial each other at once, either connection may be the one that lasts.
/// This behaviour counts a connection only once the swarm says that it is established, so a
/// behaviour that denies connections may stand before or after this one.
///
/// | what happens | what follows |
/// |---|---|
/// | a peer sends what it should not | [`BehaviourEvent::Offence`] or [`BehaviourEvent::Churn`], with the [`Consequence`]: the peer is paused, disconnected or banned |
/// | a banned peer connects, or is dialled | the connection is denied with [`Banned`](crate::Banned), until the ban is over |
/// | frames do not leave | [`BehaviourEvent::Undelivered`] says why: no connection in time, a full queue, another protocol, … |
/// | a co-signer cannot be dialled, or its connection is lost | [`BehaviourEvent::DialFailed`], [`BehaviourEvent::ConnectionLost`] |
/// | a session is open | connections to its signers are kept, even if idle |
///
/// Give it publications only if gossipsub validates messages (as below) in all of your nodes: peers
/// assume that a node which relays forgeries does not validate.
///
#[cfg_attr(feature = "gossipsub", doc = "```")]
#[cfg_attr(not(feature = "gossipsub"), doc = "```ignore")]
/// use libp2p::{Swarm, gossipsub, swarm::NetworkBehaviour};
/// use musig2_libp2p::{Behaviour, BehaviourEvent, libp2p};
///
/// #[derive(NetworkBehaviour)]
/// struct Mine {
///     gossipsub: gossipsub::Behaviour, // with `validate_messages()`
///     signing: Behaviour,
/// }
///
/// fn on_event(swarm: &mut Swarm<Mine>, topic: &gossipsub::IdentTopic, event: MineEvent) {
///     let Mine { gossipsub, signing } = swarm.behaviour_mut();
///     match event {
///         MineEvent::Signing(BehaviourEvent::Publish(bytes)) => {
///             drop(gossipsub.publish(topic.clone(), bytes));
///         }
///         MineEvent::Signing(event) => println!("{event:?}"),
///         MineEvent::Gossipsub(gossipsub::Event::Message {
///             propagation_source: from, message_id, message,
///         }) => {
///             let acceptance = signing.on_announcement(from, message.data).into();
///             gossipsub.report_message_validation_result(&message_id, &from, acceptance);
///         }
///         MineEvent::Gossipsub(gossipsub::Event::Subscribed { .. }) => signing.on_subscribed(),
///         MineEvent::Gossipsub(_) => {}
///     }
/// }
/// ```
pub struct Behaviour<C: Crypto = DefaultCrypto> {
    pub(super) core: Node<C>,
    pub(super) links: Links,
    pub(super) timer: Timer,
    pub(super) conduct: Conduct,
    watch: Watch,
    /// The swarm empties this before it takes in anything more.
    pub(super) events: VecDeque<BehaviourEvent>,
    /// Something happened that may have changed which peers are needed for which sessions: see
    /// [`Behaviour::survey`].
    pub(super) changed: bool,
    /// For each co-signer's peer, the open sessions that need it.
    needed: HashMap<PeerId, Vec<SessionId>>,
    signers: SignersByPeer,
}

impl<C: Crypto> Behaviour<C> {
    /// Makes a behaviour for the swarm with this peer id.
    pub fn new(local: PeerId, core: Node<C>, config: FrameLimits) -> Self {
        let max_frame_size = core.config().max_frame_size;
        Self {
            core,
            timer: Timer::default(),
            conduct: Conduct::new(config.clone()),
            links: Links::new(local, config, max_frame_size),
            watch: Watch::default(),
            events: VecDeque::new(),
            changed: false,
            needed: HashMap::new(),
            signers: SignersByPeer::default(),
        }
    }

    /// Counts in these metrics. Each behaviour needs metrics of its own.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(mut self, metrics: crate::Metrics) -> Self {
        self.watch.metrics = metrics;
        self
    }

    /// Sets what the log calls a signer, next to the peer that the signer claims to be at. By
    /// default that is the signer's key.
    #[must_use]
    pub fn with_signer_names(
        mut self,
        name: impl Fn(&PublicKey) -> String + Send + Sync + 'static,
    ) -> Self {
        self.watch.name = Some(Arc::new(name));
        self
    }

    /// The core, for looking at sessions.
    pub fn core(&self) -> &Node<C> {
        &self.core
    }

    /// Returns signers that claim to be at this peer: a few of those that the core knows
    /// ([`Node::signers`]). The claim is unproven.
    pub fn signers_at(&mut self, peer: &PeerId) -> Vec<PublicKey> {
        self.signers.at(peer, &self.core)
    }

    /// The peers that are banned now: see [`FrameLimits::ban_time`].
    pub fn banned_peers(&self) -> impl Iterator<Item = PeerId> {
        self.conduct.banned(Instant::now())
    }

    /// Carries out a local order. Its results arrive as events.
    ///
    /// # Errors
    /// A misuse is a typed error and changes nothing.
    pub fn execute(&mut self, command: Command) -> Result<(), CommandError> {
        let outputs = self.core.execute(now(), &mut entropy(), command)?;
        self.changed = true;
        self.perform(outputs, Cause::Call);
        Ok(())
    }

    /// Creates a session, which is also this node's consent to sign it. Nobody hears of it before
    /// [`Command::AnnounceSession`].
    ///
    /// # Errors
    /// If the proposal is refused. Nothing has changed then.
    pub fn create_session(&mut self, proposal: Proposal) -> Result<SessionId, CommandError> {
        let (session, outputs) = self.core.create_session(now(), &mut entropy(), proposal)?;
        self.perform(outputs, Cause::Call);
        Ok(session)
    }

    /// Takes a publication from the announcement topic, and says whether to relay it. `from` is the
    /// last hop.
    pub fn on_announcement(&mut self, from: PeerId, bytes: Vec<u8>) -> Acceptance {
        self.watch.heard(&from, bytes.len());
        let outputs = self.core.handle(
            now(),
            &mut entropy(),
            Input::Announcement { from: source(from), bytes },
        );
        let worst = outputs.iter().filter_map(|output| match output {
            Output::Report(report) => Some(report.offence.severity()),
            _ => None,
        });
        let acceptance = Acceptance::from_worst(worst.max());
        self.perform(outputs, Cause::Publication);
        acceptance
    }

    /// Tells the core that a peer subscribed to the announcement topic. Without this call, a
    /// latecomer hears of a session only when it is next announced: after one second, then two,
    /// four and so on.
    pub fn on_subscribed(&mut self) {
        self.handle(Input::AudienceGrew);
    }

    /// Adds addresses where a peer may be found. If frames wait for the peer, it is dialled there
    /// at once; otherwise the addresses are forgotten.
    pub fn add_addresses(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        self.links.found(&peer, addresses);
    }

    /// Sends nothing more, and emits [`BehaviourEvent::Finished`] once connected peers have read what was
    /// sent.
    ///
    /// Poll the swarm until then, for as long as you care to wait (a peer may never read), and
    /// close the connections afterwards: whatever is in transit when a connection closes may be
    /// lost.
    pub fn finish(&mut self) {
        self.links.finish();
    }

    pub(super) fn handle(&mut self, input: Input) {
        let cause = match input {
            Input::Tick | Input::PeerConnected(_) => Cause::Time,
            _ => Cause::Call,
        };
        let outputs = self.core.handle(now(), &mut entropy(), input);
        self.perform(outputs, cause);
    }

    fn perform(&mut self, outputs: Vec<Output>, cause: Cause) {
        for output in outputs {
            match output {
                Output::Publish(bytes) => {
                    self.watch.published(bytes.len());
                    self.events.push_back(BehaviourEvent::Publish(bytes));
                }
                Output::Send { to, bytes } => self.send(&to, bytes, cause),
                Output::Event(event) => {
                    self.changed = true;
                    self.signers.forget();
                    let view = names_signers(&event)
                        .then(|| self.core.session(&event.session()))
                        .flatten();
                    self.watch.session(&event, view.as_ref());
                    self.events.push_back(BehaviourEvent::Session(event));
                }
                Output::Report(Report { source, offence, .. }) => {
                    if let Ok(peer) = PeerId::from_bytes(source.as_bytes()) {
                        self.report(peer, offence, cause);
                    }
                }
                // The core's enum may grow; this adapter cannot carry out an output that it does
                // not know.
                _ => {}
            }
        }
    }

    fn send(&mut self, to: &Destination, frame: Vec<u8>, cause: Cause) {
        let contact = match to {
            Destination::Source(source) => {
                PeerId::from_bytes(source.as_bytes()).ok().map(|peer| PeerContact::new(peer, []))
            }
            Destination::Contact(contact) => PeerContact::decode(contact).ok(),
        };
        // A signer whose contact does not decode cannot be sent to. It can still send frames to
        // this node, and is answered then.
        let Some(contact) = contact else { return };
        let peer = contact.peer();
        if self.conduct.check(&peer, Instant::now()).is_err() {
            return self.on_link_event(LinkEvent::Undelivered {
                peer,
                frames: 1,
                reason: Undelivered::Banned,
            });
        }
        self.watch.sent(&peer, frame.len(), cause == Cause::Time);
        self.links.send(peer, contact.addresses(), frame);
    }

    fn report(&mut self, peer: PeerId, offence: Offence, cause: Cause) {
        let via = if cause == Cause::Publication { Via::Publication } else { Via::Frame };
        let consequence = self.judge(peer, offence.severity(), via);
        let signers = self.signers.at(&peer, &self.core);
        self.watch.offence(&peer, &signers, &offence, consequence);
        self.events.push_back(BehaviourEvent::Offence { peer, offence, consequence });
    }

    fn judge(&mut self, peer: PeerId, severity: Severity, via: Via) -> Consequence {
        let now = Instant::now();
        let consequence = self.conduct.judge(peer, severity, via, now);
        match consequence {
            Consequence::None => {}
            Consequence::Paused(time) => self.links.pause(peer, time),
            Consequence::Disconnected => self.links.disconnect(peer),
            Consequence::Banned(_) => {
                self.links.disconnect(peer);
                self.watch.metrics.banned(self.conduct.banned(now).count());
            }
        }
        consequence
    }

    /// Denies a connection to a banned peer.
    ///
    /// # Errors
    /// If the peer is banned.
    pub(super) fn admit(&self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        self.conduct.check(peer, Instant::now()).map_err(ConnectionDenied::new)
    }

    pub(super) fn pardon(&mut self, peer: &PeerId) {
        self.watch.pardoned(peer);
        self.watch.metrics.banned(self.conduct.banned(Instant::now()).count());
    }

    /// Surveys the open sessions: how far each has come, and which connections to keep for them.
    pub(super) fn survey(&mut self) {
        let phase = |id: &SessionId| Some((self.core.session(id)?.phase, *id));
        let mut sessions: Vec<_> = self.watch.open().filter_map(phase).collect();
        self.watch.set_phases(&sessions);
        // Sessions that this node has not consented to come last: anyone may have made up their
        // contacts, and `MAX_NEEDED` must not be spent on those first.
        sessions.sort_unstable_by_key(|(phase, _)| *phase == Phase::Proposed);
        let contacts = sessions.iter().flat_map(|(_, id)| {
            self.core.co_signers(id).map(|contact| (*id, PeerContact::decode(contact)))
        });
        self.needed.clear();
        for (id, contact) in contacts.take(MAX_NEEDED) {
            if let Ok(contact) = contact {
                self.needed.entry(contact.peer()).or_default().push(id);
            }
        }
        self.links.pin(self.needed.keys().copied().collect());
    }

    pub(super) fn on_link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connected { peer } => {
                // The core may have learned of a contact by now without an event.
                self.changed = true;
                self.handle(Input::PeerConnected(source(peer)));
            }
            LinkEvent::Disconnected { peer } => {
                if let Some(sessions) = self.needed.get(&peer) {
                    let signers = self.signers.at(&peer, &self.core);
                    self.watch.connection_lost(&peer, &signers, sessions);
                    self.events.push_back(BehaviourEvent::ConnectionLost { peer });
                }
                self.handle(Input::PeerLost(source(peer)));
            }
            LinkEvent::Received { peer, frame } => {
                self.watch.received(&peer, frame.len());
                self.handle(Input::Frame { from: source(peer), bytes: frame });
            }
            LinkEvent::Oversize { peer, size } => {
                let max = self.core.config().max_frame_size;
                self.report(peer, Offence::TooLarge { size, max }, Cause::Call);
            }
            LinkEvent::Churn { peer } => {
                let consequence = self.judge(peer, Severity::Suspicious, Via::Frame);
                let signers = self.signers.at(&peer, &self.core);
                self.watch.churn(&peer, &signers, consequence);
                self.events.push_back(BehaviourEvent::Churn { peer, consequence });
            }
            LinkEvent::DialFailed { peer, error } => {
                let sessions = self.needed.get(&peer).map_or(&[][..], Vec::as_slice);
                let signers = self.signers.at(&peer, &self.core);
                self.watch.dial_failed(&peer, &signers, &error, sessions);
                self.events.push_back(BehaviourEvent::DialFailed { peer, error });
                self.handle(Input::PeerLost(source(peer)));
            }
            LinkEvent::Undelivered { peer, frames, reason } => {
                let signers = self.signers.at(&peer, &self.core);
                self.watch.undelivered(&peer, &signers, frames, reason);
                self.events.push_back(BehaviourEvent::Undelivered { peer, frames, reason });
                if reason == Undelivered::Unsupported {
                    self.handle(Input::PeerLost(source(peer)));
                }
            }
            LinkEvent::Finished => self.events.push_back(BehaviourEvent::Finished),
        }
    }
}

/// What caused outputs of the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// An order, or something that a peer sent itself.
    Call,
    /// Only time, or the return of a peer.
    Time,
    /// Something that a peer relayed.
    Publication,
}

fn source(peer: PeerId) -> Source {
    Source::new(peer.to_bytes())
}
