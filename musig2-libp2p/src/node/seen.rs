//! Where peers see this node, as something that the other behaviours hear of.

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

/// Tells hole punching and AutoNAT of addresses at which peers see the socket that this node listens on. Identify, where it should, puts the port that
/// this node listens on in place of the one that was seen, and most NATs give another one.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Emptied by the swarm before it takes in anything more.
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
