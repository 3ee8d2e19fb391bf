//! The node's task: it alone owns the swarm.

use super::addresses::{OwnAddresses, Reach, believable};
use super::announcements::Announcements;
use super::bootstrap::Bootstrap;
use super::config::NodeConfig;
use super::event::{EventSender, NodeEvent};
use super::handle::Order;
use super::network::{self, Network, NetworkEvent};
use crate::{Event, dial_error};
use futures::StreamExt;
use futures::future::{Either, pending};
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, gossipsub, identify, kad, ping};
use musig2_proto::Command;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};

/// How long the first orders wait for listeners to say where they listen.
const LISTENING: Duration = Duration::from_secs(1);
/// How long a stopping node waits for its peers to read what it sent, and again for connections to close.
const CLOSING: Duration = Duration::from_secs(1);
/// How many peers are looked up in the hash table at once; of more, the next failed dial tries again.
const MAX_LOOKUPS: usize = 64;

pub(super) struct Task {
    swarm: Swarm<Network>,
    events: EventSender,
    announcements: Announcements,
    bootstrap: Bootstrap,
    own: OwnAddresses,
    /// Listeners that have not said yet where they listen.
    silent_listeners: HashSet<ListenerId>,
    /// How far away the other end of each connection is.
    connections: HashMap<ConnectionId, Reach>,
    lookups: HashMap<kad::QueryId, PeerId>,
    /// After [`crate::Behaviour::finish`]: everything sent was read.
    finished: bool,
}

impl Task {
    pub(super) fn new(
        swarm: Swarm<Network>,
        config: &NodeConfig,
        listeners: HashSet<ListenerId>,
        events: EventSender,
    ) -> Self {
        Self {
            announcements: Announcements::new(&config.protocol),
            bootstrap: Bootstrap::new(&config.bootstrap_peers, Instant::now()),
            own: OwnAddresses::new(*swarm.local_peer_id()),
            silent_listeners: listeners,
            connections: HashMap::new(),
            lookups: HashMap::new(),
            finished: false,
            swarm,
            events,
        }
    }

    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        // A session announced before this node knows its own addresses would not tell them.
        self.update_contact();
        self.drive_until(LISTENING, |task| task.silent_listeners.is_empty()).await;
        // Whatever this node forgot by stopping, those who remember can tell it.
        if let Err(error) = self.swarm.behaviour_mut().signing.execute(Command::SayHello) {
            tracing::warn!(%error, "could not say hello");
        }

        let reply = self.serve(&mut orders).await;

        self.swarm.behaviour_mut().signing.finish();
        self.drive_until(CLOSING, |task| task.finished).await;
        for peer in self.swarm.connected_peers().copied().collect::<Vec<_>>() {
            // An error is a connection that has closed by itself.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        self.drive_until(CLOSING, |task| task.connections.is_empty()).await;
        drop(self);
        if let Some(reply) = reply {
            // An error is a caller that did not wait.
            let _ = reply.send(());
        }
    }

    /// Until told to stop: gives where to say that it is done, unless nobody waits for it.
    async fn serve(&mut self, orders: &mut mpsc::Receiver<Order>) -> Option<oneshot::Sender<()>> {
        loop {
            self.dial_bootstrap_peers();
            let redial = match self.bootstrap.next_due() {
                Some(at) => Either::Left(sleep_until(at.into())),
                None => Either::Right(pending()),
            };
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Stop { reply }) => return Some(reply),
                    Some(Order::Ask(question)) => question(&mut self.swarm.behaviour_mut().signing),
                    None => return None,
                },
                event = self.swarm.select_next_some() => self.on_event(event),
                () = redial => {}
            }
        }
    }

    async fn drive_until(&mut self, at_most: Duration, is_done: impl Fn(&Self) -> bool) {
        let done = async {
            while !is_done(self) {
                let event = self.swarm.select_next_some().await;
                self.on_event(event);
            }
        };
        if timeout(at_most, done).await.is_err() {
            tracing::debug!("went on without waiting any longer");
        }
    }

    fn on_event(&mut self, event: SwarmEvent<NetworkEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_network_event(event),
            SwarmEvent::ConnectionEstablished {
                peer_id: peer,
                connection_id,
                endpoint,
                num_established,
                ..
            } => {
                let reach = Reach::of(endpoint.get_remote_address()).unwrap_or(Reach::World);
                self.connections.insert(connection_id, reach);
                self.bootstrap.established(connection_id, peer);
                if num_established.get() == 1 {
                    self.events.send(NodeEvent::PeerConnected { peer });
                }
            }
            SwarmEvent::ConnectionClosed { peer_id: peer, connection_id, num_established, cause, .. } => {
                self.connections.remove(&connection_id);
                if num_established == 0 {
                    tracing::debug!(%peer, ?cause, "disconnected");
                    self.bootstrap.disconnected(peer, Instant::now());
                    self.events.send(NodeEvent::PeerDisconnected { peer });
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id: peer, error } => {
                self.on_dial_failed(connection_id, peer, &error);
            }
            SwarmEvent::NewListenAddr { listener_id, address } => self.on_listening(listener_id, address),
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.own.remove(&address);
                self.update_contact();
            }
            SwarmEvent::ListenerError { error, .. } => {
                self.events.send(NodeEvent::ListenFailed { address: None, error: error.to_string() });
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.silent_listeners.remove(&listener_id);
                addresses.iter().for_each(|address| self.own.remove(address));
                self.update_contact();
                let error = reason.err().map_or_else(|| "closed".into(), |error| error.to_string());
                self.events.send(NodeEvent::ListenFailed { address: addresses.into_iter().next(), error });
            }
            SwarmEvent::NewExternalAddrCandidate { address } => {
                self.own.add_observed(address);
                self.update_contact();
            }
            SwarmEvent::ExternalAddrConfirmed { address } => {
                self.own.add_confirmed(address);
                self.update_contact();
            }
            SwarmEvent::ExternalAddrExpired { address } => {
                self.own.remove(&address);
                self.update_contact();
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                tracing::debug!(%error, "a connection did not come about");
            }
            // Steps of what is told when it is done. (The enum may grow.)
            _ => {}
        }
    }

    fn on_network_event(&mut self, event: NetworkEvent) {
        match event {
            NetworkEvent::Signing(event) => self.on_signing_event(event),
            NetworkEvent::Gossip(event) => self.on_gossip_event(event),
            NetworkEvent::Dht(event) => self.on_dht_event(event),
            NetworkEvent::Identify(identify::Event::Received { connection_id, peer_id, info }) => {
                self.on_identified(connection_id, peer_id, info);
            }
            NetworkEvent::Ping(ping::Event { result: Err(ping::Failure::Unsupported), .. }) => {}
            NetworkEvent::Ping(ping::Event { peer, connection, result: Err(error) }) => {
                // Without this a cut cable is noticed after a minute.
                tracing::debug!(%peer, %error, "no answer to a ping: closing the connection");
                self.swarm.close_connection(connection);
            }
            NetworkEvent::Identify(_) | NetworkEvent::Ping(_) => {}
            NetworkEvent::Limits(never) => match never {},
        }
    }

    fn on_signing_event(&mut self, event: Event) {
        match event {
            Event::Publish(announcement) => {
                if let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() {
                    self.announcements.publish(gossip, announcement);
                }
            }
            Event::Session(event) => self.events.send(NodeEvent::Session(event)),
            Event::Offence { peer, offence, .. } => self.events.send(NodeEvent::Offence { peer, offence }),
            Event::DialFailed { peer, error } => {
                self.look_up(peer);
                self.events.send(NodeEvent::DialFailed { peer: Some(peer), error });
            }
            Event::Undelivered { peer, frames, reason } => {
                tracing::debug!(%peer, frames, %reason, "frames were not delivered");
            }
            // The swarm's own events and the behaviour's log tell of these.
            Event::ConnectionLost { .. } | Event::Churn { .. } => {}
            Event::Finished => self.finished = true,
        }
    }

    fn on_gossip_event(&mut self, event: gossipsub::Event) {
        let Network { gossip, signing, .. } = self.swarm.behaviour_mut();
        let Some(gossip) = gossip.as_mut() else { return };
        match event {
            gossipsub::Event::Message { propagation_source: from, message_id, message } => {
                let acceptance = signing.on_announcement(from, message.data);
                gossip.report_message_validation_result(&message_id, &from, acceptance.into());
            }
            gossipsub::Event::Subscribed { .. } => {
                self.announcements.retry(gossip);
                signing.on_subscribed();
            }
            _ => {}
        }
    }

    fn on_dht_event(&mut self, event: kad::Event) {
        let kad::Event::OutboundQueryProgressed {
            id,
            result: kad::QueryResult::GetClosestPeers(result),
            step,
            ..
        } = event
        else {
            return;
        };
        let Some(sought) = self.lookups.get(&id).copied() else { return };
        if step.last {
            self.lookups.remove(&id);
        }
        let found = match result {
            Ok(found) => found.peers,
            Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
        };
        for peer in found.into_iter().filter(|peer| peer.peer_id == sought) {
            self.swarm.behaviour_mut().signing.add_addresses(sought, &peer.addrs);
        }
    }

    fn on_identified(&mut self, connection: ConnectionId, peer: PeerId, info: identify::Info) {
        let Some(reach) = self.connections.get(&connection).copied() else { return };
        let Some(dht) = self.swarm.behaviour_mut().dht.as_mut() else { return };
        if !info.protocols.contains(&network::DHT) {
            return;
        }
        for address in believable(info.listen_addrs, reach) {
            dht.add_address(&peer, address);
        }
        if self.bootstrap.contains(peer) && dht.bootstrap().is_err() {
            tracing::debug!(%peer, "a bootstrap peer that cannot be dialled back is of no use for the hash table");
        }
    }

    fn on_listening(&mut self, listener: ListenerId, address: Multiaddr) {
        self.silent_listeners.remove(&listener);
        self.own.add_listening(address.clone());
        self.update_contact();
        let address = address.with(Protocol::P2p(*self.swarm.local_peer_id()));
        self.events.send(NodeEvent::Listening { address });
    }

    fn update_contact(&mut self) {
        let contact = self.own.contact().encode();
        if let Err(error) = self.swarm.behaviour_mut().signing.execute(Command::SetContact(contact)) {
            tracing::error!(%error, "the core did not take this node's addresses");
        }
    }

    fn look_up(&mut self, peer: PeerId) {
        if self.lookups.len() < MAX_LOOKUPS
            && !self.lookups.values().any(|sought| *sought == peer)
            && let Some(dht) = self.swarm.behaviour_mut().dht.as_mut()
        {
            self.lookups.insert(dht.get_closest_peers(peer), peer);
        }
    }

    /// Failed dials to co-signers are told by the behaviour that asked for them, and those of the hash table are its daily life.
    fn on_dial_failed(&mut self, connection: ConnectionId, peer: Option<PeerId>, error: &DialError) {
        if self.bootstrap.failed(connection, error, Instant::now()) {
            self.events.send(NodeEvent::DialFailed { peer, error: dial_error::describe(error) });
        }
    }

    fn dial_bootstrap_peers(&mut self) {
        for dial in self.bootstrap.due(Instant::now()) {
            let (peer, connection) = (dial.get_peer_id(), dial.connection_id());
            match self.swarm.dial(dial) {
                Ok(()) => {}
                Err(_) if peer.is_some_and(|peer| self.swarm.is_connected(&peer)) => {
                    self.bootstrap.established(connection, peer.expect("as was just asked"));
                }
                Err(error) => self.on_dial_failed(connection, peer, &error),
            }
        }
    }
}
