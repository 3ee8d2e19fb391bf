//! The behaviour itself.

use super::conduct::{Conduct, Consequence, Via};
use super::event::{Acceptance, Event};
use super::signers::SignersByPeer;
use super::system::{entropy, now};
use super::timer::Timer;
use super::watch::{Watch, names_signers};
use crate::contact::PeerContact;
use crate::frames::{Config, LinkEvent, Links, Undelivered};
use libp2p::swarm::ConnectionDenied;
use libp2p::{Multiaddr, PeerId};
use musig2_proto::{
    Command, CommandError, Crypto, DefaultCrypto, Destination, Input, Node, Offence, Output, Phase,
    Proposal, PublicKey, Report, SessionId, Severity, Source,
};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// How many contacts of co-signers are looked at, to keep their connections.
const MAX_NEEDED: usize = 4096;

/// Signing sessions, to compose into one's own swarm.
///
/// It owns a core [`Node`], tells it the time and the operating system's entropy, and carries its frames. It does not
/// carry announcements: publish what [`Event::Publish`] says, and give what comes on that topic to [`Behaviour::on_announcement`].
/// Tell it with [`Command::SetContact`] and a [`PeerContact`] where this node listens, and again when that changes.
///
/// Its protocol is [`PROTOCOL`](crate::PROTOCOL). In a swarm with connection limits, put these first among the behaviours and allow two
/// connections per peer (four where peers meet through relays): when two peers dial each other at once, either may be the one that lasts. A connection counts here once the swarm says that it is
/// established, so a behaviour that denies it may stand before or after this one.
///
/// | what happens | what comes of it |
/// |---|---|
/// | a peer sends what it should not | [`Event::Offence`] or [`Event::Churn`], with the [`Consequence`]: it is paused, disconnected, banned |
/// | a banned peer connects, or is dialled | the connection is denied with [`Banned`](crate::Banned), until the ban is over |
/// | frames do not leave | [`Event::Undelivered`] says why: no connection in time, a full queue, another protocol, … |
/// | a co-signer cannot be dialled, or its connection is lost | [`Event::DialFailed`], [`Event::ConnectionLost`] |
/// | a session is open | connections to its signers are kept, however idle |
///
/// Give publications to it only where gossipsub validates messages (as below) in all of your nodes: a peer that passes on what is forged is taken for one that does not look.
///
#[cfg_attr(feature = "gossipsub", doc = "```")]
#[cfg_attr(not(feature = "gossipsub"), doc = "```ignore")]
/// use libp2p::{Swarm, gossipsub, swarm::NetworkBehaviour};
/// use musig2_libp2p::{Behaviour, Event, libp2p};
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
///         MineEvent::Signing(Event::Publish(bytes)) => drop(gossipsub.publish(topic.clone(), bytes)),
///         MineEvent::Signing(event) => println!("{event:?}"),
///         MineEvent::Gossipsub(gossipsub::Event::Message { propagation_source: from, message_id, message }) => {
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
    /// Emptied by the swarm before it takes in anything more.
    pub(super) events: VecDeque<Event>,
    /// Something happened that may have changed who is needed for what: see [`Behaviour::survey`].
    pub(super) changed: bool,
    /// The open sessions for which each co-signer is needed.
    needed: HashMap<PeerId, Vec<SessionId>>,
    signers: SignersByPeer,
}

impl<C: Crypto> Behaviour<C> {
    /// For the swarm with this peer id.
    pub fn new(local: PeerId, core: Node<C>, config: Config) -> Self {
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

    /// Counts here. Each behaviour needs metrics of its own.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn with_metrics(mut self, metrics: crate::Metrics) -> Self {
        self.watch.metrics = metrics;
        self
    }

    /// What to call a signer in the log beside a peer that it says to be. Without this it is called by its key.
    #[must_use]
    pub fn with_signer_names(
        mut self,
        name: impl Fn(&PublicKey) -> String + Send + Sync + 'static,
    ) -> Self {
        self.watch.name = Some(Arc::new(name));
        self
    }

    /// The core, to look at sessions.
    pub fn core(&self) -> &Node<C> {
        &self.core
    }

    /// The signers that say they are at this peer, a few of those that the core knows ([`Node::signers`]). It is their word: nothing shows that it is so.
    pub fn signers_at(&mut self, peer: &PeerId) -> Vec<PublicKey> {
        self.signers.at(peer, &self.core)
    }

    /// The peers that are banned now: see [`Config::ban_time`].
    pub fn banned_peers(&self) -> impl Iterator<Item = PeerId> {
        self.conduct.banned(Instant::now())
    }

    /// A local order. What comes of it arrives as events.
    ///
    /// # Errors
    /// A misuse is a typed error and changes nothing.
    pub fn execute(&mut self, command: Command) -> Result<(), CommandError> {
        let outputs = self.core.execute(now(), &mut entropy(), command)?;
        self.changed = true;
        self.perform(outputs, Cause::Call);
        Ok(())
    }

    /// Creates a session, which is consent to sign it. Nobody hears of it before [`Command::AnnounceSession`].
    ///
    /// # Errors
    /// Where the proposal is refused; nothing changed then.
    pub fn create_session(&mut self, proposal: Proposal) -> Result<SessionId, CommandError> {
        let outputs = self.core.execute(now(), &mut entropy(), Command::CreateSession(proposal))?;
        let created = outputs.iter().find_map(|output| match output {
            Output::Event(musig2_proto::Event::SessionCreated { session }) => Some(*session),
            _ => None,
        });
        self.perform(outputs, Cause::Call);
        Ok(created.expect("`CreateSession` answers with `SessionCreated`"))
    }

    /// Takes a publication from the announcement topic, and says whether to pass it on. `from` is the last hop.
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

    /// Tells that a peer subscribed to the announcement topic. Without it, who comes late hears of a session only when it is next announced: after a
    /// second, then two, four and so on.
    pub fn on_subscribed(&mut self) {
        self.handle(Input::AudienceGrew);
    }

    /// Tells where a peer may be found. Where frames wait for it, it is dialled there at once; otherwise this is forgotten.
    pub fn add_addresses(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        self.links.found(&peer, addresses);
    }

    /// Sends nothing more, and says with [`Event::Finished`] when connected peers have read what was sent. Poll the swarm until
    /// then, for as long as you care to wait (a peer may never read), and close the connections after it: whatever is on its way
    /// when a connection closes may be lost.
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
                    self.events.push_back(Event::Publish(bytes));
                }
                Output::Send { to, bytes } => self.send(&to, bytes, cause),
                Output::Event(event) => {
                    self.changed = true;
                    self.signers.forget();
                    let view = names_signers(&event)
                        .then(|| self.core.session(&event.session()))
                        .flatten();
                    self.watch.session(&event, view.as_ref());
                    self.events.push_back(Event::Session(event));
                }
                Output::Report(Report { source, offence }) => {
                    if let Ok(peer) = PeerId::from_bytes(source.as_bytes()) {
                        self.report(peer, offence, cause);
                    }
                }
                // The core's enum may grow; what this adapter does not know it cannot do.
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
        // A signer with a contact that is none cannot be sent to; it can still send here, and is answered then.
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
        self.events.push_back(Event::Offence { peer, offence, consequence });
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

    /// # Errors
    /// Where the peer is banned.
    pub(super) fn admit(&self, peer: &PeerId) -> Result<(), ConnectionDenied> {
        self.conduct.check(peer, Instant::now()).map_err(ConnectionDenied::new)
    }

    pub(super) fn pardon(&mut self, peer: &PeerId) {
        self.watch.pardoned(peer);
        self.watch.metrics.banned(self.conduct.banned(Instant::now()).count());
    }

    /// Looks at the open sessions: how far they are, and whose connections are to be kept for them.
    pub(super) fn survey(&mut self) {
        let phase = |id: &SessionId| Some((self.core.session(id)?.phase, *id));
        let mut sessions: Vec<_> = self.watch.open().filter_map(phase).collect();
        self.watch.set_phases(&sessions);
        // Those that this node has not consented to come last: their contacts may be anyone's claims.
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
                // A contact may be known by now that no event told of.
                self.changed = true;
                self.handle(Input::PeerConnected(source(peer)));
            }
            LinkEvent::Disconnected { peer } => {
                if let Some(sessions) = self.needed.get(&peer) {
                    let signers = self.signers.at(&peer, &self.core);
                    self.watch.connection_lost(&peer, &signers, sessions);
                    self.events.push_back(Event::ConnectionLost { peer });
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
                self.events.push_back(Event::Churn { peer, consequence });
            }
            LinkEvent::DialFailed { peer, error } => {
                let sessions = self.needed.get(&peer).map_or(&[][..], Vec::as_slice);
                let signers = self.signers.at(&peer, &self.core);
                self.watch.dial_failed(&peer, &signers, &error, sessions);
                self.events.push_back(Event::DialFailed { peer, error });
                self.handle(Input::PeerLost(source(peer)));
            }
            LinkEvent::Undelivered { peer, frames, reason } => {
                let signers = self.signers.at(&peer, &self.core);
                self.watch.undelivered(&peer, &signers, frames, reason);
                self.events.push_back(Event::Undelivered { peer, frames, reason });
                if reason == Undelivered::Unsupported {
                    self.handle(Input::PeerLost(source(peer)));
                }
            }
            LinkEvent::Finished => self.events.push_back(Event::Finished),
        }
    }
}

/// What outputs of the core come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// An order, or what a peer itself sent.
    Call,
    /// Only time, or a peer's return.
    Time,
    /// What a peer passed on.
    Publication,
}

fn source(peer: PeerId) -> Source {
    Source::new(peer.to_bytes())
}
