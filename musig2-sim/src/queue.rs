//! What is going to happen, in the order of virtual time.

use crate::ids::NodeId;
use crate::network::Channel;
use crate::plan::Crash;
use crate::time::Micros;
use crate::trace::MessageId;
use musig2_proto::Command;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something that happens at a known moment.
#[derive(Debug)]
pub(crate) enum Happening {
    Start(NodeId),
    /// A node crashes if it is running, and comes back later.
    Crash(Crash),
    Restart(NodeId),
    /// A node pauses, if it is running, until this moment.
    Pause {
        node: NodeId,
        until: Micros,
        deaf: bool,
    },
    /// A paused node continues. Ignored if the node has been started again since.
    Resume {
        node: NodeId,
        starts: u64,
    },
    /// A node's clock is set forward by this many milliseconds.
    Jump(NodeId, i64),
    /// The plan's session with this number is proposed.
    Propose(usize),
    Arrive(Arrival),
    /// A node's application gives an order. Ignored if the node has been started again since.
    Order {
        node: NodeId,
        starts: u64,
        command: Command,
    },
    PeerLost {
        node: NodeId,
        peer: NodeId,
    },
    PeerConnected {
        node: NodeId,
        peer: NodeId,
    },
    /// A node's deadline. Ignored if the node has another deadline by then.
    Wake(NodeId),
}

#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) message: MessageId,
    pub(crate) channel: Channel,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) bytes: Arc<[u8]>,
}

/// Happenings by time. Those of one moment come in the order in which they were added, and then
/// those that were added in reverse, latest first. The plan and its `step_limit` bound the queue: a
/// step adds at most two happenings, or requeues what waited for a paused node.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    happenings: BTreeMap<(Micros, u64), Happening>,
    added: u64,
    wakes: usize,
}

impl Queue {
    pub(crate) fn add(&mut self, at: Micros, happening: Happening) {
        self.insert((at, self.added), happening);
    }

    pub(crate) fn add_reversed(&mut self, at: Micros, happening: Happening) {
        self.insert((at, u64::MAX - self.added), happening);
    }

    fn insert(&mut self, place: (Micros, u64), happening: Happening) {
        self.added += 1;
        self.wakes += usize::from(matches!(happening, Happening::Wake(_)));
        self.happenings.insert(place, happening);
    }

    /// Returns when the next happening is due.
    pub(crate) fn next_at(&self) -> Option<Micros> {
        self.happenings.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<(Micros, Happening)> {
        let ((at, _), happening) = self.happenings.pop_first()?;
        self.wakes -= usize::from(matches!(happening, Happening::Wake(_)));
        Some((at, happening))
    }

    /// Returns whether only the deadlines of nodes are left.
    pub(crate) fn is_idle(&self) -> bool {
        self.happenings.len() == self.wakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simultaneous_happenings_keep_their_order_and_reversed_ones_reverse() {
        let mut queue = Queue::default();
        let at = Micros::new(5);
        queue.add_reversed(at, Happening::Propose(3));
        queue.add_reversed(at, Happening::Propose(2));
        queue.add(at, Happening::Propose(0));
        queue.add(at, Happening::Propose(1));
        queue.add(Micros::new(4), Happening::Wake(NodeId::new(0)));
        assert!(!queue.is_idle());
        assert!(matches!(queue.pop(), Some((_, Happening::Wake(_)))));
        let order: Vec<_> = core::iter::from_fn(|| queue.pop())
            .map(|(_, happening)| match happening {
                Happening::Propose(number) => number,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(order, [0, 1, 2, 3]);
        assert!(queue.is_idle());
    }
}
