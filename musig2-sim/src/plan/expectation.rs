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
        let crashes = |node: NodeId| self.crashes.iter().filter(|crash| crash.node == node).count();
        // Who proposes a session wants it, until a crash makes its application forget that it does.
        let wants = |node: NodeId| {
            let habits = self.nodes.get(node.as_usize());
            let remembers = crashes(node) == 0 || habits.is_some_and(|habits| habits.resumes);
            (node == plan.coordinator && remembers)
                || habits.is_some_and(|habits| habits.approval != Answer::Never)
        };
        (!plan.private || self.known_contacts)
            && plan
                .signers
                .iter()
                .all(|&node| self.is_honest(node) && wants(node) && crashes(node) <= MAX_RESTARTS)
    }
}
