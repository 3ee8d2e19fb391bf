//! Connections that end in time. To close one gracefully is to send what is left first, and a peer that reads nothing any more, or whose cable is cut
//! while much is under way, would keep it open until the kernel gives up: for a quarter of an hour, in which it counts as open and keeps its
//! peer from beginning anew.

use libp2p::core::StreamMuxer;
use libp2p::core::muxing::StreamMuxerEvent;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How long the graceful way may take.
const GRACE: Duration = Duration::from_secs(2);

/// A connection that is dropped if it does not close in time.
pub(super) struct Parting<M> {
    connection: M,
    /// From the first attempt to close it on.
    grace: Option<Pin<Box<Sleep>>>,
}

impl<M> Parting<M> {
    pub(super) fn new(connection: M) -> Self {
        Self { connection, grace: None }
    }
}

impl<M: StreamMuxer + Unpin> StreamMuxer for Parting<M> {
    type Substream = M::Substream;
    type Error = M::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        Pin::new(&mut self.connection).poll_inbound(context)
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        Pin::new(&mut self.connection).poll_outbound(context)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        Pin::new(&mut self.connection).poll(context)
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Self::Error>> {
        if let Poll::Ready(closed) = Pin::new(&mut self.connection).poll_close(context) {
            return Poll::Ready(closed);
        }
        let grace = self.grace.get_or_insert_with(|| Box::pin(sleep(GRACE)));
        ready!(grace.as_mut().poll(context));
        // Whoever closes it drops it now, and the socket with it.
        Poll::Ready(Ok(()))
    }
}
