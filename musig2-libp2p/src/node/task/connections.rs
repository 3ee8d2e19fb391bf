//! Handles events of the swarm: connections and dials.

use super::Task;
use crate::PeerContact;
use crate::dial_error;
use crate::node::addresses::{Reach, believable, is_relayed};
use crate::node::bootstrap::Failed;
use crate::node::event::NodeEvent;
use crate::node::network::{NodeBehaviourEvent, SILENCE};
use crate::node::signer_state::{PeerConnection, SignerState};
use libp2p::core::ConnectedPoint;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionError, ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, ping};
use musig2_proto::PublicKey;
use std::time::{Duration, Instant, SystemTime};

/// The most peers that are dialled at once although nothing waits for them.
const MAX_ACQUAINTANCES: usize = 32;

/// The other end of a connection.
#[derive(Debug)]
pub(super) struct Remote {
    peer: PeerId,
    /// The agent version that it sent, if any: each start of a node has another one.
    agent: Option<String>,
    /// When it last answered a ping; `None` if no answer is expected.
    answered: Option<Instant>,
    /// Whether this node is closing it.
    is_closing: bool,
    /// How far away it is.
    pub(super) reach: Reach,
    is_relayed: bool,
    since: SystemTime,
    address: Multiaddr,
    is_dialled: bool,
    /// The round-trip time of the last ping.
    round_trip: Option<Duration>,
}

impl Task {
    pub(super) fn on_event(&mut self, event: SwarmEvent<NodeBehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_network_event(event),
            SwarmEvent::ConnectionEstablished {
                peer_id: peer,
                connection_id,
                endpoint,
                num_established,
                ..
            } => {
                self.acquaintances.remove(&connection_id);
                self.metrics.connection_opened(if endpoint.is_dialer() { "out" } else { "in" });
                let was_direct = self
                    .connections
                    .values()
                    .any(|remote| remote.peer == peer && !remote.is_relayed);
                self.connections.insert(connection_id, Remote::new(peer, &endpoint));
                self.count_connections();
                self.on_bootstrapped(connection_id, peer);
                if self.bootstrap.contains(peer) {
                    self.swarm.behaviour_mut().places.know(peer);
                }
                let relayed = endpoint.is_relayed();
                if num_established.get() == 1 {
                    let signers = self.signers_at(peer);
                    self.events.send(NodeEvent::PeerConnected { peer, signers, relayed });
                } else if !was_direct && !relayed {
                    let signers = self.signers_at(peer);
                    self.events.send(NodeEvent::PeerReachedDirectly { peer, signers });
                }
            }
            SwarmEvent::ConnectionClosed {
                peer_id: peer,
                connection_id,
                num_established,
                cause,
                ..
            } => {
                let closed = self.connections.remove(&connection_id);
                self.count_connections();
                self.unheard |= self.connections.is_empty();
                let has_failed = matches!(cause, Some(ConnectionError::IO(_)));
                // A connection made while this one was closing was not a first connection, so what
                // is told only on a first connection was not told.
                if closed
                    .is_some_and(|closed| !closed.is_relayed && (closed.is_closing || has_failed))
                {
                    self.begin_anew(peer);
                }
                if num_established == 0 {
                    tracing::debug!(%peer, ?cause, "disconnected");
                    self.bootstrap.disconnected(peer, Instant::now());
                    let signers = self.signers_at(peer);
                    self.events.send(NodeEvent::PeerDisconnected { peer, signers });
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id: peer, error } => {
                self.acquaintances.remove(&connection_id);
                self.metrics.connection_failed("out");
                self.on_dial_failed(connection_id, peer, &error);
            }
            SwarmEvent::NewListenAddr { listener_id, address } => {
                self.on_listening(listener_id, address);
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.on_not_listening(address),
            SwarmEvent::ListenerError { error, .. } => self.on_refused(&error),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.on_listener_closed(listener_id, addresses, reason);
            }
            // This is a place at a relay. Whether others can reach this node without a relay is
            // another matter: any peer may claim to have found out. See `on_reachable`.
            SwarmEvent::ExternalAddrConfirmed { address } if is_relayed(&address) => {
                self.own.add_confirmed(address);
                self.update_contact();
            }
            SwarmEvent::ExternalAddrExpired { address } => {
                self.own.remove(&address);
                self.update_contact();
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                self.metrics.connection_failed("in");
                tracing::debug!(%error, "an inbound connection failed");
            }
            // Other events are steps whose outcome is reported above. (The enum may grow.)
            _ => {}
        }
    }

    /// Reports a failed dial to a bootstrap peer. Failed dials to co-signers are reported by the
    /// behaviour that asked for them, and failed dials of the hash table are routine.
    fn on_dial_failed(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        error: &DialError,
    ) {
        let event = match self.bootstrap.failed(connection, error, Instant::now()) {
            Some(Failed::Again { address, peer: last }) => {
                let (bootstrap, error) = (Some(address), dial_error::describe(error));
                let peer = peer.or(last);
                let signers = peer.map(|peer| self.signers_at(peer)).unwrap_or_default();
                NodeEvent::DialFailed { peer, signers, bootstrap, error }
            }
            Some(Failed::Own { address, only }) => NodeEvent::BootstrapIsOwn { address, only },
            None => return,
        };
        self.events.send(event);
    }

    fn on_bootstrapped(&mut self, connection: ConnectionId, peer: PeerId) {
        for address in self.bootstrap.established(connection, peer) {
            self.events.send(NodeEvent::BootstrapReached { address, peer });
        }
    }

    pub(super) fn dial_bootstrap_peers(&mut self) {
        for dial in self.bootstrap.due(Instant::now()) {
            let (peer, connection) = (dial.get_peer_id(), dial.connection_id());
            match self.swarm.dial(dial) {
                Ok(()) => {}
                Err(_) if peer.is_some_and(|peer| self.swarm.is_connected(&peer)) => {
                    self.on_bootstrapped(connection, peer.expect("as was just asked"));
                }
                Err(error) => self.on_dial_failed(connection, peer, &error),
            }
        }
    }

    pub(super) fn on_ping(
        &mut self,
        connection: ConnectionId,
        result: &Result<Duration, ping::Failure>,
    ) {
        let Some(remote) = self.connections.get_mut(&connection) else { return };
        match result {
            Ok(round_trip) => {
                remote.answered = Some(Instant::now());
                remote.round_trip = Some(*round_trip);
            }
            Err(ping::Failure::Unsupported) => remote.answered = None,
            // libp2p reports only some failures, and late. What counts is that no answer came.
            Err(error) => tracing::debug!(%connection, %error, "no answer to a ping"),
        }
    }

    /// Returns when to call [`Task::close_silent`] next.
    pub(super) fn next_silence(&self) -> Option<Instant> {
        self.connections
            .values()
            .filter_map(|remote| remote.answered)
            .min()
            .map(|answered| answered + SILENCE)
    }

    /// Closes connections whose other end answers no pings. Otherwise a cut cable would go
    /// unnoticed for a minute.
    pub(super) fn close_silent(&mut self) {
        let now = Instant::now();
        let is_silent =
            |remote: &Remote| remote.answered.is_some_and(|answered| now >= answered + SILENCE);
        let silent = self.connections.iter().filter(|(_, remote)| is_silent(remote));
        let silent: Vec<_> =
            silent.map(|(id, remote)| (*id, remote.peer, remote.is_relayed)).collect();
        for (connection, peer, is_relayed) in silent {
            tracing::debug!(%peer, %connection, "does not answer pings");
            if is_relayed {
                // The relay may be what is silent, so close only this connection.
                self.close(connection);
            } else {
                self.begin_anew(peer);
            }
        }
    }

    /// Notes a peer's agent version, which shows whether the peer was restarted. A restarted peer
    /// dials while its connections from before still count as open: over QUIC for as long as
    /// silence is tolerated.
    pub(super) fn on_agent(&mut self, connection: ConnectionId, peer: PeerId, agent: String) {
        let is_former = |remote: &&Remote| {
            remote.peer == peer && remote.agent.as_ref().is_some_and(|former| *former != agent)
        };
        // If an old connection is closing already, all will start afresh once it has closed. Until
        // then, leave alone what the peer dials.
        if self.connections.values().filter(is_former).any(|former| !former.is_closing) {
            tracing::debug!(%peer, "restarted: closing its connections");
            return self.begin_anew(peer);
        }
        if let Some(remote) = self.connections.get_mut(&connection) {
            remote.agent = Some(agent);
        }
    }

    /// Closes all connections to a peer after one of them has failed. Some protocols send things
    /// only on a first connection, as gossipsub sends its topics. If the peer has opened another
    /// connection since, it has not received those, or has forgotten them.
    fn begin_anew(&mut self, peer: PeerId) {
        let of_peer =
            self.connections.iter().filter(|(_, remote)| remote.peer == peer && !remote.is_closing);
        for connection in of_peer.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.close(connection);
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        if let Some(remote) = self.connections.get_mut(&connection) {
            remote.answered = None;
            remote.is_closing = true;
        }
        self.swarm.close_connection(connection);
    }

    /// Dials a peer that may be needed soon, at the addresses that are plausible from a source at
    /// the given reach. If the dial fails, whatever needs the peer will report it.
    pub(super) fn meet(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, heard_over: Reach) {
        let addresses: Vec<_> = believable(addresses, heard_over).collect();
        if addresses.is_empty() || self.acquaintances.len() >= MAX_ACQUAINTANCES {
            return;
        }
        let condition = PeerCondition::DisconnectedAndNotDialing;
        let dial = DialOpts::peer_id(peer).condition(condition).addresses(addresses).build();
        let connection = dial.connection_id();
        match self.swarm.dial(dial) {
            Ok(()) => drop(self.acquaintances.insert(connection)),
            Err(error) => tracing::trace!(%peer, %error, "not dialled in advance"),
        }
    }

    /// Returns what is known of these signers, and the connections to them.
    pub(super) fn signers(&mut self, signers: &[PublicKey]) -> Vec<SignerState> {
        let state = |signer: &PublicKey| {
            let known = self.swarm.behaviour().signing.core().signer(signer);
            let contact = known.as_ref().and_then(|known| known.contact.as_ref());
            let contact = contact.and_then(|contact| PeerContact::decode(contact).ok());
            let connection = contact.as_ref().and_then(|contact| self.connection(contact.peer()));
            SignerState {
                signer: *signer,
                contact,
                connection,
                clock: known.and_then(|known| known.clock),
            }
        };
        signers.iter().map(state).collect()
    }

    /// Returns the connection that frames go over.
    fn connection(&self, peer: PeerId) -> Option<PeerConnection> {
        let connections = self.connections.values().filter(|remote| remote.peer == peer);
        let used = connections.min_by_key(|remote| (remote.is_relayed, remote.since))?;
        Some(PeerConnection {
            since: used.since,
            address: used.address.clone(),
            relayed: used.is_relayed,
            round_trip: used.round_trip,
        })
    }

    pub(super) fn signers_at(&mut self, peer: PeerId) -> Vec<PublicKey> {
        self.signing().signers_at(&peer)
    }

    fn count_connections(&self) {
        let relayed = self.connections.values().filter(|remote| remote.is_relayed).count();
        self.metrics.connections("relayed", relayed);
        self.metrics.connections("direct", self.connections.len() - relayed);
    }

    /// Returns the reach of the nearest peer. Claimed addresses that are nearer than that are not
    /// believed.
    pub(super) fn nearest(&self) -> Reach {
        self.connections.values().map(|remote| remote.reach).min().unwrap_or(Reach::World)
    }
}

impl Remote {
    fn new(peer: PeerId, endpoint: &ConnectedPoint) -> Self {
        Self {
            peer,
            agent: None,
            answered: Some(Instant::now()),
            is_closing: false,
            reach: Reach::of(endpoint.get_remote_address()).unwrap_or(Reach::World),
            is_relayed: endpoint.is_relayed(),
            since: SystemTime::now(),
            address: endpoint.get_remote_address().clone(),
            is_dialled: endpoint.is_dialer(),
            round_trip: None,
        }
    }

    /// The address at which this node dialled it, if it did.
    pub(super) fn dialled(&self) -> Option<&Multiaddr> {
        self.is_dialled.then_some(&self.address)
    }
}
