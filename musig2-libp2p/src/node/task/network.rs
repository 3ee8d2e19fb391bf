//! Handles events of the behaviours.

use super::Task;
#[cfg(any(feature = "mdns", feature = "nat"))]
use crate::node::addresses::Reach;
#[cfg(feature = "nat")]
use crate::node::addresses::is_quic;
use crate::node::addresses::{believable, is_relayed};
use crate::node::event::NodeEvent;
use crate::node::network::{self, NodeBehaviour, NodeBehaviourEvent};
#[cfg(feature = "nat")]
use crate::node::relays;
use crate::{BehaviourEvent, PeerContact};
#[cfg(feature = "mdns")]
use libp2p::mdns;
#[cfg(feature = "nat")]
use libp2p::relay;
use libp2p::swarm::ConnectionId;
#[cfg(feature = "upnp")]
use libp2p::upnp;
use libp2p::{PeerId, gossipsub, identify, kad, ping};
use musig2_proto::Event::{
    LateSignature, SessionComplete, SessionCreated, SessionDiscovered, SessionReady,
};
use musig2_proto::{Command, SessionId};
#[cfg(feature = "mdns")]
use std::collections::BTreeMap;

/// The most peers that are looked up in the hash table at once. For others, the next failed dial
/// tries again.
const MAX_LOOKUPS: usize = 64;

impl Task {
    pub(super) fn on_network_event(&mut self, event: NodeBehaviourEvent) {
        match event {
            NodeBehaviourEvent::Signing(event) => self.on_signing_event(event),
            NodeBehaviourEvent::Gossip(event) => self.on_gossip_event(event),
            NodeBehaviourEvent::Dht(event) => self.on_dht_event(event),
            NodeBehaviourEvent::Identify(identify::Event::Received {
                connection_id,
                peer_id,
                info,
            }) => {
                self.on_identified(connection_id, peer_id, info);
            }
            NodeBehaviourEvent::Ping(ping::Event { connection, result, .. }) => {
                self.on_ping(connection, &result);
            }
            NodeBehaviourEvent::Identify(_) => {}
            #[cfg(feature = "nat")]
            NodeBehaviourEvent::RelayClient(event) => tracing::debug!(?event, "relay client event"),
            #[cfg(feature = "nat")]
            NodeBehaviourEvent::HolePunching(event) => {
                tracing::debug!(?event, "hole punching event");
            }
            #[cfg(feature = "nat")]
            NodeBehaviourEvent::Reachability(event) => {
                tracing::debug!(address = %event.tested_addr, reached = event.result.is_ok(), "address tested from outside");
                if event.result.is_ok() && self.bootstrap.contains(event.server) {
                    self.on_reachable(event.tested_addr);
                }
            }
            #[cfg(feature = "relay-server")]
            NodeBehaviourEvent::Relay(event) => tracing::debug!(?event, "relaying"),
            #[cfg(feature = "relay-server")]
            NodeBehaviourEvent::DialBack(event) => {
                tracing::debug!(address = %event.tested_addr, "address tested for a peer");
            }
            #[cfg(feature = "mdns")]
            NodeBehaviourEvent::Mdns(event) => self.on_mdns_event(event),
            #[cfg(feature = "upnp")]
            NodeBehaviourEvent::Upnp(event) => self.on_upnp_event(event),
            NodeBehaviourEvent::Places(never) | NodeBehaviourEvent::Limits(never) => match never {},
            #[cfg(feature = "nat")]
            NodeBehaviourEvent::Seen(never) => match never {},
        }
    }

    fn on_signing_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Publish(announcement) => {
                if let Some(gossip) = self.swarm.behaviour_mut().gossip.as_mut() {
                    self.announcements.publish(gossip, announcement);
                }
            }
            BehaviourEvent::Session(event) => {
                match &event {
                    SessionComplete { session, signatures }
                    | LateSignature { session, signatures } => {
                        self.keep_signatures(session, signatures);
                    }
                    event if event.is_terminal() => self.forget_ended(&event.session()),
                    SessionCreated { session } | SessionDiscovered { session } => {
                        self.meet_signers(session);
                    }
                    SessionReady { session } => self.know_signers(session),
                    _ => {}
                }
                let view = self.signing().core().session(&event.session()).map(Box::new);
                self.events.send(NodeEvent::Session { event, view });
            }
            BehaviourEvent::Offence { peer, offence, consequence } => {
                let signers = self.signers_at(peer);
                self.events.send(NodeEvent::Offence { peer, signers, offence, consequence });
            }
            BehaviourEvent::DialFailed { peer, error } => {
                self.look_up(peer);
                let signers = self.signers_at(peer);
                self.events.send(NodeEvent::DialFailed {
                    peer: Some(peer),
                    signers,
                    bootstrap: None,
                    error,
                });
            }
            BehaviourEvent::Undelivered { peer, frames, reason } => {
                tracing::debug!(%peer, frames, %reason, "frames were not delivered");
            }
            // The swarm's own events and the behaviour's log report these.
            BehaviourEvent::ConnectionLost { .. } | BehaviourEvent::Churn { .. } => {}
            BehaviourEvent::Finished => self.finished = true,
        }
    }

    /// Connects to the signers of a session while the application is still deciding whether to
    /// join.
    fn meet_signers(&mut self, session: &SessionId) {
        let contacts: Vec<_> =
            self.signing().core().co_signers(session).map(PeerContact::decode).collect();
        for contact in contacts.into_iter().flatten() {
            self.meet(contact.peer(), contact.addresses().to_vec(), self.nearest());
        }
    }

    /// Keeps places for the signers of a session that this node approved and that all have joined.
    /// Their contacts then come from their own signed statements.
    fn know_signers(&mut self, session: &SessionId) {
        let contacts: Vec<_> =
            self.signing().core().co_signers(session).map(PeerContact::decode).collect();
        for contact in contacts.into_iter().flatten() {
            self.swarm.behaviour_mut().places.know(contact.peer());
        }
    }

    fn on_gossip_event(&mut self, event: gossipsub::Event) {
        let NodeBehaviour { gossip, signing, .. } = self.swarm.behaviour_mut();
        let Some(gossip) = gossip.as_mut() else { return };
        match event {
            gossipsub::Event::Message { propagation_source: from, message_id, message } => {
                let acceptance = signing.on_announcement(from, message.data);
                gossip.report_message_validation_result(&message_id, &from, acceptance.into());
            }
            gossipsub::Event::Subscribed { .. } => {
                self.announcements.retry(gossip);
                signing.on_subscribed();
                if std::mem::take(&mut self.unheard) {
                    self.say_hello();
                }
            }
            _ => {}
        }
    }

    /// Publishes a hello: peers then send whatever this node forgot by stopping, or missed while it
    /// was cut off.
    fn say_hello(&mut self) {
        if let Err(error) = self.signing().execute(Command::SayHello) {
            tracing::warn!(%error, "could not send a hello");
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
            let addresses: Vec<_> = believable(peer.addrs, self.nearest()).collect();
            self.signing().add_addresses(sought, &addresses);
        }
    }

    fn on_identified(&mut self, connection: ConnectionId, peer: PeerId, info: identify::Info) {
        let Some(remote) = self.connections.get(&connection) else { return };
        let is_bootstrap_peer = self.bootstrap.contains(peer);
        let (reach, dialled) =
            (remote.reach, remote.dialled().filter(|address| !is_relayed(address)).cloned());
        if is_bootstrap_peer && dialled.is_some() {
            // Believe only bootstrap peers here; addresses observed by strangers are ignored.
            self.own.add_observed(&info.observed_addr);
            self.update_contact();
            #[cfg(feature = "nat")]
            if is_quic(&info.observed_addr) && Reach::of(&info.observed_addr) == Some(Reach::World)
            {
                self.swarm.behaviour_mut().seen.at(info.observed_addr.clone());
            }
        }
        #[cfg(feature = "nat")]
        let relay = dialled
            .filter(|_| is_bootstrap_peer && info.protocols.contains(&relay::HOP_PROTOCOL_NAME));
        self.on_agent(connection, peer, info.agent_version);
        if info.protocols.contains(&network::DHT)
            && let Some(dht) = self.swarm.behaviour_mut().dht.as_mut()
        {
            for address in believable(info.listen_addrs, reach) {
                dht.add_address(&peer, address);
            }
            if is_bootstrap_peer && dht.bootstrap().is_err() {
                tracing::debug!(%peer, "cannot use a bootstrap peer for the hash table: it cannot be dialled back");
            }
        }
        #[cfg(feature = "nat")]
        if let Some(address) = relay {
            self.listen_through(peer, address);
        }
    }

    #[cfg(feature = "nat")]
    fn listen_through(&mut self, relay: PeerId, address: libp2p::Multiaddr) {
        let Some(relays) = self.relays.as_mut().filter(|relays| relays.wants(relay)) else {
            return;
        };
        if self.own.has_public() {
            return;
        }
        let address = relays::through(relay, crate::contact::without_peer_id(address));
        match self.swarm.listen_on(address.clone()) {
            Ok(listener) => relays.add(listener, relay),
            Err(error) => tracing::warn!(%address, %error, "cannot listen through a relay"),
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

    #[cfg(feature = "mdns")]
    fn on_mdns_event(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else { return };
        let mut neighbours = BTreeMap::<_, Vec<_>>::new();
        for (peer, address) in found {
            neighbours.entry(peer).or_default().push(address);
        }
        for (peer, addresses) in neighbours {
            self.meet(peer, addresses, Reach::Site);
        }
    }

    #[cfg(feature = "upnp")]
    fn on_upnp_event(&mut self, event: upnp::Event) {
        match event {
            upnp::Event::NewExternalAddr { external_addr, .. } => self.on_reachable(external_addr),
            upnp::Event::GatewayNotFound => {
                tracing::warn!("no router here opens ports: continuing without an open port");
            }
            upnp::Event::NonRoutableGateway => {
                tracing::warn!(
                    "the router here is behind another one: continuing without an open port"
                );
            }
            event => tracing::debug!(?event, "router event"),
        }
    }
}
