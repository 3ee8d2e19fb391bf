//! A peer that opens as many frame substreams as it likes, writes any bytes on them, and reads
//! nothing.

use futures::AsyncWrite;
use musig2_libp2p::PROTOCOL;
use musig2_libp2p::libp2p::core::Endpoint;
use musig2_libp2p::libp2p::core::transport::PortUse;
use musig2_libp2p::libp2p::core::upgrade::ReadyUpgrade;
use musig2_libp2p::libp2p::swarm::handler::{
    ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use musig2_libp2p::libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
    NetworkBehaviour, NotifyHandler, Stream, StreamProtocol, SubstreamProtocol, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use musig2_libp2p::libp2p::{Multiaddr, PeerId};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// How many substreams are negotiated at once. Further ones wait for their turn.
const NEGOTIATING: usize = 8;

#[derive(Default)]
pub struct Rogue {
    orders: VecDeque<(PeerId, Vec<u8>)>,
    waker: Option<Waker>,
}

impl Rogue {
    /// Opens another substream to a connected peer, and writes these bytes on it.
    pub fn open(&mut self, peer: PeerId, bytes: Vec<u8>) {
        self.orders.push_back((peer, bytes));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Returns a frame as it is encoded on a substream.
pub fn framed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(frame);
    bytes
}

impl NetworkBehaviour for Rogue {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.orders.pop_front() {
            Some((peer_id, event)) => {
                Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event })
            }
            None => {
                self.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[derive(Default)]
pub struct Handler {
    wanted: VecDeque<Vec<u8>>,
    negotiating: usize,
    writing: Vec<(Stream, Vec<u8>)>,
    /// The substreams that the peer opened: held, and never read.
    unread: Vec<Stream>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Vec<u8>;
    type ToBehaviour = Infallible;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        // A substream is held until the peer resets it.
        self.writing.retain_mut(|(stream, bytes)| {
            let mut stream = Pin::new(stream);
            while !bytes.is_empty() {
                match stream.as_mut().poll_write(context, bytes) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(written)) if written > 0 => drop(bytes.drain(..written)),
                    Poll::Ready(_) => return false,
                }
            }
            !matches!(stream.poll_flush(context), Poll::Ready(Err(_)))
        });
        if self.wanted.len() > self.negotiating && self.negotiating < NEGOTIATING {
            self.negotiating += 1;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, bytes: Vec<u8>) {
        self.wanted.push_back(bytes);
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) => {
                self.unread.push(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol, ..
            }) => {
                self.negotiating -= 1;
                self.writing.extend(self.wanted.pop_front().map(|bytes| (protocol, bytes)));
            }
            ConnectionEvent::DialUpgradeError(_) => {
                self.negotiating -= 1;
                self.wanted.pop_front();
            }
            _ => {}
        }
    }
}
