//! A NAT between one host and the network, in the terms of RFC 4787: it filters by address and
//! port, and maps the host's ports to others of its own.

use smoltcp::wire::{IpProtocol, Ipv4Packet, TcpPacket, UdpPacket};
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Which port of its own a NAT gives to a port of the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// One port, whichever peer the host speaks to: a peer that learns it from somebody else can
    /// answer there, once the host has spoken to that peer too.
    EndpointIndependent,
    /// Another port for each peer ("symmetric"): what one peer sees is of no use to anyone else.
    EndpointDependent,
}

#[derive(Debug)]
pub struct Nat {
    inside: Ipv4Addr,
    outside: Ipv4Addr,
    mapping: Mapping,
    /// What the host has spoken to, and from which port. Nothing else may speak to it.
    spoken: HashSet<(IpProtocol, u16, SocketAddrV4)>,
}

impl Nat {
    pub fn new(inside: Ipv4Addr, outside: Ipv4Addr, mapping: Mapping) -> Self {
        Self { inside, outside, mapping, spoken: HashSet::new() }
    }

    /// Rewrites a packet from the host. Returns `false` if it goes nowhere.
    pub fn leaves(&mut self, packet: &mut [u8]) -> bool {
        rewrite(packet, |protocol, from, to| {
            if *from.ip() != self.inside {
                return None;
            }
            self.spoken.insert((protocol, from.port(), to));
            Some((SocketAddrV4::new(self.outside, self.map(from.port(), to)), to))
        })
    }

    /// Rewrites a packet for the host. Returns `false` if it is not let in.
    pub fn enters(&self, packet: &mut [u8]) -> bool {
        rewrite(packet, |protocol, from, to| {
            let port = self.map(to.port(), from);
            let is_answer =
                *to.ip() == self.outside && self.spoken.contains(&(protocol, port, from));
            is_answer.then_some((from, SocketAddrV4::new(self.inside, port)))
        })
    }

    /// Maps the host's ports to the NAT's own, and back.
    fn map(&self, port: u16, peer: SocketAddrV4) -> u16 {
        const OTHER: u16 = 0x2000;
        match self.mapping {
            Mapping::EndpointIndependent => port ^ OTHER,
            Mapping::EndpointDependent => {
                let [.., host] = peer.ip().octets();
                port ^ OTHER ^ (peer.port() ^ u16::from(host)) & 0x0fff
            }
        }
    }
}

/// Gives a UDP or TCP packet these addresses instead of those that it has. Returns `false` if it is
/// neither, or has nowhere to go.
fn rewrite(
    packet: &mut [u8],
    change: impl FnOnce(IpProtocol, SocketAddrV4, SocketAddrV4) -> Option<(SocketAddrV4, SocketAddrV4)>,
) -> bool {
    let Ok(mut ip) = Ipv4Packet::new_checked(packet) else { return false };
    let (protocol, from, to) = (ip.next_header(), ip.src_addr(), ip.dst_addr());
    let address = |ip, port| SocketAddrV4::new(ip, port);
    let changed = match protocol {
        IpProtocol::Udp => UdpPacket::new_checked(ip.payload_mut()).ok().and_then(|mut udp| {
            let (from, to) =
                change(protocol, address(from, udp.src_port()), address(to, udp.dst_port()))?;
            udp.set_src_port(from.port());
            udp.set_dst_port(to.port());
            udp.fill_checksum(&(*from.ip()).into(), &(*to.ip()).into());
            Some((from, to))
        }),
        IpProtocol::Tcp => TcpPacket::new_checked(ip.payload_mut()).ok().and_then(|mut tcp| {
            let (from, to) =
                change(protocol, address(from, tcp.src_port()), address(to, tcp.dst_port()))?;
            tcp.set_src_port(from.port());
            tcp.set_dst_port(to.port());
            tcp.fill_checksum(&(*from.ip()).into(), &(*to.ip()).into());
            Some((from, to))
        }),
        _ => None,
    };
    let Some((from, to)) = changed else { return false };
    ip.set_src_addr(*from.ip());
    ip.set_dst_addr(*to.ip());
    ip.fill_checksum();
    true
}
