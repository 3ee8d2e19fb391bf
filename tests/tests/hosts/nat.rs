//! A NAT between one host and the network, in the words of RFC 4787: it filters by address and port, and maps the host's ports to others of its own.

use smoltcp::wire::{IpProtocol, Ipv4Packet, TcpPacket, UdpPacket};
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};

/// What port of its own a NAT gives to a port of the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    /// One, whomever the host speaks to: who is told it by somebody else can answer there, once the host has spoken to it, too.
    EndpointIndependent,
    /// Another one for each peer ("symmetric"): what others see is of no use to anyone else.
    EndpointDependent,
}

#[derive(Debug)]
pub struct Nat {
    inside: Ipv4Addr,
    outside: Ipv4Addr,
    mapping: Mapping,
    /// What the host has spoken with, from which port: nothing else may speak to it.
    spoken: HashSet<(IpProtocol, u16, SocketAddrV4)>,
}

impl Nat {
    pub fn new(inside: Ipv4Addr, outside: Ipv4Addr, mapping: Mapping) -> Self {
        Self { inside, outside, mapping, spoken: HashSet::new() }
    }

    /// Rewrites a packet of the host's. `false`: it goes nowhere.
    pub fn leaves(&mut self, packet: &mut [u8]) -> bool {
        rewrite(packet, |protocol, from, to| {
            if *from.ip() != self.inside {
                return None;
            }
            self.spoken.insert((protocol, from.port(), to));
            Some((SocketAddrV4::new(self.outside, self.map(from.port(), to)), to))
        })
    }

    /// Rewrites a packet for the host. `false`: it is not let in.
    pub fn enters(&self, packet: &mut [u8]) -> bool {
        rewrite(packet, |protocol, from, to| {
            let port = self.map(to.port(), from);
            let is_answer =
                *to.ip() == self.outside && self.spoken.contains(&(protocol, port, from));
            is_answer.then_some((from, SocketAddrV4::new(self.inside, port)))
        })
    }

    /// From the host's ports to its own, and back.
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

/// Gives a UDP or TCP packet these addresses in place of those that it has; `false` where it is none, or has no place to go.
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
