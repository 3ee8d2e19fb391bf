//! Tells the other behaviours where peers see this node.

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{PeerId, core};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::task::{Context, Poll};

/// Tells hole punching and AutoNAT at which addresses peers see the socket that this node listens
/// on. Identify should do that, but it replaces the observed port with the listening port, and most
/// NATs map to another port.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The swarm empties this before it takes in anything more.
    addresses: VecDeque<Multiaddr>,
}

impl Seen {
    pub(super) fn at(&mut self, address: Multiaddr) {
        self.addresses.push_back(address);
    }
}

impl NetworkBehaviour for Seen {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        never: THandlerOutEvent<Self>,
    ) {
        core::util::unreachable(never)
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        match self.addresses.pop_front() {
            Some(address) => Poll::Ready(ToSwarm::NewExternalAddrCandidate(address)),
            None => Poll::Pending,
        }
    }
}
