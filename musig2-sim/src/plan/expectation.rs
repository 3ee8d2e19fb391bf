//! What must follow from a plan, whatever the network does. The oracles assume nothing beyond this.

use super::{Answer, Disk, NodePlan, Plan, SessionPlan};
use crate::clock::Clock;
use crate::ids::NodeId;
use crate::time::Micros;
use musig2_proto::{MAX_RESTARTS, Stepping};

/// A session with less time than this may expire before a bad network lets its messages through.
const ENOUGH_TIME: Micros = Micros::from_secs(120);

/// How far a clock may be set forward in all, because every jump shortens the time that a phase
/// has.
const MAX_FORWARD_MS: u64 = 10_000;

impl Plan {
    /// Returns whether every signer must complete the session with this number, provided that it is
    /// proposed and that not all who know of it lose their memory.
    ///
    /// This needs all of the following: every signer is honest and wants the session; no signer
    /// restarts too often; the session has two minutes; its signers' [clocks
    /// agree](Plan::clocks_agree); and if it is private, its signers know one another's contacts
    /// from the start. The plan itself must make the network heal in time, and let no node pause or
    /// think for too long. Drawn plans do.
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
                // The proposer wants its own session, until a crash makes its application forget
                // that it does.
                let approves =
                    habits.approval.is_yes() || (node == plan.coordinator && keeps_disk(node));
                approves && steps(habits)
            })
        };
        // A coordinator that forgot the others' contacts cannot tell them of a private session.
        let tells = !plan.private || (self.known_contacts && keeps_disk(plan.coordinator));
        tells
            && self.has_time(plan)
            && plan.signers.iter().all(|&node| {
                self.is_honest(node) && wants(node) && crashes(node).count() <= MAX_RESTARTS
            })
    }

    /// Returns whether every honest node that wants the session finishes with it before it expires.
    pub(crate) fn has_time(&self, session: &SessionPlan) -> bool {
        session.duration.is_none_or(|duration| duration >= ENOUGH_TIME)
            && self.clocks_agree(session)
    }

    /// Returns whether the clocks of a session's signers, as long as it can last, are never further
    /// apart than the configuration allows, and no clock is set forward by more than ten seconds in
    /// all.
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
        // Clocks drift evenly between jumps, so the extremes are at the ends of these intervals.
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
