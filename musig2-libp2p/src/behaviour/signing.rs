//! The behaviour itself.

use super::event::{Acceptance, Event};
use super::system::{entropy, now};
use super::timer::Timer;
use crate::contact::PeerContact;
use crate::frames::{Config, Handler, LinkEvent, Links};
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use musig2_proto::{
    Command, CommandError, Crypto, DefaultCrypto, Destination, Input, Node, Offence, Output, Proposal,
    Report, SessionId, Severity, Source,
};
use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};

/// Signing sessions, to compose into one's own swarm.
///
/// It owns a core [`Node`], tells it the time and the operating system's entropy, and carries its frames. It does not
/// carry announcements: publish what [`Event::Publish`] says, and give what comes on that topic to [`Behaviour::on_announcement`].
/// Tell it with [`Command::SetContact`] and a [`PeerContact`] where this node listens, and again when that changes.
///
/// Its protocol is [`PROTOCOL`](crate::PROTOCOL). In a swarm with connection limits, put these first among the behaviours and allow two
/// connections per peer: when two peers dial each other at once, either may be the one that lasts.
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
    core: Node<C>,
    pub(super) links: Links,
    timer: Timer,
    /// Of connected peers alone.
    offences: HashMap<PeerId, u32>,
    max_offences: u32,
    /// Emptied by the swarm before it takes in anything more.
    events: VecDeque<Event>,
}

impl<C: Crypto> Behaviour<C> {
    /// For the swarm with this peer id.
    pub fn new(local: PeerId, core: Node<C>, config: Config) -> Self {
        let max_frame_size = core.config().max_frame_size;
        Self {
            core,
            timer: Timer::default(),
            offences: HashMap::new(),
            max_offences: config.max_offences,
            links: Links::new(local, config, max_frame_size),
            events: VecDeque::new(),
        }
    }

    /// The core, to look at sessions.
    pub fn core(&self) -> &Node<C> {
        &self.core
    }

    /// A local order. What comes of it arrives as events.
    ///
    /// # Errors
    /// A misuse is a typed error and changes nothing.
    pub fn execute(&mut self, command: Command) -> Result<(), CommandError> {
        let outputs = self.core.execute(now(), &mut entropy(), command)?;
        self.perform(outputs);
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
        self.perform(outputs);
        Ok(created.expect("`CreateSession` answers with `SessionCreated`"))
    }

    /// Takes a publication from the announcement topic, and says whether to pass it on. `from` is the last hop.
    pub fn on_announcement(&mut self, from: PeerId, bytes: Vec<u8>) -> Acceptance {
        let outputs =
            self.core.handle(now(), &mut entropy(), Input::Announcement { from: source(from), bytes });
        let worst = outputs.iter().filter_map(|output| match output {
            Output::Report(report) => Some(report.offence.severity()),
            _ => None,
        });
        let acceptance = Acceptance::from_worst(worst.max());
        self.perform(outputs);
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

    fn handle(&mut self, input: Input) {
        let outputs = self.core.handle(now(), &mut entropy(), input);
        self.perform(outputs);
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Publish(bytes) => self.events.push_back(Event::Publish(bytes)),
                Output::Send { to, bytes } => self.send(&to, bytes),
                Output::Event(event) => self.events.push_back(Event::Session(event)),
                Output::Report(Report { source, offence }) => {
                    if let Ok(peer) = PeerId::from_bytes(source.as_bytes()) {
                        self.report(peer, offence);
                    }
                }
                // The core's enum may grow; what this adapter does not know it cannot do.
                _ => {}
            }
        }
    }

    fn send(&mut self, to: &Destination, frame: Vec<u8>) {
        match to {
            Destination::Source(source) => {
                if let Ok(peer) = PeerId::from_bytes(source.as_bytes()) {
                    self.links.send(peer, &[], frame);
                }
            }
            // A signer with a contact that is none cannot be sent to; it can still send here, and is answered then.
            Destination::Contact(contact) => {
                if let Ok(contact) = PeerContact::decode(contact) {
                    self.links.send(contact.peer(), contact.addresses(), frame);
                }
            }
        }
    }

    fn report(&mut self, peer: PeerId, offence: Offence) {
        if offence.severity() == Severity::Malicious
            && let Some(offences) = self.offences.get_mut(&peer)
        {
            *offences += 1;
            if *offences == self.max_offences {
                self.links.disconnect(peer);
            }
        }
        self.events.push_back(Event::Offence { peer, offence });
    }

    fn on_link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connected { peer } => {
                self.offences.insert(peer, 0);
                self.handle(Input::PeerConnected(source(peer)));
            }
            LinkEvent::Disconnected { peer } => {
                self.offences.remove(&peer);
                self.handle(Input::PeerLost(source(peer)));
            }
            LinkEvent::Received { peer, frame } => {
                self.handle(Input::Frame { from: source(peer), bytes: frame });
            }
            LinkEvent::Oversize { peer, size } => {
                let max = self.core.config().max_frame_size;
                self.report(peer, Offence::TooLarge { size, max });
            }
            LinkEvent::DialFailed { peer, error } => self.events.push_back(Event::DialFailed { peer, error }),
            LinkEvent::Undelivered { peer, frames, reason } => {
                self.events.push_back(Event::Undelivered { peer, frames, reason });
            }
            LinkEvent::Finished => self.events.push_back(Event::Finished),
        }
    }
}

impl<C: Crypto + 'static> NetworkBehaviour for Behaviour<C> {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.links.new_handler())
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        Ok(peer.map(|peer| self.links.addresses(&peer)).unwrap_or_default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.links.new_handler())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.links.on_swarm_event(&event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, _: ConnectionId, notice: THandlerOutEvent<Self>) {
        self.links.on_notice(peer, notice);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            while let Some(event) = self.links.next_event() {
                self.on_link_event(event);
            }
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(ToSwarm::GenerateEvent(event));
            }
            if let Poll::Ready(action) = self.links.poll(context) {
                return Poll::Ready(action.map_out(|never| match never {}));
            }
            if self.timer.poll(self.core.next_deadline(), context).is_ready() {
                self.handle(Input::Tick);
            } else if !self.links.has_events() {
                return Poll::Pending;
            }
        }
    }
}

fn source(peer: PeerId) -> Source {
    Source::new(peer.to_bytes())
}
