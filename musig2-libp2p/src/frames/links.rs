//! All connections, as one place to send frames to peers.

use super::FrameLimits;
use super::event::{LinkEvent, Undelivered};
use super::handler::{Command, Handler, Notice};
use super::waiting::{Due, Waiting};
use futures::FutureExt;
use futures_timer::Delay;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{
    CloseConnection, ConnectionId, DialError, DialFailure, FromSwarm, NotifyHandler, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The most frames on their way to handlers. A frame stays here only while a connection is too busy
/// to take it.
const MAX_UNDERWAY: usize = 4096;

/// Sends frames to peers and reports what comes from them, over any number of connections.
///
/// Frames to a peer all go over the first of its connections for as long as that lasts, so that
/// they stay in order, or until there is one without a relay. Frames from a peer are taken on every
/// connection. A peer that is not connected is dialled. All state is about a connected peer, or
/// bounded by the configuration.
#[derive(Debug)]
pub(crate) struct Links {
    config: FrameLimits,
    max_frame_size: usize,
    /// The connections of each connected peer: at least one, those through relays last. Frames go
    /// over the first.
    connected: HashMap<PeerId, Vec<Connection>>,
    /// Connected peers whose connections are all being closed: nothing more is taken from them.
    cut_off: HashSet<PeerId>,
    /// Peers whose connections are kept.
    pinned: HashSet<PeerId>,
    waiting: Waiting,
    /// Connections that may still have something to send before this node finishes.
    finishing: Option<HashSet<ConnectionId>>,
    events: VecDeque<LinkEvent>,
    actions: VecDeque<ToSwarm<Infallible, Command>>,
    /// How many of `actions` carry frames.
    underway: usize,
    /// The next time at which something in `waiting` is due, and a timer for it.
    timer: Option<(Instant, Delay)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Connection {
    id: ConnectionId,
    is_relayed: bool,
}

impl Links {
    pub(crate) fn new(local: PeerId, config: FrameLimits, max_frame_size: usize) -> Self {
        Self {
            waiting: Waiting::new(local, config.clone()),
            config,
            max_frame_size,
            connected: HashMap::new(),
            cut_off: HashSet::new(),
            pinned: HashSet::new(),
            finishing: None,
            events: VecDeque::new(),
            actions: VecDeque::new(),
            underway: 0,
            timer: None,
        }
    }

    /// Makes the handler of a new connection, which counts only once the swarm says that it is
    /// established.
    pub(crate) fn new_handler(&self) -> Handler {
        Handler::new(self.config.clone(), self.max_frame_size)
    }

    /// Sends a frame. The addresses are where the peer may be found if it is not connected, besides
    /// those that other behaviours know.
    pub(crate) fn send(&mut self, peer: PeerId, addresses: &[Multiaddr], frame: Vec<u8>) {
        let connection = self
            .connected
            .get(&peer)
            .and_then(|connections| connections.first())
            .map(|first| first.id);
        let taken = match connection {
            // The connection is about to close, and would lose the frame without a report.
            _ if self.finishing.is_some() || self.cut_off.contains(&peer) => {
                Err(Undelivered::ConnectionLost)
            }
            Some(connection) => self.pass_on(peer, connection, frame),
            None => self.waiting.push(peer, addresses, frame, Instant::now()),
        };
        if let Err(reason) = taken {
            self.events.push_back(LinkEvent::Undelivered { peer, frames: 1, reason });
        }
    }

    /// Returns where a peer may be found that frames wait for.
    pub(crate) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.waiting.addresses(peer)
    }

    /// Dials the peer at these addresses too, if frames wait for it.
    pub(crate) fn found(&mut self, peer: &PeerId, addresses: &[Multiaddr]) {
        self.waiting.found(peer, addresses, Instant::now());
    }

    /// Closes all connections to a peer, and takes nothing more from it until they are closed.
    pub(crate) fn disconnect(&mut self, peer: PeerId) {
        if self.connected.contains_key(&peer) && self.cut_off.insert(peer) {
            self.close(peer, CloseConnection::All);
        }
    }

    /// Reads nothing from a peer for this long.
    pub(crate) fn pause(&mut self, peer: PeerId, time: Duration) {
        self.notify_all(peer, || Command::Pause(time));
    }

    /// Keeps the connections to these peers even though nothing is sent, and no others.
    pub(crate) fn pin(&mut self, peers: HashSet<PeerId>) {
        let before = std::mem::replace(&mut self.pinned, peers);
        let changed: Vec<_> = self.pinned.symmetric_difference(&before).copied().collect();
        for peer in changed {
            let pinned = self.pinned.contains(&peer);
            self.notify_all(peer, || Command::Pin(pinned));
        }
    }

    /// Sends nothing from now on, and emits [`LinkEvent::Finished`] once connected peers have read
    /// what was sent.
    pub(crate) fn finish(&mut self) {
        if self.finishing.is_some() {
            return;
        }
        let connections = |(&peer, all): (&PeerId, &Vec<Connection>)| {
            all.iter().map(move |connection| (peer, connection.id)).collect::<Vec<_>>()
        };
        let all: Vec<_> = self.connected.iter().flat_map(connections).collect();
        for &(peer_id, id) in &all {
            let (handler, event) = (NotifyHandler::One(id), Command::Finish);
            self.actions.push_back(ToSwarm::NotifyHandler { peer_id, handler, event });
        }
        self.finishing = Some(all.into_iter().map(|(_, id)| id).collect());
        self.check_finished();
    }

    pub(crate) fn next_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn on_swarm_event(&mut self, event: &FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                let (id, is_relayed) =
                    (established.connection_id, established.endpoint.is_relayed());
                self.add(established.peer_id, Connection { id, is_relayed });
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.remove(closed.peer_id, closed.connection_id);
            }
            FromSwarm::DialFailure(DialFailure { peer_id: Some(peer), error, .. }) => {
                self.dial_failed(*peer, error);
            }
            // Listeners and external addresses change nothing here. (The enum may grow.)
            _ => {}
        }
    }

    pub(crate) fn on_notice(&mut self, peer: PeerId, connection: ConnectionId, notice: Notice) {
        if matches!(notice, Notice::Undelivered { reason: Undelivered::Stalled, .. }) {
            self.close(peer, CloseConnection::One(connection));
        }
        // Until the close takes effect, a peer could go on flooding this node. From here on, only
        // what happened to this node's own frames counts.
        if self.cut_off.contains(&peer)
            && !matches!(notice, Notice::Undelivered { .. } | Notice::Finished)
        {
            return;
        }
        self.events.push_back(match notice {
            Notice::Received(frame) => LinkEvent::Received { peer, frame },
            Notice::Oversize { size } => LinkEvent::Oversize { peer, size },
            Notice::Churn => LinkEvent::Churn { peer },
            Notice::Undelivered { frames, reason } => {
                LinkEvent::Undelivered { peer, frames, reason }
            }
            Notice::Finished => return self.finished(connection),
        });
    }

    /// Returns what the swarm has to do. This may add events: look for them afterwards, even if it
    /// returns pending.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Infallible, Command>> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                if matches!(action, ToSwarm::NotifyHandler { event: Command::Send(_), .. }) {
                    self.underway -= 1;
                }
                return Poll::Ready(action);
            }
            let now = Instant::now();
            match self.waiting.due(now) {
                Some(Due::Dial { peer, new_port }) => self.dial(peer, new_port),
                Some(Due::Expired { peer, frames }) => {
                    let reason = Undelivered::Unreachable;
                    self.events.push_back(LinkEvent::Undelivered { peer, frames, reason });
                }
                None => {
                    let Some(next) = self.waiting.next_due() else { return Poll::Pending };
                    // Keep a timer that is still right: setting one costs a system call, and this
                    // is polled on every event.
                    let timer = self.timer.take().filter(|(at, _)| *at == next);
                    let (_, mut timer) = timer
                        .unwrap_or_else(|| (next, Delay::new(next.saturating_duration_since(now))));
                    if timer.poll_unpin(context).is_pending() {
                        self.timer = Some((next, timer));
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    fn pass_on(
        &mut self,
        peer_id: PeerId,
        connection: ConnectionId,
        frame: Vec<u8>,
    ) -> Result<(), Undelivered> {
        if self.underway == MAX_UNDERWAY {
            return Err(Undelivered::QueueFull);
        }
        self.underway += 1;
        let (handler, event) = (NotifyHandler::One(connection), Command::Send(frame));
        self.actions.push_back(ToSwarm::NotifyHandler { peer_id, handler, event });
        Ok(())
    }

    fn notify_all(&mut self, peer_id: PeerId, command: impl Fn() -> Command) {
        for connection in self.connected.get(&peer_id).into_iter().flatten() {
            let (handler, event) = (NotifyHandler::One(connection.id), command());
            self.actions.push_back(ToSwarm::NotifyHandler { peer_id, handler, event });
        }
    }

    fn close(&mut self, peer_id: PeerId, connection: CloseConnection) {
        self.actions.push_back(ToSwarm::CloseConnection { peer_id, connection });
    }

    fn dial(&mut self, peer: PeerId, new_port: bool) {
        let options = DialOpts::peer_id(peer).condition(PeerCondition::DisconnectedAndNotDialing);
        let options = if new_port { options.allocate_new_port() } else { options };
        // The swarm asks for the addresses through `addresses`, and adds those of the other
        // behaviours.
        let opts = options.addresses(Vec::new()).extend_addresses_through_behaviour().build();
        self.actions.push_back(ToSwarm::Dial { opts });
    }

    fn dial_failed(&mut self, peer: PeerId, error: &DialError) {
        // Another behaviour is already dialling this peer. Its outcome, good or bad, is reported
        // here too.
        let running = matches!(error, DialError::DialPeerConditionFalse(_));
        if !running
            && !self.connected.contains_key(&peer)
            && self.waiting.dial_failed(&peer, Instant::now())
        {
            self.events.push_back(LinkEvent::DialFailed {
                peer,
                error: crate::dial_error::describe(error),
            });
        }
    }

    fn add(&mut self, peer: PeerId, connection: Connection) {
        let connections = self.connected.entry(peer).or_default();
        let place = connections.partition_point(|other| connection.is_relayed || !other.is_relayed);
        connections.insert(place, connection);
        let is_first = connections.len() == 1;
        if self.cut_off.contains(&peer) {
            self.close(peer, CloseConnection::One(connection.id));
        } else if self.pinned.contains(&peer) {
            let (handler, event) = (NotifyHandler::One(connection.id), Command::Pin(true));
            self.actions.push_back(ToSwarm::NotifyHandler { peer_id: peer, handler, event });
        }
        if !is_first {
            return;
        }
        self.events.push_back(LinkEvent::Connected { peer });
        for frame in self.waiting.take(&peer) {
            self.send(peer, &[], frame);
        }
    }

    fn remove(&mut self, peer: PeerId, connection: ConnectionId) {
        let Some(connections) = self.connected.get_mut(&peer) else { return };
        connections.retain(|other| other.id != connection);
        if connections.is_empty() {
            self.connected.remove(&peer);
            self.cut_off.remove(&peer);
            self.events.push_back(LinkEvent::Disconnected { peer });
        }
        self.finished(connection);
    }

    fn finished(&mut self, connection: ConnectionId) {
        if let Some(unfinished) = &mut self.finishing
            && unfinished.remove(&connection)
        {
            self.check_finished();
        }
    }

    fn check_finished(&mut self) {
        if self.finishing.as_ref().is_some_and(HashSet::is_empty) {
            self.events.push_back(LinkEvent::Finished);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::core::transport::PortUse;
    use libp2p::core::{ConnectedPoint, Endpoint};
    use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};

    /// A connection that this side dialled at an address.
    struct Dialled {
        id: ConnectionId,
        endpoint: ConnectedPoint,
    }

    impl Dialled {
        fn at(number: usize, address: &str) -> Self {
            let address = address.parse().unwrap();
            let endpoint = ConnectedPoint::Dialer {
                address,
                role_override: Endpoint::Dialer,
                port_use: PortUse::Reuse,
            };
            Self { id: ConnectionId::new_unchecked(number), endpoint }
        }

        fn open(&self, links: &mut Links, peer_id: PeerId) {
            links.on_swarm_event(&FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id: self.id,
                endpoint: &self.endpoint,
                failed_addresses: &[],
                other_established: 0,
            }));
        }

        fn close(&self, links: &mut Links, peer_id: PeerId) {
            links.on_swarm_event(&FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id,
                connection_id: self.id,
                endpoint: &self.endpoint,
                cause: None,
                remaining_established: 0,
            }));
        }
    }

    /// Returns the connection on which a frame goes out now.
    fn sends_on(links: &mut Links, peer: PeerId) -> ConnectionId {
        links.send(peer, &[], vec![1]);
        let mut context = Context::from_waker(std::task::Waker::noop());
        match links.poll(&mut context) {
            Poll::Ready(ToSwarm::NotifyHandler { handler: NotifyHandler::One(id), .. }) => id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn frames_use_a_direct_connection_as_soon_as_there_is_one() {
        let mut links = Links::new(PeerId::random(), FrameLimits::default(), 1024);
        let peer = PeerId::random();
        let relay = PeerId::random();
        let relayed = |number| {
            Dialled::at(number, &format!("/ip4/192.0.2.1/tcp/1/p2p/{relay}/p2p-circuit/p2p/{peer}"))
        };
        let direct = |number| Dialled::at(number, "/ip4/192.0.2.2/tcp/1");
        let (first, second, third) = (relayed(1), direct(2), direct(3));
        first.open(&mut links, peer);
        assert_eq!(sends_on(&mut links, peer), first.id);
        second.open(&mut links, peer);
        assert_eq!(sends_on(&mut links, peer), second.id);
        third.open(&mut links, peer);
        relayed(4).open(&mut links, peer);
        assert_eq!(sends_on(&mut links, peer), second.id, "it is kept to");
        second.close(&mut links, peer);
        assert_eq!(sends_on(&mut links, peer), third.id);
        third.close(&mut links, peer);
        assert_eq!(sends_on(&mut links, peer), first.id);
    }
}
