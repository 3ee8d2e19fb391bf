//! Which addresses to believe, and which to tell others.

use crate::PeerContact;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The most observed addresses that are kept.
const MAX_OBSERVED: usize = 2;
const MAX_LISTENING: usize = 64;

/// How far away an address can be reached from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    Host,
    Site,
    World,
}

impl Reach {
    /// Returns the reach of an address. `None` if the address is not one of a host, is unspecified,
    /// can be used by nobody else (link-local IPv6), or names more than one host: transports dial
    /// the last host of `/ip4/…/ip4/…/tcp/…`.
    pub(super) fn of(address: &Multiaddr) -> Option<Self> {
        let is_end = |part| matches!(part, Protocol::P2p(_) | Protocol::P2pCircuit);
        let mut parts = address.iter();
        let reach = match parts.next()? {
            Protocol::Ip4(ip) => of_v4(ip)?,
            Protocol::Ip6(ip) => of_v6(ip)?,
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => Self::World,
            // Such a name lists whole addresses.
            Protocol::Dnsaddr(_) => return parts.all(is_end).then_some(Self::World),
            _ => return None,
        };
        let transport = match (parts.next()?, parts.next()) {
            (Protocol::Tcp(_), after) => after,
            (Protocol::Udp(_), Some(Protocol::QuicV1)) => parts.next(),
            _ => return None,
        };
        transport.into_iter().chain(parts).all(is_end).then_some(reach)
    }
}

/// Returns whether the address leads through a relay.
pub(super) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// Returns the address's kind. A host has addresses of several kinds side by side: IPv4 or IPv6,
/// over TCP or QUIC.
fn kind(address: &Multiaddr) -> (bool, bool) {
    (matches!(address.iter().next(), Some(Protocol::Ip6(_))), is_quic(address))
}

/// Returns whether the address is reached over QUIC.
pub(super) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::QuicV1)
}

/// Returns the claimed addresses of a peer that are plausible, given how far away the peer is that
/// named them. A distant peer must not make this node dial into its own network, or look up one
/// name after another.
pub(super) fn believable(
    claimed: Vec<Multiaddr>,
    heard_over: Reach,
) -> impl Iterator<Item = Multiaddr> {
    let is_list = |address: &Multiaddr| matches!(address.iter().next(), Some(Protocol::Dnsaddr(_)));
    let makes_sense = move |address: &Multiaddr| {
        !is_list(address) && Reach::of(address).is_some_and(|reach| reach >= heard_over)
    };
    claimed.into_iter().filter(makes_sense).take(PeerContact::MAX_ADDRESSES)
}

/// Where this node can be reached.
#[derive(Debug)]
pub(super) struct OwnAddresses {
    peer: PeerId,
    listening: Vec<Multiaddr>,
    confirmed: Vec<Multiaddr>,
    /// Where bootstrap peers say that they see this node: the latest few. If they are wrong, others
    /// dial in vain.
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

    /// Adds an address at which a peer says that it sees this node, on a connection that this node
    /// dialled. Over QUIC this node dials from the port that it listens on; over TCP it dials from
    /// another, so the listening port replaces it.
    pub(super) fn add_observed(&mut self, address: &Multiaddr) {
        if Reach::of(address) != Some(Reach::World) {
            return;
        }
        let listens_like = |own: &&Multiaddr| !is_relayed(own) && kind(own) == kind(address);
        let Some(own) = self.listening.iter().find(listens_like) else { return };
        let port = if is_quic(address) { address.iter().nth(1) } else { own.iter().nth(1) };
        let Some(port) = port.map(Protocol::acquire) else { return };
        let seen = address.replace(1, |_| Some(port));
        seen.into_iter().for_each(|seen| push_newest(&mut self.observed, seen, MAX_OBSERVED));
    }

    pub(super) fn remove(&mut self, address: &Multiaddr) {
        for addresses in [&mut self.listening, &mut self.confirmed] {
            addresses.retain(|other| other != address);
        }
    }

    /// Returns whether this node listens anywhere, even if only at a relay.
    pub(super) fn listens(&self) -> bool {
        !self.listening.is_empty()
    }

    /// Returns whether others are known to reach this node from outside its network without a
    /// relay.
    #[cfg(feature = "nat")]
    pub(super) fn has_public(&self) -> bool {
        self.confirmed
            .iter()
            .any(|address| !is_relayed(address) && Reach::of(address) == Some(Reach::World))
    }

    /// Returns what to tell co-signers.
    ///
    /// First comes the furthest-reaching address of each kind, then the next one of each (one kind
    /// may have more addresses than a contact holds). Addresses of this host are told only if there
    /// are no others. Last come those through relays, and those at which this node was observed.
    pub(super) fn contact(&self) -> PeerContact {
        let mut listening: Vec<_> = self
            .listening
            .iter()
            .filter_map(|address| Some((Reach::of(address)?, address)))
            .collect();
        listening.sort_by_key(|(reach, _)| std::cmp::Reverse(*reach));
        let furthest = listening.first().map(|(reach, _)| *reach);
        listening.retain(|(reach, _)| *reach > Reach::Host || furthest == Some(Reach::Host));
        let nth = |index: usize| {
            let (before, rest) = listening.split_at(index);
            before.iter().filter(|(_, other)| kind(other) == kind(rest[0].1)).count()
        };
        let mut order: Vec<_> = (0..listening.len()).collect();
        order.sort_by_key(|index| nth(*index));
        let listening = order.into_iter().map(|index| listening[index].1);
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
    let [first, second, third, _] = ip.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    // IANA's registry of special-purpose addresses: "this network", protocol assignments,
    // benchmarking, reserved.
    let special = first == 0
        || (first, second, third) == (192, 0, 0)
        || first == 198 && second & 0xfe == 18
        || first >= 240;
    match ip {
        _ if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() => None,
        _ if special => Some(Reach::Site),
        _ if ip.is_loopback() => Some(Reach::Host),
        _ if ip.is_private() || ip.is_link_local() || shared => Some(Reach::Site),
        _ => Some(Reach::World),
    }
}

fn of_v6(ip: Ipv6Addr) -> Option<Reach> {
    let segments = ip.segments();
    let inside =
        |high: u16, low: u16| of_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    // IPv4 inside IPv6: mapped and compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] => return inside(high, low),
        // The first two of these are IPv6's own: unspecified and loopback.
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => return inside(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => return inside(high, low),
        [0x64, 0xff9b, ..] => return Some(Reach::Site),
        [0x2002, high, low, ..] => return inside(high, low),
        _ => {}
    }
    let was_site_local = segments[0] & 0xffc0 == 0xfec0;
    match ip {
        _ if was_site_local => Some(Reach::Site),
        _ if ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() => None,
        _ if ip.is_loopback() => Some(Reach::Host),
        _ if ip.is_unique_local() => Some(Reach::Site),
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
    fn a_remote_peer_cannot_send_this_node_into_its_own_network() {
        let claimed = || {
            [HOST, SITE, WORLD, "ip6/::1", "ip6/fd00::1", "ip6/::ffff:127.0.0.1", "ip4/0.0.0.0"]
                .map(address)
                .into()
        };
        assert_eq!(believable(claimed(), Reach::World).collect::<Vec<_>>(), [address(WORLD)]);
        assert_eq!(believable(claimed(), Reach::Site).count(), 3);
        assert_eq!(believable(claimed(), Reach::Host).count(), 6);
        let list = vec!["/dnsaddr/signer.example".parse().unwrap()];
        assert_eq!(believable(list, Reach::World).count(), 0);
    }

    #[test]
    fn an_address_that_leads_inside_does_not_count_as_public() {
        for inside in [
            "/ip6/64:ff9b::a00:5/tcp/1",
            "/ip6/64:ff9b:1::1/tcp/1",
            "/ip6/2002:a00:5::1/tcp/1",
            "/ip6/::10.0.0.5/tcp/1",
            "/ip6/::ffff:0.0.0.0/tcp/1",
            "/ip6/::ffff:0.0.0.1/tcp/1",
            "/ip6/fec0::1/tcp/1",
            "/ip4/192.0.0.8/tcp/1",
            "/ip4/198.19.0.1/tcp/1",
            "/ip4/0.0.0.1/tcp/1",
            "/ip4/240.0.0.1/tcp/1",
            "/ip4/198.51.100.1/ip4/127.0.0.1/tcp/22",
            "/ip4/198.51.100.1/tcp/1/ip4/10.0.0.5/tcp/6379",
            "/ip4/198.51.100.1/dns4/localhost/tcp/22",
            "/ip6zone/x/ip6/fd00::1/tcp/80",
            "/ip6/fe80::1/tcp/1",
            "/dnsaddr/signer.example/tcp/1",
            "/dnsaddr/signer.example/ip4/127.0.0.1/tcp/22",
            "/memory/1/ip4/127.0.0.1/tcp/22",
            "/ip4/239.255.255.250/udp/1900/quic-v1",
            "/ip4/198.51.100.1/udp/53",
        ] {
            assert_ne!(Reach::of(&inside.parse().unwrap()), Some(Reach::World), "{inside}");
        }
        let peer = PeerId::random();
        for world in [
            "/ip4/198.51.100.1/udp/1/quic-v1".into(),
            "/ip6/2001:db8::1/tcp/1".into(),
            "/ip6/64:ff9b::808:808/tcp/1".into(),
            format!("/dns4/signer.example/tcp/1/p2p/{peer}/p2p-circuit/p2p/{peer}"),
            "/dnsaddr/signer.example".into(),
            format!("/dnsaddr/signer.example/p2p/{peer}"),
        ] {
            assert_eq!(Reach::of(&world.parse().unwrap()), Some(Reach::World), "{world}");
        }
        assert_eq!(Reach::of(&"/ip6/::1/tcp/1".parse().unwrap()), Some(Reach::Host));
    }

    #[test]
    fn an_observed_address_is_announced_with_the_listening_port() {
        let mut own = OwnAddresses::new(PeerId::random());
        own.add_observed(&address(WORLD));
        assert_eq!(own.contact().addresses().len(), 0, "it listens nowhere");
        own.add_listening("/ip4/10.0.0.1/tcp/7".parse().unwrap());
        own.add_observed(&address(WORLD));
        own.add_observed(&address(SITE));
        own.add_observed(&"/ip4/198.51.100.9/udp/5/quic-v1".parse().unwrap());
        let seen = "/ip4/198.51.100.1/tcp/7".parse().unwrap();
        assert_eq!(own.contact().addresses(), ["/ip4/10.0.0.1/tcp/7".parse().unwrap(), seen]);
        own.add_observed(&address("ip6/2001:db8::1"));
        assert_eq!(own.contact().addresses().len(), 2, "it listens on no IPv6");
        own.add_listening("/ip6/fd00::1/tcp/8".parse().unwrap());
        own.add_observed(&address("ip6/2001:db8::1"));
        assert!(own.contact().addresses().contains(&"/ip6/2001:db8::1/tcp/8".parse().unwrap()));
    }

    #[test]
    fn loopback_is_announced_only_if_there_is_no_other_address() {
        let mut own = OwnAddresses::new(PeerId::random());
        own.add_listening(address(HOST));
        assert_eq!(own.contact().addresses(), [address(HOST)]);
        own.add_listening(address(SITE));
        own.add_observed(&address(WORLD));
        own.add_observed(&address("ip4/10.9.9.9"));
        assert_eq!(own.contact().addresses(), [address(SITE), address(WORLD)]);
        own.remove(&address(SITE));
        assert_eq!(own.contact().addresses(), [address(HOST), address(WORLD)]);
    }

    #[test]
    fn one_address_of_each_kind_is_always_announced() {
        let mut own = OwnAddresses::new(PeerId::random());
        for number in 1..20 {
            own.add_listening(address(&format!("ip6/2001:db8::{number}")));
            own.add_listening(address(&format!("ip6/fe80::{number}")));
        }
        own.add_listening(address(SITE));
        let quic = "/ip4/10.0.0.1/udp/1/quic-v1".parse().unwrap();
        own.add_listening(quic);
        let contact = own.contact();
        assert_eq!(contact.addresses().len(), PeerContact::MAX_ADDRESSES);
        assert!(contact.addresses().contains(&address(SITE)));
        let told: Vec<_> = contact.addresses().iter().map(kind).collect();
        assert_eq!(told[..4], [(true, false), (false, false), (false, true), (true, false)]);
        assert!(contact.addresses().iter().all(|address| Reach::of(address).is_some()));
    }

    #[test]
    fn relayed_addresses_are_announced_after_direct_ones() {
        let mut own = OwnAddresses::new(PeerId::random());
        let relayed =
            address(WORLD).with(Protocol::P2p(PeerId::random())).with(Protocol::P2pCircuit);
        own.add_confirmed(relayed.clone());
        own.add_listening(relayed.clone());
        own.add_listening(address(SITE));
        assert_eq!(own.contact().addresses(), [address(SITE), relayed]);
    }

    #[cfg(feature = "nat")]
    #[test]
    fn a_node_with_a_confirmed_public_address_needs_no_relay() {
        let mut own = OwnAddresses::new(PeerId::random());
        own.add_confirmed(
            address(WORLD).with(Protocol::P2p(PeerId::random())).with(Protocol::P2pCircuit),
        );
        own.add_listening(address(WORLD));
        own.add_confirmed(address(SITE));
        assert!(!own.has_public(), "that it listens there does not say that it can be reached");
        own.add_confirmed(address("dns4/signer.example"));
        assert!(own.has_public());
    }
}
