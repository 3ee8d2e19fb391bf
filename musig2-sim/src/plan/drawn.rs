//! Draws plans, in one way from two sources: a seed and a profile, or a fuzzer's bytes.

use super::draws::Draws;
use super::{Answer, Plan, Profile, SessionPlan};
use crate::network::Latency;
use crate::time::Micros;
use arbitrary::{Arbitrary, Unstructured};
use musig2_proto::{Config, Item, Message, PhaseTimeout, Stepping, Topology, Tweak};

impl Plan {
    /// Draws a plan of this profile. Its network heals within 20 s, early enough for every session
    /// that [must complete](Plan::must_complete).
    ///
    /// ```
    /// use musig2_sim::{Plan, Profile};
    ///
    /// assert_eq!(Plan::drawn(7, Profile::Swarm), Plan::drawn(7, Profile::Swarm));
    /// assert_ne!(Plan::drawn(7, Profile::Swarm), Plan::drawn(7, Profile::Crashy));
    /// ```
    pub fn drawn(seed: u64, profile: Profile) -> Self {
        Draws::seeded(seed, profile).plan(seed, profile)
    }

    /// Reads a plan from bytes: the profile, eight bytes of seed, and then the choices that
    /// [`Plan::drawn`] makes by chance. So everything that holds for drawn plans also holds for
    /// these, and changing one byte changes one thing. A short input gives a calm plan.
    ///
    /// ```
    /// use musig2_sim::Plan;
    ///
    /// let plan = Plan::from_bytes(&[3, 7]);
    /// assert_eq!((plan.nodes.len(), plan.sessions.len(), plan.seed), (2, 1, 7));
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::unstructured(&mut Unstructured::new(bytes))
    }

    fn unstructured(bytes: &mut Unstructured<'_>) -> Self {
        // Missing bytes read as zero, so neither call fails.
        let profile = bytes.arbitrary::<u8>().unwrap_or_default();
        let profile = Profile::ALL[usize::from(profile) % Profile::ALL.len()];
        let seed = bytes.arbitrary().unwrap_or_default();
        Draws::Bytes(bytes).plan(seed, profile)
    }
}

/// Works like [`Plan::from_bytes`].
impl<'a> Arbitrary<'a> for Plan {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::unstructured(bytes))
    }
}

impl Draws<'_, '_> {
    fn plan(&mut self, seed: u64, profile: Profile) -> Plan {
        let mut plan = self.world(seed);
        if self.one_in(12) {
            self.burst(&mut plan);
        }
        match profile {
            Profile::Calm => {}
            Profile::Swarm => self.faults(&mut plan),
            Profile::Skewed => {
                if self.coin() {
                    self.faults(&mut plan);
                }
                self.clocks(&mut plan);
            }
            Profile::Byzantine => {
                if self.coin() {
                    self.faults(&mut plan);
                }
                self.byzantine(&mut plan);
            }
            Profile::Crashy => {
                if self.coin() {
                    self.faults(&mut plan);
                }
                self.crashes(&mut plan);
            }
        }
        plan
    }

    /// Draws nodes, sessions and habits, and a network without faults.
    fn world(&mut self, seed: u64) -> Plan {
        let nodes = match self.number(0, 99) {
            0..25 => 2,
            25..65 => 3,
            65..85 => 4,
            85..96 => self.small(5, 7),
            _ => self.small(8, 15),
        };
        let mut plan = Plan::new(nodes)
            .with_seed(seed)
            .with_config(self.config())
            .with_latency(self.latency());
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
            if self.one_in(80) {
                node.approval = Answer::Refuses(self.millis(0, 3_000));
            }
            if manual {
                node.stepping = self.step();
                node.finalizing = self.last_step();
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

    /// Lets up to three applications propose several sessions each at the same moment, more than
    /// nodes have places for, and every application wants to sign them all. Such bursts deadlock if
    /// nodes admit sessions in different orders.
    fn burst(&mut self, plan: &mut Plan) {
        plan.config = plan.config.clone().with_max_concurrent_sessions(self.small(1, 3).into());
        let thoughtful = self.coin();
        for node in &mut plan.nodes {
            // Each node takes its own time to answer, so they approve in different orders.
            node.approval =
                Answer::After(if thoughtful { self.millis(0, 3_000) } else { Micros::ZERO });
            node.finalizing = Answer::After(self.millis(0, 1_000));
            node.places = self.coin().then(|| self.small(1, 7).into());
        }
        let moment = self.millis(0, 5_000);
        let bursts = usize::from(self.small(1, 3)).min(plan.nodes.len());
        plan.sessions.clear();
        for _ in 0..bursts {
            let model = self.session(plan);
            for _ in 0..self.small(3, 7) {
                let item = self.item();
                let mut session = model.clone().at(moment).with_items([item]);
                session.duration = None;
                // The signer sets differ: with three or more signers, some sessions leave one out.
                if session.signers.len() > 2 && self.one_in(3) {
                    let mut others =
                        session.signers.iter().filter(|signer| **signer != session.coordinator);
                    if let Some(last) = others.next_back().copied() {
                        session.signers.remove(&last);
                    }
                }
                plan.sessions.push(session);
            }
        }
    }

    fn step(&mut self) -> Answer {
        let thought = self.millis(0, 1_000);
        if self.one_in(30) { Answer::Refuses(thought) } else { Answer::After(thought) }
    }

    /// Sometimes takes more than half of the session's remaining time.
    fn last_step(&mut self) -> Answer {
        Answer::After(if self.one_in(8) {
            self.millis(300_000, 420_000)
        } else {
            self.millis(0, 1_000)
        })
    }

    fn config(&mut self) -> Config {
        let topology = if self.one_in(4) { Topology::Hub } else { Topology::Mesh };
        let stepping = if self.one_in(6) { Stepping::Manual } else { Stepping::Automatic };
        let timeout = if self.one_in(4) { PhaseTimeout::Report } else { PhaseTimeout::End };
        let config = Config::default()
            .with_topology(topology)
            .with_stepping(stepping)
            .with_phase_timeout(timeout);
        let config = match self.one_in(10) {
            // Close to the least frame size that is allowed for this many items, so that a board is
            // sent in pieces.
            true => config.with_max_items(16).with_max_frame_size(self.index(4_000) + 12_000),
            false => config,
        };
        match self.one_in(10) {
            true => {
                let (rate, burst) = (self.small(40, 100), self.small(60, 150));
                config.with_checks_per_source(rate.into()).with_source_burst(burst.into())
            }
            false => config,
        }
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
        let session = SessionPlan::new(signers)
            .proposed_by(coordinator)
            .at(self.millis(0, 5_000))
            .with_items(items);
        // A duration so short that the session may expire in any phase.
        let session = if self.one_in(10) {
            session.with_duration(self.millis(2_000, 60_000))
        } else {
            session
        };
        if plan.known_contacts && self.one_in(4) { session.private() } else { session }
    }

    fn item(&mut self) -> Item {
        let mut message = [0; 32];
        message[..8].copy_from_slice(&self.number(0, u64::MAX).to_be_bytes());
        let item = Item::new(Message::new(message));
        // A single tweak is always within the limits, so this cannot fail.
        if self.coin() {
            item.clone().with_tweaks(vec![Tweak::BIP86]).unwrap_or(item)
        } else {
            item
        }
    }
}
