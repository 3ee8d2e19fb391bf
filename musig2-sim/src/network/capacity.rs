//! Links with a limited capacity.

use super::Channel;
use crate::ids::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much a link carries. Messages that are sent faster wait in a queue in front of the link, and
/// are lost if the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Capacity {
    /// In bytes per second; 0 counts as 1.
    pub bytes_per_second: u64,
    /// How many bytes can wait. If nothing waits, a message is accepted whatever its size.
    pub queue: u64,
}

impl Capacity {
    /// A capacity of this many bytes per second, with room for one second's worth of bytes to wait.
    pub const fn bytes_per_second(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, queue: bytes_per_second }
    }

    /// Makes room for this many bytes to wait.
    #[must_use]
    pub const fn with_queue(self, queue: u64) -> Self {
        Self { queue, ..self }
    }
}

/// The moment when each link will have carried everything that it was given. Bounded by the number
/// of links.
#[derive(Default)]
pub(super) struct Pipes(BTreeMap<(Channel, NodeId, NodeId), Micros>);

impl Pipes {
    /// Gives a message of this size to a link. Returns the moment when the whole message has
    /// entered it, or `None` if the queue is full.
    pub(super) fn take(
        &mut self,
        now: Micros,
        link: (Channel, NodeId, NodeId),
        capacity: Capacity,
        size: usize,
    ) -> Option<Micros> {
        let rate = u128::from(capacity.bytes_per_second.max(1));
        let free = self.0.entry(link).or_default();
        let waits = u128::from(free.saturating_sub(now).get());
        let waiting = waits * rate / 1_000_000;
        if waiting > 0 && waiting + size as u128 > u128::from(capacity.queue) {
            return None;
        }
        let takes = (size as u128 * 1_000_000).div_ceil(rate);
        *free = (*free).max(now) + Micros::new(u64::try_from(takes).unwrap_or(u64::MAX));
        Some(*free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: (Channel, NodeId, NodeId) = (Channel::Frame, NodeId::new(0), NodeId::new(1));

    #[test]
    fn a_link_carries_messages_in_turn_and_loses_those_without_room() {
        let capacity = Capacity::bytes_per_second(1_000).with_queue(250);
        let mut pipes = Pipes::default();
        let mut take = |millis, size| {
            Some(pipes.take(Micros::from_millis(millis), LINK, capacity, size)?.get() / 1_000)
        };
        assert_eq!(take(0, 100), Some(100));
        assert_eq!(take(0, 100), Some(200));
        assert_eq!(take(0, 100), None, "200 bytes wait, and 100 more are too many");
        assert_eq!(take(100, 100), Some(300), "100 bytes have gone");
        assert_eq!(take(1_000, 700), Some(1_700), "nobody waits");
    }
}
