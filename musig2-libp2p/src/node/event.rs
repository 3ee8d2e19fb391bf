//! Events that a node reports to its application.

use crate::Consequence;
use futures::Stream;
use libp2p::{Multiaddr, PeerId};
use musig2_proto::{Event, Offence, PublicKey, SessionId, SessionView};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Something that happened on a [`Node`](crate::Node).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// The node listens at this address. Others can use it as a bootstrap address.
    Listening {
        /// The address, with `/p2p/` and the peer id at the end.
        address: Multiaddr,
    },
    /// A bootstrap peer has reached this node from outside at this address (AutoNAT), or the router
    /// has opened it (UPnP). Co-signers are told of the address.
    Reachable {
        /// The address.
        address: Multiaddr,
    },
    /// The first connection to a peer is open.
    PeerConnected {
        /// The peer.
        peer: PeerId,
        /// Signers that claim to be there: a few of those that this node knows. The claim is
        /// unproven.
        signers: Vec<PublicKey>,
        /// Whether the connection leads through a relay.
        relayed: bool,
    },
    /// A peer that was reached only through a relay now has a connection without one, which is used
    /// from now on.
    PeerReachedDirectly {
        /// The peer.
        peer: PeerId,
        /// Signers that claim to be there: a few of those that this node knows. The claim is
        /// unproven.
        signers: Vec<PublicKey>,
    },
    /// The last connection to a peer has closed.
    PeerDisconnected {
        /// The peer.
        peer: PeerId,
        /// Signers that claim to be there: a few of those that this node knows. The claim is
        /// unproven.
        signers: Vec<PublicKey>,
    },
    /// Something happened in a session. If this node keeps a [`store`](crate::NodeConfig::store),
    /// it reports after a restart again that a session is complete, until the session expires.
    Session {
        /// What happened.
        event: Event,
        /// The session as it stood then. `None` if the node keeps nothing of it but its id: after
        /// [`Event::SessionRefused`], and after the end of a session that nobody here joined.
        view: Option<Box<SessionView>>,
    },
    /// This node takes part again in a session that it had approved before it started: see
    /// [`NodeConfig::store`](crate::NodeConfig::store).
    Resumed {
        /// The session.
        session: SessionId,
    },
    /// A session that was approved before is not resumed. If the session's time is over, the
    /// approval is deleted; otherwise it is kept for the next start.
    NotResumed {
        /// The session.
        session: SessionId,
        /// The cause, for people.
        error: String,
    },
    /// A peer sent something that it should not have sent.
    Offence {
        /// The last hop, which may be only a relay.
        peer: PeerId,
        /// Signers that claim to be there: a few of those that this node knows. The claim is
        /// unproven.
        signers: Vec<PublicKey>,
        /// What was wrong.
        offence: Offence,
        /// What was done about it. There is nothing else to do.
        consequence: Consequence,
    },
    /// A bootstrap peer or co-signer could not be dialled. The node retries without being asked: a
    /// bootstrap peer always, a co-signer while something waits to be sent to it.
    DialFailed {
        /// The peer, if it is known: from the address, or because it answered there before.
        peer: Option<PeerId>,
        /// Signers that claim to be there: a few of those that this node knows. The claim is
        /// unproven.
        signers: Vec<PublicKey>,
        /// The address in [`NodeConfig::bootstrap_peers`](crate::NodeConfig::bootstrap_peers) that
        /// was dialled; `None` for a co-signer.
        bootstrap: Option<Multiaddr>,
        /// The cause, for people.
        error: String,
    },
    /// There is a connection to a bootstrap peer.
    BootstrapReached {
        /// Its address, as in the configuration.
        address: Multiaddr,
        /// The peer that answered there.
        peer: PeerId,
    },
    /// A bootstrap address is this node's own, and is not dialled any more. This does no harm if
    /// all nodes share one configuration.
    BootstrapIsOwn {
        /// The address.
        address: Multiaddr,
        /// Whether all bootstrap addresses are this node's own, so that it dials nobody.
        only: bool,
    },
    /// The node does not listen at this address any more: an interface went down, or a relay gave
    /// up this node's place.
    NotListening {
        /// The address, as in [`Listening`](Self::Listening).
        address: Multiaddr,
    },
    /// The node listens nowhere, at its start or from now on. It can dial others, and nobody can
    /// dial it.
    ListensNowhere,
    /// One of the addresses in [`NodeConfig::listen`](crate::NodeConfig::listen) can no longer be
    /// listened on.
    ListenFailed {
        /// The address, if it is known.
        address: Option<Multiaddr>,
        /// The cause, for people.
        error: String,
        /// How many of them the node still listens on.
        remaining: usize,
    },
    /// The node cannot accept connections now, usually because it has run out of file descriptors.
    /// It keeps trying, and reports when accepting has worked for a while.
    AcceptFailed {
        /// The cause, for people.
        error: String,
    },
    /// For five seconds, accepting a connection has not failed.
    AcceptsAgain,
    /// Nobody read the events for so long that some were dropped here. Look at
    /// [`Handle::sessions`](crate::Handle::sessions).
    Missed {
        /// How many events were dropped.
        events: u64,
    },
}

impl NodeEvent {
    /// Returns whether the event is kept even if the reader is slow.
    fn must_arrive(&self) -> bool {
        matches!(self, Self::Session { event, .. }
            if event.is_terminal() || matches!(event, musig2_proto::Event::LateSignature { .. }))
    }
}

/// The events of a [`Node`](crate::Node), in order; also a [`Stream`]. Ends when the node has
/// stopped and everything has been read.
///
/// A slow reader never delays the node. `event_capacity` of [`NodeConfig`](crate::NodeConfig)
/// events are held for it; beyond that the oldest are dropped, and a [`NodeEvent::Missed`] stands
/// in their place. The ends of sessions (`SessionComplete`, `SessionAborted`, `LateSignature`) are
/// never dropped: there are at most two for each session, and only this application creates or
/// joins sessions. If `Events` is dropped, its events are dropped, and the node keeps running.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Mutex<Queue>>,
}

impl Events {
    /// Returns the next event; `None` once the node has stopped.
    pub async fn next(&mut self) -> Option<NodeEvent> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<NodeEvent>> {
        let mut queue = lock(&self.queue);
        if let Some(event) = queue.pop() {
            return Poll::Ready(Some(event));
        }
        if queue.closed {
            return Poll::Ready(None);
        }
        queue.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Stream for Events {
    type Item = NodeEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<NodeEvent>> {
        self.poll(context)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.abandoned = true;
        queue.events.clear();
    }
}

/// The node's end of [`Events`]. Dropping it ends the stream.
#[derive(Debug)]
pub(crate) struct EventSender {
    queue: Arc<Mutex<Queue>>,
}

impl EventSender {
    pub(crate) fn send(&self, event: NodeEvent) {
        let reader = {
            let mut queue = lock(&self.queue);
            queue.push(event);
            queue.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let reader = {
            let mut queue = lock(&self.queue);
            queue.closed = true;
            queue.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

pub(crate) fn channel(capacity: usize) -> (EventSender, Events) {
    let queue = Arc::new(Mutex::new(Queue { capacity: capacity.max(1), ..Queue::default() }));
    (EventSender { queue: Arc::clone(&queue) }, Events { queue })
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<NodeEvent>,
    /// How many of `events` may be dropped; at most `capacity`.
    droppable: usize,
    capacity: usize,
    missed: u64,
    reader: Option<Waker>,
    closed: bool,
    abandoned: bool,
}

impl Queue {
    fn push(&mut self, event: NodeEvent) {
        if self.abandoned {
            return;
        }
        if !event.must_arrive() {
            if self.droppable == self.capacity
                && let Some(oldest) = self.events.iter().position(|event| !event.must_arrive())
            {
                self.events.remove(oldest);
                self.droppable -= 1;
                self.missed += 1;
            }
            self.droppable += 1;
        }
        self.events.push_back(event);
    }

    fn pop(&mut self) -> Option<NodeEvent> {
        if self.missed > 0 {
            return Some(NodeEvent::Missed { events: std::mem::take(&mut self.missed) });
        }
        let event = self.events.pop_front()?;
        if !event.must_arrive() {
            self.droppable -= 1;
        }
        Some(event)
    }
}

/// Locks the queue, even if a reader panicked while holding the lock: every change to the queue is
/// complete before the lock is released.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use musig2_proto::Event;

    fn discovered(session: u8) -> NodeEvent {
        session_event(Event::SessionDiscovered { session: SessionId::new([session; 32]) })
    }

    fn session_event(event: Event) -> NodeEvent {
        NodeEvent::Session { event, view: None }
    }

    fn complete(session: u8) -> NodeEvent {
        session_event(Event::SessionComplete {
            session: SessionId::new([session; 32]),
            signatures: Vec::new(),
        })
    }

    #[tokio::test]
    async fn a_slow_reader_misses_the_oldest_events_but_no_sessions_end() {
        let (sender, mut events) = channel(2);
        for event in
            [complete(1), discovered(2), discovered(3), discovered(4), complete(5), discovered(6)]
        {
            sender.send(event);
        }
        drop(sender);
        let mut read = Vec::new();
        while let Some(event) = events.next().await {
            read.push(event);
        }
        assert_eq!(
            read,
            [
                NodeEvent::Missed { events: 2 },
                complete(1),
                discovered(4),
                complete(5),
                discovered(6)
            ]
        );
    }

    #[tokio::test]
    async fn no_events_are_kept_for_a_reader_that_left() {
        let (sender, events) = channel(2);
        sender.send(discovered(1));
        drop(events);
        sender.send(complete(2));
        assert!(lock(&sender.queue).events.is_empty());
    }
}
