//! What the network does to a message: how late it comes, whether it comes at all, whether it comes twice, and whether it comes as it
//! was sent.

mod alteration;
mod capacity;
mod latency;
mod partition;
mod router;
mod target;

pub use alteration::Alteration;
pub use capacity::Capacity;
pub use latency::Latency;
pub use partition::Partition;
pub use router::{Channel, Fate};
pub(crate) use router::{Routed, Router};
pub use target::{Blow, Kind, Pick, Target};

use crate::chance::Probability;
use crate::time::Micros;
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A node's number, from 0. Not a signer's index: that is the place of its key in a session's sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(u16);

impl NodeId {
    /// From a number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// As a number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The first `count` nodes.
    pub fn first(count: u16) -> impl Iterator<Item = Self> + Clone {
        (0..count).map(Self)
    }

    pub(crate) const fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// The bytes of this node's contact and source handle.
    pub(crate) const fn address(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    pub(crate) fn from_address(address: &[u8]) -> Option<Self> {
        address.try_into().ok().map(u16::from_be_bytes).map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// The network between all nodes. [`Default`] is a calm one: 10 ms everywhere, no faults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Network {
    /// How frames travel, on each link of two nodes.
    pub frames: Link,
    /// How publications travel from their author to each other node.
    pub gossip: Link,
    /// When whom cannot reach whom.
    pub partitions: Vec<Partition>,
    /// Faults that strike chosen messages.
    pub targets: Vec<Target>,
    /// From when on nothing is lost, duplicated, delayed, reversed, altered or cut any more, and every link carries everything. Latency
    /// stays.
    pub heals_at: Option<Micros>,
}

/// How messages travel from one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// How long a message takes. Messages overtake each other where it varies.
    pub latency: Latency,
    /// How often a message is lost.
    pub loss: Probability,
    /// How often a message that is not lost comes a second time, another latency later.
    pub duplication: Probability,
    /// How often a message takes `delay` longer.
    pub delayed: Probability,
    /// How much longer.
    pub delay: Latency,
    /// Messages sent within one window of this length arrive in the reverse of the order they were sent in.
    pub reversal: Option<Micros>,
    /// How often a message arrives altered: bits flipped, bytes cut off, bytes added.
    pub corruption: Probability,
    /// How much it carries; everything, unless set.
    pub capacity: Option<Capacity>,
}

impl Network {
    /// Whether a frame is lost in a partition.
    fn cuts(&self, at: Micros, from: NodeId, to: NodeId) -> bool {
        self.partitions.iter().any(|partition| partition.cuts(at, from, to))
    }

    /// Whether no chain of nodes leads around the partitions.
    fn separates(&self, at: Micros, nodes: u16, from: NodeId, to: NodeId) -> bool {
        if !self.cuts(at, from, to) {
            return false;
        }
        let mut reached = BTreeSet::from([from]);
        let mut border = vec![from];
        while let Some(node) = border.pop() {
            let next =
                NodeId::first(nodes).filter(|&next| !reached.contains(&next) && !self.cuts(at, node, next));
            border.extend(next);
            reached.extend(&border);
        }
        !reached.contains(&to)
    }
}
