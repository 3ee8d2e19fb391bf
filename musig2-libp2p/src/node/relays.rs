//! Bootstrap peers that relay for this node.

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::collections::HashMap;

/// How many relays to ask at most: more than one, because one may fail.
const MAX_RELAYS: usize = 2;

/// The relays that this node listens through, or has asked.
#[derive(Debug, Default)]
pub(super) struct Relays(HashMap<ListenerId, PeerId>);

impl Relays {
    pub(super) fn wants(&self, relay: PeerId) -> bool {
        self.0.len() < MAX_RELAYS && !self.0.values().any(|known| *known == relay)
    }

    pub(super) fn add(&mut self, listener: ListenerId, relay: PeerId) {
        self.0.insert(listener, relay);
    }

    /// Removes the relay of a listener that has closed, because the relay refused or the connection
    /// to it is lost. It is asked again when it is next identified. Returns `false` if the listener
    /// was not at a relay.
    pub(super) fn remove(&mut self, listener: ListenerId) -> bool {
        self.0.remove(&listener).is_some()
    }
}

/// Returns the address on which to listen through a relay.
pub(super) fn through(relay: PeerId, address: Multiaddr) -> Multiaddr {
    address.with(Protocol::P2p(relay)).with(Protocol::P2pCircuit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_few_relays_are_asked_and_each_once() {
        let mut relays = Relays::default();
        let [one, other, third] = [(); 3].map(|()| PeerId::random());
        let listener = ListenerId::next();
        relays.add(listener, one);
        assert!(!relays.wants(one) && relays.wants(other));
        relays.add(ListenerId::next(), other);
        assert!(!relays.wants(third));
        assert!(relays.remove(listener) && !relays.remove(listener));
        assert!(relays.wants(one) && relays.wants(third));
    }
}
