//! Which addresses to believe, and which to tell.

use crate::PeerContact;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The most addresses of this kind that are kept.
const MAX_OBSERVED: usize = 2;
const MAX_LISTENING: usize = 64;

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Host,
    Site,
    World,
}

impl Reach {
    /// `None` where it is no address of a host, or of none in particular.
    pub(super) fn of(address: &Multiaddr) -> Option<Self> {
        match address.iter().next()? {
            Protocol::Ip4(ip) => of_v4(ip),
            Protocol::Ip6(ip) => of_v6(ip),
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => Some(Self::World),
            _ => None,
        }
    }
}

/// Whether it leads through a relay.
pub(super) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Whether it is reached over QUIC.
#[cfg(feature = "nat")]
pub(super) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::QuicV1)
}

/// The addresses a peer claims to have, as far as they make sense to who hears of them over a connection of some reach: someone from far
/// away must not make this node dial into its own network.
pub(super) fn believable(claimed: Vec<Multiaddr>, heard_over: Reach) -> impl Iterator<Item = Multiaddr> {
    let makes_sense = move |address: &Multiaddr| Reach::of(address).is_some_and(|reach| reach >= heard_over);
    claimed.into_iter().filter(makes_sense).take(PeerContact::MAX_ADDRESSES)
}

/// Where this node can be reached.
#[derive(Debug)]
pub(super) struct OwnAddresses {
    peer: PeerId,
    listening: Vec<Multiaddr>,
    confirmed: Vec<Multiaddr>,
    /// Where others say that they see this node, the last ones. They may be wrong: then others dial in vain.
    observed: Vec<Multiaddr>,
}

impl OwnAddresses {
    pub(super) fn new(peer: PeerId) -> Self {
        Self { peer, listening: Vec::new(), confirmed: Vec::new(), observed: Vec::new() }
    }

    pub(super) fn add_listening(&mut self, address: Multiaddr) {
        push_newest(&mut self.listening, address, MAX_LISTENING);
    }

    pub(super) fn add_confirmed(&mut self, address: Multiaddr) {
        push_newest(&mut self.confirmed, address, MAX_LISTENING);
    }

    pub(super) fn add_observed(&mut self, address: Multiaddr) {
        if !self.listening.is_empty() && Reach::of(&address) == Some(Reach::World) {
            push_newest(&mut self.observed, address, MAX_OBSERVED);
        }
    }

    pub(super) fn remove(&mut self, address: &Multiaddr) {
        for addresses in [&mut self.listening, &mut self.confirmed] {
            addresses.retain(|other| other != address);
        }
    }

    /// Whether it is known that others can reach this node from outside of its network without a relay.
    #[cfg(feature = "nat")]
    pub(super) fn has_public(&self) -> bool {
        self.confirmed.iter().any(|address| !is_relayed(address) && Reach::of(address) == Some(Reach::World))
    }

    /// What to tell co-signers: the addresses that reach furthest first, and those of this host only where there are no others; last
    /// those through relays, and where this node may be.
    pub(super) fn contact(&self) -> PeerContact {
        let mut listening: Vec<_> =
            self.listening.iter().filter_map(|address| Some((Reach::of(address)?, address))).collect();
        listening.sort_by_key(|(reach, _)| std::cmp::Reverse(*reach));
        let furthest = listening.first().map(|(reach, _)| *reach);
        let listening = listening
            .into_iter()
            .filter(|(reach, _)| *reach > Reach::Host || furthest == Some(Reach::Host))
            .map(|(_, address)| address);
        let (relayed, direct): (Vec<_>, Vec<_>) =
            self.confirmed.iter().chain(listening).cloned().partition(is_relayed);
        PeerContact::new(self.peer, direct.into_iter().chain(relayed).chain(self.observed.clone()))
    }
}

fn push_newest(addresses: &mut Vec<Multiaddr>, address: Multiaddr, most: usize) {
    if !addresses.contains(&address) {
        if addresses.len() == most {
            addresses.remove(0);
        }
        addresses.push(address);
    }
}

fn of_v4(ip: Ipv4Addr) -> Option<Reach> {
    let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
    match ip {
        _ if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() => None,
        _ if ip.is_loopback() => Some(Reach::Host),
        _ if ip.is_private() || ip.is_link_local() || shared => Some(Reach::Site),
        _ => Some(Reach::World),
    }
}

fn of_v6(ip: Ipv6Addr) -> Option<Reach> {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return of_v4(ip);
    }
    match ip {
        _ if ip.is_unspecified() || ip.is_multicast() => None,
        _ if ip.is_loopback() => Some(Reach::Host),
        _ if ip.is_unique_local() || ip.is_unicast_link_local() => Some(Reach::Site),
        _ => Some(Reach::World),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str) -> Multiaddr {
        format!("/{host}/tcp/4001").parse().unwrap()
    }

    const HOST: &str = "ip4/127.0.0.1";
    const SITE: &str = "ip4/10.0.0.1";
    const WORLD: &str = "ip4/198.51.100.1";

    #[test]
    fn a_far_peer_cannot_send_this_node_into_its_own_network() {
        let claimed = || {
            [HOST, SITE, WORLD, "ip6/::1", "ip6/fd00::1", "ip6/::ffff:127.0.0.1", "ip4/0.0.0.0"]
                .map(address)
                .into()
        };
        assert_eq!(believable(claimed(), Reach::World).collect::<Vec<_>>(), [address(WORLD)]);
        assert_eq!(believable(claimed(), Reach::Site).count(), 3);
        assert_eq!(believable(claimed(), Reach::Host).count(), 6);
    }

    #[test]
    fn loopback_is_told_only_where_there_is_nothing_else() {
        let mut own = OwnAddresses::new(PeerId::random());
        own.add_listening(address(HOST));
        assert_eq!(own.contact().addresses(), [address(HOST)]);
        own.add_listening(address(SITE));
        own.add_observed(address(WORLD));
        own.add_observed(address("ip4/10.9.9.9"));
        assert_eq!(own.contact().addresses(), [address(SITE), address(WORLD)]);
        own.remove(&address(SITE));
        assert_eq!(own.contact().addresses(), [address(HOST), address(WORLD)]);
    }

    #[test]
    fn a_relay_is_told_after_the_addresses_that_need_none() {
        let mut own = OwnAddresses::new(PeerId::random());
        let relayed = address(WORLD).with(Protocol::P2p(PeerId::random())).with(Protocol::P2pCircuit);
        own.add_confirmed(relayed.clone());
        own.add_listening(relayed.clone());
        own.add_listening(address(SITE));
        assert_eq!(own.contact().addresses(), [address(SITE), relayed]);
    }

    #[cfg(feature = "nat")]
    #[test]
    fn who_can_be_reached_without_a_relay_needs_none() {
        let mut own = OwnAddresses::new(PeerId::random());
        own.add_confirmed(address(WORLD).with(Protocol::P2p(PeerId::random())).with(Protocol::P2pCircuit));
        own.add_listening(address(WORLD));
        own.add_confirmed(address(SITE));
        assert!(!own.has_public(), "that it listens there does not say that it can be reached");
        own.add_confirmed(address("dns4/signer.example"));
        assert!(own.has_public());
    }
}
