//! Connections that close within a bounded time.
//!
//! Closing a connection gracefully means sending first what is left. If the peer no longer reads,
//! or its cable is cut while much is in transit, the connection would stay open until the kernel
//! gives up, after a quarter of an hour. All that time it would count as open and keep its peer
//! from starting afresh.

use libp2p::core::StreamMuxer;
use libp2p::core::muxing::StreamMuxerEvent;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// How long a graceful close may take.
const GRACE: Duration = Duration::from_secs(2);

/// A connection that is dropped if it does not close in time.
pub(super) struct Parting<M> {
    connection: M,
    /// Runs from the first attempt to close.
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
        // The caller drops the connection now, and the socket with it.
        Poll::Ready(Ok(()))
    }
}
