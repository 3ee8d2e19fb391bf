//! What the network does to a message: how late it arrives, whether it arrives at all or twice, and
//! whether it arrives unaltered.

mod alteration;
mod capacity;
mod latency;
mod link;
mod model;
mod partition;
mod router;
mod target;

pub use alteration::Alteration;
pub use capacity::Capacity;
pub use latency::Latency;
pub use link::{Link, PairLink};
pub use model::{Delivery, NetworkModel, Passage};
pub use partition::Partition;
pub use router::{Channel, Fate};
pub(crate) use router::{Routed, Router};
pub use target::{Blow, Kind, Pick, Target};

use crate::time::Micros;
use core::fmt;
use musig2_proto::{Contact, Destination, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A node's number, from 0. This is not a signer index, which is the position of its key in a
/// session's sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(u16);

impl NodeId {
    /// From a number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns the first `count` nodes.
    pub fn first(count: u16) -> impl Iterator<Item = Self> + Clone {
        (0..count).map(Self)
    }

    pub(crate) const fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// Returns the contact of this node, which its joins and hellos state.
    ///
    /// # Panics
    /// Never: a contact has room for a number.
    pub fn contact(self) -> Contact {
        Contact::new(self.address().to_vec())
            .unwrap_or_else(|_| unreachable!("two bytes fit a contact"))
    }

    /// Returns the source that other nodes see on messages from this node.
    pub fn source(self) -> Source {
        Source::new(self.address())
    }

    /// Returns the node with a contact; `None` if no node of a world can have it.
    pub fn of_contact(contact: &Contact) -> Option<Self> {
        Self::from_address(contact.as_bytes())
    }

    /// Returns the node behind a source; `None` if no node of a world can have it.
    pub fn of_source(source: &Source) -> Option<Self> {
        Self::from_address(source.as_bytes())
    }

    /// Returns the node that a frame is sent to; `None` if no node of a world can have that
    /// destination.
    pub fn of_destination(to: &Destination) -> Option<Self> {
        match to {
            Destination::Contact(contact) => Self::of_contact(contact),
            Destination::Source(source) => Self::of_source(source),
        }
    }

    /// Returns the bytes of this node's contact and source.
    pub(crate) const fn address(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    fn from_address(address: &[u8]) -> Option<Self> {
        address.try_into().ok().map(u16::from_be_bytes).map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// The network between all nodes. By [`Default`] it is calm: 10 ms everywhere, and no faults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Network {
    /// How frames travel, on each link between two nodes.
    pub frames: Link,
    /// How publications travel from their author to each other node.
    pub gossip: Link,
    /// How frames and publications travel on particular links, instead of `frames` and `gossip`. If
    /// a pair has several, the last one counts.
    #[serde(default)]
    pub links: Vec<PairLink>,
    /// Who cannot reach whom, and when.
    pub partitions: Vec<Partition>,
    /// Faults that strike chosen messages.
    pub targets: Vec<Target>,
    /// The moment from which nothing is lost, duplicated, delayed, reversed, altered or cut any
    /// more, and capacities are unlimited. Latency remains.
    pub heals_at: Option<Micros>,
}

impl Network {
    /// Returns how messages of a channel travel from one node to another.
    fn link(&self, channel: Channel, from: NodeId, to: NodeId) -> &Link {
        let own = self.links.iter().rfind(|link| (link.from, link.to) == (from, to));
        own.map_or_else(
            || match channel {
                Channel::Frame => &self.frames,
                Channel::Gossip => &self.gossip,
            },
            |own| &own.link,
        )
    }

    /// Returns whether a partition cuts the direct link at this moment.
    fn cuts(&self, at: Micros, from: NodeId, to: NodeId) -> bool {
        self.partitions.iter().any(|partition| partition.cuts(at, from, to))
    }

    /// Returns whether no chain of nodes leads around the partitions. Gossip is lost only then.
    fn separates(&self, at: Micros, nodes: u16, from: NodeId, to: NodeId) -> bool {
        if !self.cuts(at, from, to) {
            return false;
        }
        let mut reached = BTreeSet::from([from]);
        let mut border = vec![from];
        while let Some(node) = border.pop() {
            let next = NodeId::first(nodes)
                .filter(|&next| !reached.contains(&next) && !self.cuts(at, node, next));
            border.extend(next);
            reached.extend(&border);
        }
        !reached.contains(&to)
    }
}
