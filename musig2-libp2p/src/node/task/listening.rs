//! Where this node listens, and whether it can accept connections there.

use super::Task;
#[cfg(feature = "relay-server")]
use crate::node::addresses::Reach;
use crate::node::event::NodeEvent;
use libp2p::Multiaddr;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use musig2_proto::Command;
use std::collections::HashSet;
use std::io;
use std::time::{Duration, Instant};

/// How long no accept may fail before all is well again. (While descriptors are short, some
/// connections get one between others that do not.)
const CALM: Duration = Duration::from_secs(5);

/// The listeners on the addresses that the configuration names.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    working: HashSet<ListenerId>,
    /// Listeners that have not reported an address yet.
    silent: HashSet<ListenerId>,
    /// When accepting a connection last failed, unless that is long ago.
    refused: Option<Instant>,
}

impl Listeners {
    pub(super) fn new(listeners: HashSet<ListenerId>) -> Self {
        Self { silent: listeners.clone(), working: listeners, refused: None }
    }

    /// Returns whether every listener has reported an address.
    pub(super) fn have_spoken(&self) -> bool {
        self.silent.is_empty()
    }

    /// Returns when to call [`Task::accept_again`] next.
    pub(super) fn next_calm(&self) -> Option<Instant> {
        self.refused.map(|refused| refused + CALM)
    }
}

impl Task {
    pub(super) fn on_listening(&mut self, listener: ListenerId, address: Multiaddr) {
        self.listeners.silent.remove(&listener);
        self.own.add_listening(address.clone());
        #[cfg(feature = "relay-server")]
        if self.is_relay && Reach::of(&address) == Some(Reach::World) {
            // A relay tells others only addresses at which it knows that it can be reached.
            self.swarm.add_external_address(address.clone());
        }
        self.update_contact();
        let address = self.with_own_id(address);
        self.events.send(NodeEvent::Listening { address });
    }

    /// Handles an address that is gone, because an interface went down, for instance.
    pub(super) fn on_not_listening(&mut self, address: Multiaddr) {
        self.own.remove(&address);
        self.update_contact();
        let address = self.with_own_id(address);
        self.events.send(NodeEvent::NotListening { address });
        self.check_listens();
    }

    pub(super) fn on_listener_closed(
        &mut self,
        listener: ListenerId,
        addresses: Vec<Multiaddr>,
        reason: Result<(), io::Error>,
    ) {
        self.listeners.silent.remove(&listener);
        #[cfg(feature = "nat")]
        self.relays.as_mut().map(|relays| relays.remove(listener));
        let address = addresses.first().cloned();
        addresses.into_iter().for_each(|address| self.on_not_listening(address));
        // Other listeners are at relays, which are asked again.
        if self.listeners.working.remove(&listener) {
            let error = reason.err().map_or_else(|| "closed".into(), |error| error.to_string());
            let remaining = self.listeners.working.len();
            self.events.send(NodeEvent::ListenFailed { address, error, remaining });
        }
    }

    /// Reports that a listener cannot accept a connection, usually because file descriptors have
    /// run out. It pauses and tries again.
    pub(super) fn on_refused(&mut self, error: &io::Error) {
        if self.listeners.refused.replace(Instant::now()).is_none() {
            tracing::error!(%error, "cannot accept connections: retrying");
            self.events.send(NodeEvent::AcceptFailed { error: error.to_string() });
        }
    }

    pub(super) fn accept_again(&mut self) {
        if self.listeners.next_calm().is_some_and(|calm| calm <= Instant::now()) {
            self.listeners.refused = None;
            tracing::info!("accepting connections again");
            self.events.send(NodeEvent::AcceptsAgain);
        }
    }

    /// Reports it if this node listens nowhere, so that nobody can dial it.
    pub(super) fn check_listens(&self) {
        if !self.own.listens() {
            self.events.send(NodeEvent::ListensNowhere);
        }
    }

    /// Adds an address at which others can reach this node, from a source that this node trusts in
    /// that.
    #[cfg(any(feature = "nat", feature = "upnp"))]
    pub(super) fn on_reachable(&mut self, address: Multiaddr) {
        self.own.add_confirmed(address.clone());
        self.update_contact();
        self.events.send(NodeEvent::Reachable { address });
    }

    pub(super) fn update_contact(&mut self) {
        let contact = self.own.contact().encode();
        if let Err(error) = self.signing().execute(Command::SetContact(contact)) {
            tracing::error!(%error, "cannot announce this node's addresses");
        }
    }

    /// Appends this node's peer id, so that others can use the address.
    fn with_own_id(&self, address: Multiaddr) -> Multiaddr {
        let local = Protocol::P2p(*self.swarm.local_peer_id());
        let ends_so = address.iter().last() == Some(local.clone());
        if ends_so { address } else { address.with(local) }
    }
}
