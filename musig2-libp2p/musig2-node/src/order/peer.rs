//! Addresses to dial.

use crate::text::Written;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::libp2p::multiaddr::Protocol;
use std::fmt;

/// A libp2p address that can be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) Multiaddr);

impl Written for Peer {
    const EXPECTED: &'static str = "an address to dial, such as /ip4/192.0.2.1/tcp/4001";

    fn read(text: &str) -> Result<Self, String> {
        let address = Multiaddr::read(text)?;
        let mut protocols = address.iter();
        match (protocols.next(), protocols.next()) {
            (Some(Protocol::P2p(_)) | None, _) => {
                Err("it does not say which host to dial: begin with /ip4/…, /ip6/…, /dns4/… or /dnsaddr/…".into())
            }
            // Such a name lists whole addresses.
            (Some(Protocol::Dnsaddr(_)), None | Some(Protocol::P2p(_))) => Ok(Self(address)),
            (Some(Protocol::Dnsaddr(_)), _) => {
                Err("the name of a /dnsaddr stands for whole addresses: only /p2p/… may follow it".into())
            }
            (_, Some(Protocol::Tcp(1..) | Protocol::Udp(1..))) => Ok(Self(address)),
            _ => Err("it has no port to dial: write /tcp/4001 or /udp/4001/quic-v1 after the host, with the port that the node prints".into()),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
