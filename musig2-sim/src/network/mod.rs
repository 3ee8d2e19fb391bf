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

use crate::ids::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The network between all nodes. By [`Default`] it is calm: 10 ms everywhere, and no faults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
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
