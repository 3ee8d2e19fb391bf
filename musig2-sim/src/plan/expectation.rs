//! What must follow from a plan, whatever the network does: the oracles know no more than this.

use super::{Answer, Disk, NodePlan, Plan, SessionPlan};
use crate::clock::Clock;
use crate::network::NodeId;
use crate::time::Micros;
use musig2_proto::{MAX_RESTARTS, Stepping};

/// A session of less time may expire before a network that was bad has let it through.
const ENOUGH_TIME: Micros = Micros::from_secs(120);

/// How far a clock may be set forward in all: that takes from the time that each phase has.
const MAX_FORWARD_MS: u64 = 10_000;

impl Plan {
    /// Whether every signer of the session of this number must complete it, provided that it is made and that not all
    /// who know of it lose their memory. Every signer is honest and wants it; nobody restarts too often; it has two minutes; its signers'
    /// [clocks agree](Plan::clocks_agree); and where it is private, they know one another from the start. That the network becomes good
    /// in time, if it is not, and nobody stands still or thinks for too long, is for the plan to see to: a drawn one does.
    pub fn must_complete(&self, session: usize) -> bool {
        let Some(plan) = self.sessions.get(session) else { return false };
        let crashes = |node: NodeId| self.crashes.iter().filter(move |crash| crash.node == node);
        let keeps_disk = |node: NodeId| crashes(node).all(|crash| crash.disk == Disk::Kept);
        let manual = self.config.stepping == Stepping::Manual;
        let steps = |habits: &NodePlan| {
            !manual || [habits.stepping, habits.finalizing].iter().all(super::node::Answer::is_yes)
        };
        let wants = |node: NodeId| {
            self.nodes.get(node.as_usize()).is_some_and(|habits| {
                // Who proposes a session wants it, until a crash makes its application forget that it does.
                let approves =
                    habits.approval.is_yes() || (node == plan.coordinator && keeps_disk(node));
                approves && steps(habits)
            })
        };
        // Who forgot where the others are cannot tell them of what is private.
        let tells = !plan.private || (self.known_contacts && keeps_disk(plan.coordinator));
        tells
            && self.has_time(plan)
            && plan.signers.iter().all(|&node| {
                self.is_honest(node) && wants(node) && crashes(node).count() <= MAX_RESTARTS
            })
    }

    /// Whether what is honest, and wants it, comes to an end with a session before its time is over.
    pub(crate) fn has_time(&self, session: &SessionPlan) -> bool {
        session.duration.is_none_or(|duration| duration >= ENOUGH_TIME)
            && self.clocks_agree(session)
    }

    /// Whether the clocks of a session's signers are, while it can last, never further apart than the configuration allows, and none is
    /// set forward by more than ten seconds in all.
    pub fn clocks_agree(&self, session: &SessionPlan) -> bool {
        let clocks = || {
            session.signers.iter().filter_map(|node| Some(&self.nodes.get(node.as_usize())?.clock))
        };
        if clocks().all(Clock::is_true) {
            return true;
        }
        let longest =
            u64::try_from(self.config.max_session_duration.as_micros()).unwrap_or(u64::MAX);
        let end = session.at + Micros::new(longest);
        // Between jumps they drift evenly: the extremes are at the ends.
        let jumps =
            clocks().flat_map(|clock| &clock.jumps).map(|jump| jump.at).filter(|at| *at <= end);
        let ends =
            jumps.flat_map(|at| [at.saturating_sub(Micros::new(1)), at]).chain([Micros::ZERO, end]);
        let allowed = self.config.clock_skew.min(self.config.announcement_ttl / 2).as_micros();
        let mut apart = ends.map(|at| {
            let ahead = || clocks().map(|clock| clock.ahead_at(at));
            ahead()
                .max()
                .zip(ahead().min())
                .map_or(0, |(most, least)| (most - least).unsigned_abs())
        });
        let forward = |clock: &Clock| -> u64 {
            let jumps = clock.jumps.iter().filter(|jump| jump.at <= end);
            jumps.map(|jump| jump.by.max(0).unsigned_abs()).sum()
        };
        apart.all(|apart| apart <= allowed)
            && clocks().all(|clock| forward(clock) <= MAX_FORWARD_MS)
    }
}

impl Answer {
    pub(crate) const fn is_yes(&self) -> bool {
        matches!(self, Self::After(_))
    }
}
