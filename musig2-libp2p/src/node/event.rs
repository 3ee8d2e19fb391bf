//! What a node tells its application.

use crate::Consequence;
use futures::Stream;
use libp2p::{Multiaddr, PeerId};
use musig2_proto::{Offence, PublicKey, SessionId};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Something that happened on a [`Node`](crate::Node).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// The node listens here. Others can use the address as a bootstrap address.
    Listening {
        /// Where, with `/p2p/` and the peer id at the end.
        address: Multiaddr,
    },
    /// A bootstrap peer has reached this node from outside at this address (AutoNAT), or the router opened it (UPnP): co-signers are told it.
    Reachable {
        /// Where.
        address: Multiaddr,
    },
    /// The first connection to a peer is open.
    PeerConnected {
        /// Whom.
        peer: PeerId,
        /// The signers that say they are there, a few of those that this node knows; it is their word.
        signers: Vec<PublicKey>,
        /// Whether it leads through a relay.
        relayed: bool,
    },
    /// To a peer that was reached through a relay alone there is a connection without one: from now on that is used.
    PeerReachedDirectly {
        /// Whom.
        peer: PeerId,
        /// The signers that say they are there, a few of those that this node knows; it is their word.
        signers: Vec<PublicKey>,
    },
    /// The last connection to a peer is closed.
    PeerDisconnected {
        /// Whom.
        peer: PeerId,
        /// The signers that say they are there, a few of those that this node knows; it is their word.
        signers: Vec<PublicKey>,
    },
    /// Something happened in a session. That a session is complete is told again after a restart, until the session expires, if this node keeps a
    /// [`store`](crate::NodeConfig::store).
    Session(musig2_proto::Event),
    /// This node takes part again in a session that it had approved before it was started: see [`NodeConfig::store`](crate::NodeConfig::store).
    Resumed {
        /// Which.
        session: SessionId,
    },
    /// A session that had been approved before is not taken up again. The approval is deleted where the session's time is over; else it is kept, for
    /// the next start.
    NotResumed {
        /// Which.
        session: SessionId,
        /// Why, for people.
        error: String,
    },
    /// A peer sent something it should not have.
    Offence {
        /// Who: the last hop, perhaps only a relay.
        peer: PeerId,
        /// The signers that say they are there, a few of those that this node knows; it is their word.
        signers: Vec<PublicKey>,
        /// What was wrong.
        offence: Offence,
        /// What was done about it. Nothing needs to be done.
        consequence: Consequence,
    },
    /// A bootstrap peer or co-signer could not be dialled. It is dialled again by itself: a bootstrap peer always, a co-signer while something
    /// waits to be sent to it.
    DialFailed {
        /// Whom, where that is known: by the address, or because it answered there before.
        peer: Option<PeerId>,
        /// The signers that say they are there, a few of those that this node knows; it is their word.
        signers: Vec<PublicKey>,
        /// The address of [`NodeConfig::bootstrap_peers`](crate::NodeConfig::bootstrap_peers) that this was about; `None` for a co-signer.
        bootstrap: Option<Multiaddr>,
        /// Why, for people.
        error: String,
    },
    /// There is a connection to a bootstrap peer.
    BootstrapReached {
        /// Its address, as the configuration has it.
        address: Multiaddr,
        /// Whose it is.
        peer: PeerId,
    },
    /// A bootstrap address is this node's own, and not dialled any more. No harm where all nodes have one configuration.
    BootstrapIsOwn {
        /// Which.
        address: Multiaddr,
        /// Whether that holds for all of them, so that this node dials nobody.
        only: bool,
    },
    /// The node does not listen here any more: an interface went down, or a relay gave up this node's place.
    NotListening {
        /// Where, as [`Listening`](Self::Listening) had it.
        address: Multiaddr,
    },
    /// The node listens nowhere, at its start or from now on: it can dial others, and nobody can dial it.
    ListensNowhere,
    /// One of the addresses of [`NodeConfig::listen`](crate::NodeConfig::listen) cannot be listened on any more.
    ListenFailed {
        /// Which, where that is known.
        address: Option<Multiaddr>,
        /// Why, for people.
        error: String,
        /// How many of them still are.
        remaining: usize,
    },
    /// Connections to this node cannot be accepted now, for want of file descriptors usually. It goes on, tries again, and says when it worked for a while.
    AcceptFailed {
        /// Why, for people.
        error: String,
    },
    /// For five seconds no connection failed to be accepted.
    AcceptsAgain,
    /// Nobody read the events for so long that some were dropped here: look at [`Handle::sessions`](crate::Handle::sessions).
    Missed {
        /// How many.
        events: u64,
    },
}

impl NodeEvent {
    /// Whether it is kept however slow the reader is.
    fn must_arrive(&self) -> bool {
        matches!(self, Self::Session(event)
            if event.is_terminal() || matches!(event, musig2_proto::Event::LateSignature { .. }))
    }
}

/// What happens on a [`Node`](crate::Node), in order; also a [`Stream`]. Ends when the node has stopped and everything was read.
///
/// It never holds the node up. `event_capacity` of [`NodeConfig`](crate::NodeConfig) events are held for a slow reader; beyond
/// it the oldest are dropped, and a [`NodeEvent::Missed`] stands in their place. The ends of sessions (`SessionComplete`,
/// `SessionAborted`, `LateSignature`) are never dropped: there are at most two for each session, and only
/// this application creates or joins sessions. Dropping `Events` drops events, and the node runs on.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Mutex<Queue>>,
}

impl Events {
    /// The next event; `None` when the node has stopped.
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

/// A reader that panicked leaves the queue whole: every change to it is complete before the lock is given up.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use musig2_proto::Event;

    fn discovered(session: u8) -> NodeEvent {
        NodeEvent::Session(Event::SessionDiscovered { session: SessionId::new([session; 32]) })
    }

    fn complete(session: u8) -> NodeEvent {
        NodeEvent::Session(Event::SessionComplete {
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
