//! How a swarm drives the behaviour.

use super::event::BehaviourEvent;
use super::signing::Behaviour;
use crate::frames::Handler;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use musig2_proto::{Crypto, Input};
use std::task::{Context, Poll};

impl<C: Crypto + 'static> NetworkBehaviour for Behaviour<C> {
    type ConnectionHandler = Handler;
    type ToSwarm = BehaviourEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(&peer)?;
        Ok(self.links.new_handler())
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let Some(peer) = peer else { return Ok(Vec::new()) };
        self.admit(&peer)?;
        Ok(self.links.addresses(&peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(&peer)?;
        Ok(self.links.new_handler())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.links.on_swarm_event(&event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        notice: THandlerOutEvent<Self>,
    ) {
        self.links.on_notice(peer, connection, notice);
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            while let Some(event) = self.links.next_event() {
                self.on_link_event(event);
            }
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(ToSwarm::GenerateEvent(event));
            }
            if self.timer.poll(self.core.next_deadline(), context).is_ready() {
                self.handle(Input::Tick);
                continue;
            }
            // Many events may have happened since the last survey; one survey covers them all.
            if std::mem::take(&mut self.changed) {
                self.survey();
            }
            if let Poll::Ready(peer) = self.conduct.poll_pardon(context) {
                self.pardon(&peer);
                continue;
            }
            if let Poll::Ready(action) = self.links.poll(context) {
                return Poll::Ready(action.map_out(|never| match never {}));
            }
            if !self.links.has_events() {
                return Poll::Pending;
            }
        }
    }
}
