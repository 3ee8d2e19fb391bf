//! What happens in a world: who takes part, what they sign, what the network does. A [`Plan`] is data: it can be stored
//! and compared, and the same plan always gives the same run.

mod crash;
mod error;
mod seeded;
mod session;

pub use crash::{Crash, CrashMoment};
pub use error::PlanError;
pub use session::SessionPlan;

use crate::adversary::Strategy;
use crate::chance::Probability;
use crate::network::{Latency, Network, NodeId, Partition};
use crate::time::Micros;
use musig2_proto::Config;
use serde::{Deserialize, Serialize};

/// Everything that happens in a [`World`](crate::World). Written by a test with the `with_*` functions, or drawn by
/// [`Plan::from_seed`].
///
/// ```
/// use musig2_sim::{Latency, Micros, NodeId, Partition, Plan, Probability};
///
/// let [alice, bob, carol] = [0, 1, 2].map(NodeId::new);
/// let plan = Plan::one_session(3)
///     .with_seed(42)
///     .with_latency(Latency::Uniform { least: Micros::from_millis(5), most: Micros::from_millis(80) })
///     .with_loss(Probability::percent(10))
///     .with_partition(Partition::new([alice, bob], [carol]).during(Micros::ZERO, Micros::from_secs(4)))
///     .with_heal_at(Micros::from_secs(10));
/// assert_eq!(plan.nodes.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// Where all randomness comes from: keys, nonces, and what the network does.
    pub seed: u64,
    /// The nodes, by number. Each has one key of its own.
    pub nodes: Vec<NodePlan>,
    /// The sessions, in the order in which [`World`](crate::World) names them.
    pub sessions: Vec<SessionPlan>,
    /// What is between the nodes.
    pub network: Network,
    /// Who crashes, when, and for how long.
    pub crashes: Vec<Crash>,
    /// How each node is configured.
    pub config: Config,
    /// Whether each node is told from the start where every other is.
    pub known_contacts: bool,
    /// A run that is not quiet by then has failed.
    pub time_limit: Micros,
    /// A run that takes more steps (see [`Trace::steps`](crate::Trace::steps)) has failed. It bounds memory, too.
    pub step_limit: u64,
}

/// One node, and how its application behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodePlan {
    /// When it starts. What is sent to it before is lost.
    pub starts_at: Micros,
    /// When it hears the announcement topic. What is published before is lost to it.
    pub listens_at: Micros,
    /// What it does about a session it discovers.
    pub approval: Answer,
    /// What it does when a step waits for it; only where stepping is manual.
    pub stepping: Answer,
    /// Whether its application keeps the announcements of its sessions where a crash does not reach them, and resumes the
    /// sessions afterwards.
    pub resumes: bool,
    /// How it breaks the protocol; `None` where it is honest.
    #[serde(default)]
    pub strategy: Option<Strategy>,
}

/// What an application does when its node waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Answer {
    /// What is asked, after this time.
    After(Micros),
    /// Nothing by itself. A test can still order it with [`World::command`](crate::World::command).
    Never,
}

impl Answer {
    /// What is asked, at once.
    pub const AT_ONCE: Self = Self::After(Micros::ZERO);
}

impl Default for Answer {
    fn default() -> Self {
        Self::AT_ONCE
    }
}

impl Plan {
    /// This many nodes, seed 0, a calm network and no session yet.
    pub fn new(nodes: u16) -> Self {
        Self {
            seed: 0,
            nodes: NodeId::first(nodes).map(|_| NodePlan::default()).collect(),
            sessions: Vec::new(),
            network: Network::default(),
            crashes: Vec::new(),
            config: Config::default(),
            known_contacts: false,
            time_limit: Micros::from_secs(3_600),
            step_limit: 1_000_000,
        }
    }

    /// This many nodes that sign one message together, proposed by node 0 at the beginning.
    pub fn one_session(signers: u16) -> Self {
        Self::new(signers).with_session(SessionPlan::new(NodeId::first(signers)))
    }

    /// Sets [`Plan::seed`].
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Adds a session.
    #[must_use]
    pub fn with_session(mut self, session: SessionPlan) -> Self {
        self.sessions.push(session);
        self
    }

    /// Sets [`Plan::config`].
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets [`Plan::known_contacts`].
    #[must_use]
    pub fn with_known_contacts(mut self) -> Self {
        self.known_contacts = true;
        self
    }

    /// Sets [`Plan::network`].
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets the latency of frames and gossip.
    #[must_use]
    pub fn with_latency(mut self, latency: Latency) -> Self {
        self.network.frames.latency = latency;
        self.network.gossip.latency = latency;
        self
    }

    /// Sets how often a frame or publication is lost.
    #[must_use]
    pub fn with_loss(mut self, loss: Probability) -> Self {
        self.network.frames.loss = loss;
        self.network.gossip.loss = loss;
        self
    }

    /// Sets how often a frame or publication comes twice.
    #[must_use]
    pub fn with_duplication(mut self, duplication: Probability) -> Self {
        self.network.frames.duplication = duplication;
        self.network.gossip.duplication = duplication;
        self
    }

    /// Sets how often a frame or publication takes how much longer.
    #[must_use]
    pub fn with_delays(mut self, delayed: Probability, delay: Latency) -> Self {
        for link in [&mut self.network.frames, &mut self.network.gossip] {
            (link.delayed, link.delay) = (delayed, delay);
        }
        self
    }

    /// Makes frames that are sent within a window of this length arrive in reverse order.
    #[must_use]
    pub fn with_reversal(mut self, window: Micros) -> Self {
        self.network.frames.reversal = Some(window);
        self
    }

    /// Adds a partition.
    #[must_use]
    pub fn with_partition(mut self, partition: Partition) -> Self {
        self.network.partitions.push(partition);
        self
    }

    /// Sets [`Network::heals_at`].
    #[must_use]
    pub fn with_heal_at(mut self, at: Micros) -> Self {
        self.network.heals_at = Some(at);
        self
    }

    /// Starts a node late. Without effect where there is no such node.
    #[must_use]
    pub fn with_late_start(mut self, node: NodeId, at: Micros) -> Self {
        self.change(node, |plan| plan.starts_at = at);
        self
    }

    /// Lets a node hear the announcement topic late. Without effect where there is no such node.
    #[must_use]
    pub fn with_late_listener(mut self, node: NodeId, at: Micros) -> Self {
        self.change(node, |plan| plan.listens_at = at);
        self
    }

    /// Sets what a node does about sessions it discovers. Without effect where there is no such node.
    #[must_use]
    pub fn with_approval(mut self, node: NodeId, approval: Answer) -> Self {
        self.change(node, |plan| plan.approval = approval);
        self
    }

    /// Sets what every node does when a step waits for it.
    #[must_use]
    pub fn with_stepping(mut self, stepping: Answer) -> Self {
        self.nodes.iter_mut().for_each(|node| node.stepping = stepping);
        self
    }

    /// Makes a node Byzantine. Without effect where there is no such node.
    #[must_use]
    pub fn with_strategy(mut self, node: NodeId, strategy: Strategy) -> Self {
        self.change(node, |plan| plan.strategy = Some(strategy));
        self
    }

    /// Adds a node with the key of another one: neither of them knows, and neither is honest any more.
    #[must_use]
    pub fn with_twin(mut self, of: NodeId) -> Self {
        let strategy = Some(Strategy::Twin { of });
        self.nodes.push(NodePlan { strategy, ..NodePlan::default() });
        self
    }

    /// Sets [`Plan::time_limit`].
    #[must_use]
    pub fn with_time_limit(mut self, limit: Micros) -> Self {
        self.time_limit = limit;
        self
    }

    /// Sets [`Plan::step_limit`].
    #[must_use]
    pub fn with_step_limit(mut self, limit: u64) -> Self {
        self.step_limit = limit;
        self
    }

    /// Whether a node follows the protocol, and is alone with its key.
    pub fn is_honest(&self, node: NodeId) -> bool {
        let twin = Some(Strategy::Twin { of: node });
        self.nodes.get(node.as_usize()).is_none_or(|plan| plan.strategy.is_none())
            && self.nodes.iter().all(|plan| plan.strategy != twin)
    }

    /// The node whose key a node has: its own, but for twins.
    pub(crate) fn key_of(&self, node: NodeId) -> NodeId {
        match self.nodes.get(node.as_usize()).and_then(|plan| plan.strategy) {
            Some(Strategy::Twin { of }) => of,
            _ => node,
        }
    }

    fn change(&mut self, node: NodeId, change: impl FnOnce(&mut NodePlan)) {
        if let Some(plan) = self.nodes.get_mut(node.as_usize()) {
            change(plan);
        }
    }

    /// The numbers of all nodes.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + Clone + use<> {
        NodeId::first(u16::try_from(self.nodes.len()).unwrap_or(u16::MAX))
    }

    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let nodes = self.nodes.len();
        if nodes > usize::from(u16::MAX) {
            return Err(PlanError::TooManyNodes(nodes));
        }
        if let Some(crash) = self.crashes.iter().find(|crash| crash.node.as_usize() >= nodes) {
            return Err(PlanError::NoSuchNodeToCrash { node: crash.node, nodes });
        }
        for node in self.node_ids() {
            let of = self.key_of(node);
            if of != node && (of.as_usize() >= nodes || self.key_of(of) != of) {
                return Err(PlanError::NoSuchNodeToDouble { node, of });
            }
        }
        for (session, plan) in self.sessions.iter().enumerate() {
            if let Some(&node) = plan.signers.iter().find(|node| node.as_usize() >= nodes) {
                return Err(PlanError::NoSuchNode { session, node, nodes });
            }
            let coordinator = plan.coordinator;
            if !plan.signers.contains(&coordinator) {
                return Err(PlanError::CoordinatorNotSigner { session, coordinator });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_being_stored() {
        for seed in 0..20 {
            let plan = Plan::from_seed(seed);
            let stored = serde_json::to_string(&plan).unwrap();
            assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
            assert_eq!(plan.check(), Ok(()));
            assert_ne!(plan, Plan::from_seed(seed + 1));
        }
    }

    #[test]
    fn a_contradiction_is_named() {
        let [alice, bob, carol] = [0, 1, 2].map(NodeId::new);
        let error = Plan::new(2).with_session(SessionPlan::new([alice, carol])).check().unwrap_err();
        assert_eq!(error.to_string(), "session 0 names node 2, and there are only 2");
        let session = SessionPlan::new([alice, bob]).proposed_by(carol);
        let error = Plan::new(3).with_session(session).check().unwrap_err();
        assert_eq!(error.to_string(), "session 0: its coordinator, node 2, is not one of its signers");
    }
}
