//! What must follow from a plan, whatever the network does: the oracles know no more than this.

use super::{Answer, Plan};
use crate::network::NodeId;
use musig2_proto::MAX_RESTARTS;

impl Plan {
    /// Whether every signer of the session of this number must complete it, provided that it is made and that not all
    /// who know of it lose their memory. Every signer is honest and wants it; nobody restarts too often; and where it is private, its signers know
    /// one another from the start. That the network becomes good in time, if it is not, is for the plan to see to: a drawn one does.
    pub fn must_complete(&self, session: usize) -> bool {
        let Some(plan) = self.sessions.get(session) else { return false };
        let wants = |node: NodeId| {
            let approval = self.nodes.get(node.as_usize()).map(|node| node.approval);
            node == plan.coordinator || approval != Some(Answer::Never)
        };
        let crashes = |node: NodeId| self.crashes.iter().filter(|crash| crash.node == node).count();
        (!plan.private || self.known_contacts)
            && plan
                .signers
                .iter()
                .all(|&node| self.is_honest(node) && wants(node) && crashes(node) <= MAX_RESTARTS)
    }
}
