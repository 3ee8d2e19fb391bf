//! What each node knew of its sessions, and from which step on. Only changes are kept.

use crate::ids::NodeId;
use musig2_proto::SessionView;
use std::collections::BTreeMap;

/// For each node, the steps that changed what it knows, ascending, and what it knew from then on.
#[derive(Clone, Default)]
pub(super) struct States(BTreeMap<NodeId, Vec<(usize, Vec<SessionView>)>>);

impl States {
    pub(super) fn remember(&mut self, node: NodeId, step: usize, sessions: Vec<SessionView>) {
        let changes = self.0.entry(node).or_default();
        if changes.last().map_or(!sessions.is_empty(), |(_, last)| *last != sessions) {
            changes.push((step, sessions));
        }
    }

    pub(super) fn of(&self, node: NodeId) -> impl Iterator<Item = (usize, &[SessionView])> {
        let changes = self.0.get(&node).map_or(&[][..], Vec::as_slice);
        changes.iter().map(|(step, sessions)| (*step, sessions.as_slice()))
    }
}
