//! A plan from a seed and a profile.

use super::{Answer, Crash, CrashMoment, NodePlan, Plan, Profile, SessionPlan};
use crate::adversary::Strategy;
use crate::chance::{Chance, Decision, Domain, Probability};
use crate::network::{Blow, Capacity, Kind, Latency, Link, NodeId, Partition, Pick, Target};
use crate::time::Micros;
use musig2_proto::{Config, Item, MAX_RESTARTS, Message, PhaseTimeout, Stepping, Topology, Tweak};
use std::collections::BTreeSet;

/// All network faults are over by then, in milliseconds: well within the shortest timeout of a phase.
const HEALED_MS: u64 = 20_000;

impl Plan {
    /// A plan of this profile. Its network has healed after 20 s at the latest, early enough for every session that
    /// [must complete](Plan::must_complete).
    ///
    /// ```
    /// use musig2_sim::{Plan, Profile};
    ///
    /// assert_eq!(Plan::drawn(7, Profile::Swarm), Plan::drawn(7, Profile::Swarm));
    /// assert_ne!(Plan::drawn(7, Profile::Swarm), Plan::drawn(7, Profile::Crashy));
    /// ```
    pub fn drawn(seed: u64, profile: Profile) -> Self {
        let mut draw = Draws::new(seed, profile);
        let mut plan = draw.world(seed);
        match profile {
            Profile::Calm => {}
            Profile::Swarm | Profile::Skewed => draw.network_faults(&mut plan),
            Profile::Byzantine => {
                if draw.coin() {
                    draw.network_faults(&mut plan);
                }
                draw.byzantine(&mut plan);
            }
            Profile::Crashy => {
                if draw.coin() {
                    draw.network_faults(&mut plan);
                }
                draw.crashes(&mut plan);
            }
        }
        plan
    }
}

/// Draws one after the other: here, unlike in a run, what is drawn decides what is to be drawn.
struct Draws {
    chance: Chance,
    profile: NodeId,
    drawn: u64,
}

impl Draws {
    fn new(seed: u64, profile: Profile) -> Self {
        Self { chance: Chance::new(seed), profile: NodeId::new(profile as u16), drawn: 0 }
    }

    /// Nodes, sessions and habits, and a network without faults.
    fn world(&mut self, seed: u64) -> Plan {
        let nodes = match self.number(0, 99) {
            0..25 => 2,
            25..65 => 3,
            65..85 => 4,
            85..96 => self.small(5, 7),
            _ => self.small(8, 15),
        };
        let mut plan =
            Plan::new(nodes).with_seed(seed).with_config(self.config()).with_latency(self.latency());
        plan.known_contacts = self.coin();
        let thoughtful = self.one_in(4);
        let manual = plan.config.stepping == Stepping::Manual;
        for node in &mut plan.nodes {
            if thoughtful {
                node.approval = Answer::After(self.millis(0, 3_000));
            }
            if self.one_in(40) {
                node.approval = Answer::Never;
            }
            if manual {
                node.stepping = Answer::After(self.millis(0, 1_000));
            }
        }
        let sessions = match self.number(0, 9) {
            0..6 => 1,
            6..9 => self.small(2, 3),
            _ => self.small(4, 6),
        };
        for _ in 0..sessions {
            let session = self.session(&plan);
            plan = plan.with_session(session);
        }
        plan
    }

    fn config(&mut self) -> Config {
        let topology = if self.one_in(4) { Topology::Hub } else { Topology::Mesh };
        let stepping = if self.one_in(6) { Stepping::Manual } else { Stepping::Automatic };
        let timeout = if self.one_in(4) { PhaseTimeout::Report } else { PhaseTimeout::End };
        Config::default().with_topology(topology).with_stepping(stepping).with_phase_timeout(timeout)
    }

    fn latency(&mut self) -> Latency {
        match self.number(0, 7) {
            0 | 1 => Latency::Constant(self.millis(0, 100)),
            2..5 => Latency::Uniform { least: self.millis(1, 20), most: self.millis(20, 400) },
            5 => Latency::Exponential { mean: self.millis(5, 150) },
            6 => {
                let (usual, other) = (self.millis(1, 50), self.millis(100, 1_500));
                Latency::Bimodal { usual, other, share: self.probability() }
            }
            _ => Latency::HeavyTailed { least: self.millis(1, 50), most: self.millis(500, 4_000) },
        }
    }

    fn session(&mut self, plan: &Plan) -> SessionPlan {
        let mut others: Vec<_> = plan.node_ids().collect();
        let count = match self.number(0, 1) {
            0 => others.len(),
            _ => usize::from(self.small(2, u16::try_from(others.len()).unwrap_or(2))),
        };
        let mut signers = Vec::with_capacity(count);
        while signers.len() < count {
            signers.push(others.swap_remove(self.index(others.len())));
        }
        let coordinator = signers[0];
        let items = if self.one_in(20) { self.small(4, 12) } else { self.small(1, 3) };
        let items = (0..items).map(|_| self.item()).collect::<Vec<_>>();
        let session =
            SessionPlan::new(signers).proposed_by(coordinator).at(self.millis(0, 5_000)).with_items(items);
        if plan.known_contacts && self.one_in(4) { session.private() } else { session }
    }

    fn item(&mut self) -> Item {
        let mut message = [0; 32];
        message[..8].copy_from_slice(&self.number(0, u64::MAX).to_be_bytes());
        let item = Item::new(Message::new(message));
        // One tweak is within every limit.
        if self.coin() { item.clone().with_tweaks(vec![Tweak::BIP86]).unwrap_or(item) } else { item }
    }

    /// Each kind of fault by a coin of its own.
    fn network_faults(&mut self, plan: &mut Plan) {
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
            link.delay = Latency::Uniform { least: self.millis(100, 1_000), most: self.millis(1_000, 5_000) };
        }
        if self.one_in(3) {
            link.corruption = self.probability();
        }
    }

    /// One of the first messages of a kind, or all of them, from or to some node or any.
    fn target(&mut self, plan: &Plan) -> Target {
        let kind = Kind::ALL[self.index(Kind::ALL.len())];
        let mut pick = if self.one_in(6) { Pick::every(kind) } else { Pick::nth(kind, self.number(1, 6)) };
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

    /// Some start late, some hear the topic late. A coordinator proposes when it has started.
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
            let starts_at = plan.nodes.get(session.coordinator.as_usize()).map(|node| node.starts_at);
            session.at = session.at.max(starts_at.unwrap_or_default());
        }
    }

    /// One to four crashes of some nodes, at a moment or after an output; now and then too many of one.
    fn crashes(&mut self, plan: &mut Plan) {
        let often = self.one_in(30).then(|| self.node(plan));
        let count = if often.is_some() { MAX_RESTARTS + 2 } else { self.index(4) + 1 };
        for _ in 0..count {
            let node = often.unwrap_or_else(|| self.node(plan));
            let when = if self.coin() {
                CrashMoment::At(self.millis(0, 10_000))
            } else {
                CrashMoment::AfterOutput(self.number(1, 40))
            };
            plan.crashes.push(Crash { node, when, down_for: self.millis(0, 6_000) });
        }
        let all = self.one_in(3);
        for node in &mut plan.nodes {
            node.resumes = all || self.one_in(4);
        }
    }

    /// Mostly one Byzantine node, and always an honest one; several may collude. Now and then one that does not know that it has a twin.
    fn byzantine(&mut self, plan: &mut Plan) {
        let nodes = plan.nodes.len();
        let count = match self.number(0, 9) {
            0..7 => 1,
            7..9 => 2.min(nodes - 1),
            _ => 1 + self.index(nodes - 1),
        };
        let first = self.index(nodes);
        if count == 1 && self.one_in(12) {
            let twin = Strategy::Twin { of: NodeId::new(u16::try_from(first).unwrap_or(0)) };
            plan.nodes.push(NodePlan { strategy: Some(twin), ..plan.nodes[first].clone() });
            return;
        }
        let collude = count > 1 && self.coin();
        for node in (first..first + count).map(|node| node % nodes) {
            let strategy = if collude { Strategy::Collude } else { self.strategy() };
            plan.nodes[node].strategy = Some(strategy);
            if matches!(strategy, Strategy::LyingHub | Strategy::TwoManifests) {
                let starts_at = plan.nodes[node].starts_at;
                let node = NodeId::new(u16::try_from(node).unwrap_or(0));
                for session in plan.sessions.iter_mut().filter(|session| session.signers.contains(&node)) {
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

    fn number(&mut self, least: u64, most: u64) -> u64 {
        let decision = Decision::of_node(Domain::Plan, self.profile, self.drawn);
        self.drawn += 1;
        self.chance.within(least, most, decision)
    }

    fn small(&mut self, least: u16, most: u16) -> u16 {
        u16::try_from(self.number(least.into(), most.into())).unwrap_or(most)
    }

    /// Below `count`; 0 where that is none.
    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.number(0, (count as u64).saturating_sub(1))).unwrap_or(0)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.number(1, count) == 1
    }

    fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    fn millis(&mut self, least: u64, most: u64) -> Micros {
        Micros::new(self.number(least * 1_000, most * 1_000))
    }

    /// Seldom, now and then, or often.
    fn probability(&mut self) -> Probability {
        let most = [10_000, 100_000, 350_000][self.index(3)];
        Probability::per_million(u32::try_from(self.number(0, most)).unwrap_or(0))
    }
}
