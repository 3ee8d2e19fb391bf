//! Who cannot reach whom, and when.

use crate::ids::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Two groups of nodes that cannot reach each other for a time. What one group sends to the other
/// meanwhile is lost, in both directions unless the partition is [one-way](Partition::one_way).
/// Nodes in neither group reach everyone, and carry gossip from one group to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Partition {
    /// The first group.
    pub one: BTreeSet<NodeId>,
    /// The second group.
    pub other: BTreeSet<NodeId>,
    /// When it begins.
    pub from: Micros,
    /// When it ends: the first moment after it.
    pub until: Micros,
    /// How long the transport takes to notice and to report it with `Input::PeerLost`. It then also
    /// reports `Input::PeerConnected` when the partition ends. If `None`, it never notices.
    pub noticed_after: Option<Micros>,
    /// Whether only what the first group sends to the second is lost.
    pub one_way: bool,
}

impl Partition {
    /// A partition between these groups, from the beginning of the world until
    /// [`Network::heals_at`](super::Network::heals_at).
    pub fn new(
        one: impl IntoIterator<Item = NodeId>,
        other: impl IntoIterator<Item = NodeId>,
    ) -> Self {
        Self {
            one: one.into_iter().collect(),
            other: other.into_iter().collect(),
            from: Micros::ZERO,
            until: Micros::new(u64::MAX),
            noticed_after: None,
            one_way: false,
        }
    }

    /// Makes it last from one moment until just before another.
    #[must_use]
    pub fn during(self, from: Micros, until: Micros) -> Self {
        Self { from, until, ..self }
    }

    /// Lets the transport notice it after this time.
    #[must_use]
    pub fn noticed_after(self, delay: Micros) -> Self {
        Self { noticed_after: Some(delay), ..self }
    }

    /// Makes it lose only what the first group sends to the second.
    #[must_use]
    pub fn one_way(self) -> Self {
        Self { one_way: true, ..self }
    }

    fn separates(&self, from: NodeId, to: NodeId) -> bool {
        let across =
            |one: &BTreeSet<_>, other: &BTreeSet<_>| one.contains(&from) && other.contains(&to);
        across(&self.one, &self.other) || (!self.one_way && across(&self.other, &self.one))
    }

    pub(super) fn cuts(&self, at: Micros, from: NodeId, to: NodeId) -> bool {
        (self.from..self.until).contains(&at) && self.separates(from, to)
    }

    /// Returns each ordered pair of nodes from the two groups.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let pairs =
            self.one.iter().flat_map(|&one| self.other.iter().map(move |&other| (one, other)));
        pairs.flat_map(|(one, other)| [(one, other), (other, one)])
    }
}
