//! The peers through which a node finds the others.

use crate::frames::jitter;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Keeps a connection to each bootstrap peer. It redials with growing pauses, each between half and
/// all of its length at random.
#[derive(Debug)]
pub(super) struct Bootstrap {
    peers: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    address: Multiaddr,
    state: State,
    pause: Duration,
    /// The peer that last answered there.
    last: Option<PeerId>,
}

#[derive(Debug)]
enum State {
    Due(Instant),
    Dialing(ConnectionId),
    Connected(PeerId),
    /// The address is this node's own: there is nobody to dial.
    Own,
}

/// What follows from a failed dial.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// The address will be dialled again. `peer` last answered there.
    Again { address: Multiaddr, peer: Option<PeerId> },
    /// The address is this node's own. `only`: so are all the others.
    Own { address: Multiaddr, only: bool },
}

impl Bootstrap {
    pub(super) fn new(addresses: &[Multiaddr], now: Instant) -> Self {
        let entry = |address: &Multiaddr| Entry {
            address: address.clone(),
            state: State::Due(now),
            pause: FIRST_PAUSE,
            last: None,
        };
        Self { peers: addresses.iter().map(entry).collect() }
    }

    /// Returns when to call [`Bootstrap::due`] next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.peers
            .iter()
            .filter_map(|entry| if let State::Due(at) = entry.state { Some(at) } else { None })
            .min()
    }

    /// Returns the dials that are due now. The caller must report the outcome of each.
    pub(super) fn due(&mut self, now: Instant) -> Vec<DialOpts> {
        let due = self
            .peers
            .iter_mut()
            .filter(|entry| matches!(entry.state, State::Due(at) if at <= now));
        due.map(|entry| {
            let dial = DialOpts::from(entry.address.clone());
            entry.state = State::Dialing(dial.connection_id());
            dial
        })
        .collect()
    }

    /// Notes that a connection is established. Returns the addresses that were not connected
    /// before.
    pub(super) fn established(&mut self, connection: ConnectionId, peer: PeerId) -> Vec<Multiaddr> {
        let mut reached = Vec::new();
        for entry in &mut self.peers {
            let dialled = matches!(entry.state, State::Dialing(id) if id == connection);
            if dialled || entry.peer() == Some(peer) {
                if !matches!(entry.state, State::Connected(_)) {
                    reached.push(entry.address.clone());
                }
                entry.state = State::Connected(peer);
                entry.last = Some(peer);
                entry.pause = FIRST_PAUSE;
            }
        }
        reached
    }

    /// Notes that a dial failed. Returns `None` if it was not one of these.
    pub(super) fn failed(
        &mut self,
        connection: ConnectionId,
        error: &DialError,
        now: Instant,
    ) -> Option<Failed> {
        let dialled =
            |entry: &&mut Entry| matches!(entry.state, State::Dialing(id) if id == connection);
        let entry = self.peers.iter_mut().find(dialled)?;
        let address = entry.address.clone();
        // The swarm removes its own listen addresses from every dial; here nothing was left.
        if matches!(error, DialError::LocalPeerId { .. } | DialError::NoAddresses) {
            entry.state = State::Own;
            let only = self.peers.iter().all(|entry| matches!(entry.state, State::Own));
            return Some(Failed::Own { address, only });
        }
        entry.state = State::Due(now + jitter(entry.pause));
        entry.pause = (2 * entry.pause).min(LONGEST_PAUSE);
        Some(Failed::Again { address, peer: entry.last })
    }

    pub(super) fn disconnected(&mut self, peer: PeerId, now: Instant) {
        for entry in &mut self.peers {
            if matches!(entry.state, State::Connected(connected) if connected == peer) {
                entry.state = State::Due(now + jitter(entry.pause));
            }
        }
    }

    /// Returns whether this peer was reached at one of the addresses.
    pub(super) fn contains(&self, peer: PeerId) -> bool {
        self.peers
            .iter()
            .any(|entry| matches!(entry.state, State::Connected(connected) if connected == peer))
    }
}

impl Entry {
    /// The peer that the address names.
    fn peer(&self) -> Option<PeerId> {
        match self.address.iter().last() {
            Some(Protocol::P2p(peer)) => Some(peer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bootstrap_peer_is_dialled_until_it_answers_and_again_if_lost() {
        let start = Instant::now();
        let mut bootstrap = Bootstrap::new(&["/ip4/192.0.2.1/tcp/1".parse().unwrap()], start);
        let mut now = start;
        let mut pause = Duration::ZERO;
        for _ in 0..10 {
            let due = bootstrap.next_due().unwrap();
            assert!((pause / 2..=pause).contains(&(due - now)), "{:?}", due - now);
            pause = if pause.is_zero() { FIRST_PAUSE } else { (2 * pause).min(LONGEST_PAUSE) };
            now = due;
            let [dial] = &bootstrap.due(now)[..] else { panic!("one dial") };
            assert_eq!(bootstrap.next_due(), None);
            let failed = bootstrap.failed(dial.connection_id(), &DialError::Aborted, now);
            assert!(matches!(failed, Some(Failed::Again { .. })), "{failed:?}");
        }

        let peer = PeerId::random();
        let dial = bootstrap.due(now + LONGEST_PAUSE).remove(0);
        assert_eq!(bootstrap.established(dial.connection_id(), peer).len(), 1);
        assert_eq!(bootstrap.established(dial.connection_id(), peer).len(), 0);
        assert!(bootstrap.contains(peer) && bootstrap.next_due().is_none());
        bootstrap.disconnected(peer, now);
        assert!(bootstrap.next_due().unwrap() <= now + FIRST_PAUSE);
    }

    #[test]
    fn a_nodes_own_bootstrap_address_is_reported_and_not_dialled_again() {
        let now = Instant::now();
        let addresses =
            [1, 2].map(|port| format!("/ip4/192.0.2.1/tcp/{port}").parse::<Multiaddr>().unwrap());
        let mut bootstrap = Bootstrap::new(&addresses, now);
        let dials = bootstrap.due(now);
        for (number, (dial, address)) in dials.iter().zip(addresses).enumerate() {
            let error = DialError::LocalPeerId { address: address.clone() };
            let failed = bootstrap.failed(dial.connection_id(), &error, now);
            assert_eq!(failed, Some(Failed::Own { address, only: number == 1 }));
        }
        assert_eq!(bootstrap.next_due(), None);
    }

    #[test]
    fn a_named_bootstrap_peer_that_dials_first_counts() {
        let now = Instant::now();
        let peer = PeerId::random();
        let address: Multiaddr = format!("/ip4/192.0.2.1/tcp/1/p2p/{peer}").parse().unwrap();
        let mut bootstrap = Bootstrap::new(&[address], now);
        assert_eq!(bootstrap.established(ConnectionId::new_unchecked(0), peer).len(), 1);
        assert!(bootstrap.contains(peer) && bootstrap.due(now).is_empty());
    }
}
