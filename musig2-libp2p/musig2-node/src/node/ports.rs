//! Checks that nobody else uses the addresses to listen on.

use crate::failure::Failure;
use musig2_libp2p::NodeConfig;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::libp2p::multiaddr::Protocol;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Checks that every address to listen on is free.
pub(crate) fn check_ports(config: &NodeConfig) -> Result<(), Failure> {
    config.listen.iter().try_for_each(check_free)
}

/// Checks that an address is free. libp2p listens on TCP with SO_REUSEPORT, so that it can dial
/// from the same port. Two programs would then silently share a port, and each would get some of
/// the other's connections.
fn check_free(address: &Multiaddr) -> Result<(), Failure> {
    let mut protocols = address.iter();
    let ip = match protocols.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::from(ip),
        _ => return Ok(()),
    };
    let bound = match protocols.next() {
        Some(Protocol::Tcp(port @ 1..)) => bind(Type::STREAM, SocketAddr::new(ip, port)),
        Some(Protocol::Udp(port @ 1..)) => bind(Type::DGRAM, SocketAddr::new(ip, port)),
        _ => return Ok(()),
    };
    match bound {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(Failure::Listen { address: Some(address.clone()), error: error.to_string() })
        }
        // The node finds every other problem itself, and knows what to do on a host without IPv6.
        _ => Ok(()),
    }
}

/// Binds as the node does, but exclusively: an IPv6 address binds only IPv6. The port is released
/// at once.
fn bind(kind: Type, address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Otherwise, connections that were closed a moment ago would still hold the port.
    #[cfg(unix)]
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    if kind == Type::STREAM { socket.listen(1) } else { Ok(()) }
}
