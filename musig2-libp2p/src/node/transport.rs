//! The transports: TCP with Noise and Yamux, or QUIC, with names resolved by DNS.

use super::names::Names;
use super::outward::Outward;
use super::parting::Parting;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::timeout::TransportTimeout;
use libp2p::core::transport::{
    Boxed, DialOpts, ListenerId, OrTransport, PortUse, TransportError, TransportEvent,
};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
#[cfg(feature = "nat")]
use libp2p::relay;
use libp2p::{Multiaddr, PeerId, Transport, noise, quic, tcp, yamux};
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long making a connection may take. Without this limit, a peer that connects and stays silent
/// would keep one of the places for handshakes.
const HANDSHAKE: Duration = Duration::from_secs(10);

pub(super) fn build(
    identity: &Keypair,
    dials_private: bool,
    #[cfg(feature = "nat")] relayed: Option<relay::client::Transport>,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Box<dyn Error + Send + Sync>> {
    let noise = noise::Config::new(identity)?;
    let tcp = FromNewPort(tcp::tokio::Transport::new(tcp::Config::default().nodelay(true)))
        .upgrade(Version::V1Lazy)
        .authenticate(noise.clone())
        .multiplex(yamux::Config::default())
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(Parting::new(connection))));
    let quic = quic::tokio::Transport::new(quic::Config::new(identity))
        .map(|(peer, connection), _| (peer, StreamMuxerBox::new(Parting::new(connection))));
    let either =
        OrTransport::new(tcp, quic).map(|either, _| either.into_inner()).map_err(io::Error::other);
    let direct = Names::new(Outward::new(either, dials_private));
    #[cfg(feature = "nat")]
    if let Some(relayed) = relayed {
        let relayed = relayed
            .upgrade(Version::V1Lazy)
            .authenticate(noise)
            .multiplex(yamux::Config::default())
            .map(|(peer, connection), _| (peer, StreamMuxerBox::new(Parting::new(connection))));
        // The relay transport comes first: the others would take an address through a relay for the
        // relay's own, and dial that.
        let transport = OrTransport::new(relayed, direct).map(|either, _| either.into_inner());
        return Ok(TransportTimeout::new(transport, HANDSHAKE).boxed());
    }
    Ok(TransportTimeout::new(direct, HANDSHAKE).boxed())
}

/// Dials from a new port, whatever the dialling behaviour asks for. If two nodes dial each other at
/// the same moment from the ports that they listen on, TCP joins them into one connection with two
/// initiators, which fails on both sides. Every behaviour but ours asks to reuse the port.
struct FromNewPort<T>(T);

impl<T: Transport + Unpin> Transport for FromNewPort<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<Self::Error>> {
        self.0.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<Self::Error>> {
        self.0.dial(address, DialOpts { port_use: PortUse::New, ..options })
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.0).poll(context)
    }
}
