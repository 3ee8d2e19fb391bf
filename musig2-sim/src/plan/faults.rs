//! What goes wrong in a drawn plan.

use super::draws::Draws;
use super::{Answer, Crash, CrashMoment, Disk, NodePlan, Pause, Plan};
use crate::clock::Jump;
use crate::ids::NodeId;
use crate::network::{Blow, Capacity, Kind, Latency, Link, Partition, Pick, Target};
use crate::plan::Strategy;
use core::time::Duration;
use musig2_proto::{MAX_RESTARTS, Stepping, Topology};
use std::collections::BTreeSet;

/// All faults except wrong clocks end by then, in milliseconds. This is well within the shortest
/// phase timeout.
const HEALED_MS: u64 = 20_000;

impl Draws<'_, '_> {
    /// Turns each kind of fault on or off by a separate coin.
    pub(super) fn faults(&mut self, plan: &mut Plan) {
        plan.network.heals_at = Some(self.millis(0, HEALED_MS));
        self.link_faults(&mut plan.network.frames);
        self.link_faults(&mut plan.network.gossip);
        if self.coin() {
            plan.network.frames.reversal = Some(self.millis(1, 500));
        }
        if self.one_in(3) {
            let capacity = Capacity::bytes_per_second(self.number(2_000, 100_000));
            plan.network.frames.capacity = Some(capacity.with_queue(self.number(500, 50_000)));
        }
        if self.one_in(3) {
            for _ in 0..self.small(1, 4) {
                plan.network.targets.push(self.target(plan));
            }
        }
        if self.coin() {
            for _ in 0..self.small(1, 3) {
                plan.network.partitions.push(self.partition(plan));
            }
        }
        if self.coin() {
            self.late_nodes(plan);
        }
        if self.one_in(3) {
            for _ in 0..self.small(1, 3) {
                let (node, from) = (self.node(plan), self.millis(0, 10_000));
                let until = from + self.millis(0, 12_000);
                plan.pauses.push(Pause { node, from, until, deaf: self.coin() });
            }
        }
    }

    fn link_faults(&mut self, link: &mut Link) {
        if self.coin() {
            link.loss = self.probability();
        }
        if self.coin() {
            link.duplication = self.probability();
        }
        if self.coin() {
            link.delayed = self.probability();
            link.delay = Latency::Uniform {
                least: self.millis(100, 1_000),
                most: self.millis(1_000, 5_000),
            };
        }
        if self.one_in(3) {
            link.corruption = self.probability();
        }
    }

    /// Picks one of the first messages of a kind, or all of them, from or to a given node or any
    /// node.
    fn target(&mut self, plan: &Plan) -> Target {
        let kind = Kind::ALL[self.index(Kind::ALL.len())];
        let mut pick =
            if self.one_in(6) { Pick::every(kind) } else { Pick::nth(kind, self.number(1, 6)) };
        if self.coin() {
            pick = pick.from(self.node(plan));
        }
        if self.coin() {
            pick = pick.to(self.node(plan));
        }
        let blow = match self.number(0, 3) {
            0 => Blow::Lost,
            1 => Blow::Delayed(self.millis(0, 8_000)),
            2 => Blow::Repeated(self.millis(0, 8_000)),
            _ => Blow::Altered,
        };
        Target { pick, blow }
    }

    fn node(&mut self, plan: &Plan) -> NodeId {
        NodeId::new(u16::try_from(self.index(plan.nodes.len())).unwrap_or(0))
    }

    fn partition(&mut self, plan: &Plan) -> Partition {
        let (one, other): (BTreeSet<_>, BTreeSet<_>) = plan.node_ids().partition(|_| self.coin());
        let from = self.millis(0, 8_000);
        let partition = Partition::new(one, other).during(from, from + self.millis(0, 12_000));
        let partition = if self.one_in(3) { partition.one_way() } else { partition };
        if self.coin() { partition.noticed_after(self.millis(0, 5_000)) } else { partition }
    }

    /// Makes some nodes start late, and some hear the topic late. A coordinator proposes once it
    /// has started.
    fn late_nodes(&mut self, plan: &mut Plan) {
        for node in &mut plan.nodes {
            if self.one_in(3) {
                node.starts_at = self.millis(0, 5_000);
            }
            if self.one_in(3) {
                node.listens_at = self.millis(0, 10_000);
            }
        }
        for session in &mut plan.sessions {
            let starts_at =
                plan.nodes.get(session.coordinator.as_usize()).map(|node| node.starts_at);
            session.at = session.at.max(starts_at.unwrap_or_default());
        }
    }

    /// Draws one to four crashes of some nodes, at a moment or after an output, with any kind of
    /// disk. Now and then one node crashes more often than a signer may restart.
    pub(super) fn crashes(&mut self, plan: &mut Plan) {
        let often = self.one_in(30).then(|| self.node(plan));
        let count = if often.is_some() { MAX_RESTARTS + 2 } else { self.index(4) + 1 };
        for _ in 0..count {
            let node = often.unwrap_or_else(|| self.node(plan));
            let when = if self.coin() {
                CrashMoment::At(self.millis(0, 10_000))
            } else {
                CrashMoment::AfterOutput(self.number(1, 40))
            };
            let disk = match self.number(0, 3) {
                0 | 1 => Disk::Empty,
                2 => Disk::Kept,
                _ => Disk::RolledBack(self.millis(0, 8_000)),
            };
            plan.crashes.push(Crash { node, when, down_for: self.millis(0, 6_000), disk });
        }
        // After each restart everyone steps through the phases again. Some of these steps take up
        // to 15 s, but none waits for the last moment, or the repetitions would exceed the
        // session's time.
        let slow = self.coin();
        let manual = plan.config.stepping == Stepping::Manual;
        for node in plan.nodes.iter_mut().filter(|_| manual) {
            if slow && matches!(node.stepping, Answer::After(_)) {
                node.stepping = Answer::After(self.millis(0, 15_000));
            }
            node.finalizing = Answer::After(self.millis(0, 1_000));
        }
    }

    /// Makes clocks wrong: within what the configuration allows, or far beyond it.
    pub(super) fn clocks(&mut self, plan: &mut Plan) {
        let skew = [30_000, 10_000, 120_000][self.index(3)];
        plan.config = plan.config.clone().with_clock_skew(Duration::from_millis(skew));
        let wild = self.one_in(3);
        let (away, drift, jump) =
            if wild { (1_200_000, 200_000, 900_000) } else { (skew / 4, 2_000, skew / 12) };
        for node in &mut plan.nodes {
            if self.coin() {
                node.clock.ahead = self.around(away);
            }
            if self.one_in(3) {
                node.clock.drift = i32::try_from(self.around(drift)).unwrap_or_default();
            }
            if self.one_in(3) {
                for _ in 0..self.small(1, 3) {
                    node.clock.jumps.push(Jump::new(self.millis(0, HEALED_MS), self.around(jump)));
                }
            }
        }
        // A machine that slept may wake up with a very different time on its clock.
        for pause in plan.pauses.iter().filter(|_| wild) {
            if let Some(node) = plan.nodes.get_mut(pause.node.as_usize()) {
                node.clock.jumps.push(Jump::new(pause.from, self.around(jump)));
            }
        }
    }

    /// Makes nodes Byzantine: mostly one, and never all. Several may collude. Now and then a node
    /// has a twin that it does not know of, or is one of two copies.
    pub(super) fn byzantine(&mut self, plan: &mut Plan) {
        let nodes = plan.nodes.len();
        let count = match self.number(0, 9) {
            0..7 => 1,
            7..9 => 2.min(nodes - 1),
            _ => 1 + self.index(nodes - 1),
        };
        let first = self.index(nodes);
        if count == 1 && self.one_in(10) {
            let of = NodeId::new(u16::try_from(first).unwrap_or(0));
            let double = if self.coin() { Strategy::Twin { of } } else { Strategy::Clone { of } };
            plan.nodes.push(NodePlan { strategy: Some(double), ..plan.nodes[first].clone() });
            return;
        }
        let collude = count > 1 && self.coin();
        for node in (first..first + count).map(|node| node % nodes) {
            let strategy = if collude { Strategy::Collude } else { self.strategy() };
            plan.nodes[node].strategy = Some(strategy);
            // These two only act as coordinators, so the node proposes all of its sessions.
            if matches!(strategy, Strategy::LyingHub | Strategy::TwoManifests) {
                let starts_at = plan.nodes[node].starts_at;
                let node = NodeId::new(u16::try_from(node).unwrap_or(0));
                for session in
                    plan.sessions.iter_mut().filter(|session| session.signers.contains(&node))
                {
                    (session.coordinator, session.at) = (node, session.at.max(starts_at));
                }
            }
            if strategy == Strategy::LyingHub {
                plan.config = plan.config.clone().with_topology(Topology::Hub);
            }
        }
    }

    fn strategy(&mut self) -> Strategy {
        match Strategy::ALL[self.index(Strategy::ALL.len())] {
            Strategy::JoinAgain { times } => {
                Strategy::JoinAgain { times: 1 + self.index(times.into()) as u8 }
            }
            strategy => strategy,
        }
    }
}
