//! What happens in a world: who takes part, what they sign, what the network does. A [`Plan`] is
//! data: it can be stored and compared, and the same plan always gives the same run.

mod build;
mod crash;
mod drawn;
mod draws;
mod error;
mod expectation;
mod faults;
mod node;
mod pause;
mod profile;
mod session;
mod strategy;

pub use crash::{Crash, CrashMoment, Disk};
pub use error::PlanError;
pub use node::{Answer, NodePlan};
pub use pause::Pause;
pub use profile::{Profile, UnknownProfile};
pub use session::SessionPlan;
pub use strategy::{NonceFlaw, Strategy, Withheld};

use crate::ids::NodeId;
use crate::network::Network;
use crate::time::Micros;
use musig2_proto::Config;
use serde::{Deserialize, Serialize};

/// Everything that happens in a [`World`](crate::World). A test writes it with the `with_*`
/// functions, [`Plan::drawn`] draws it from a seed, and [`Plan::from_bytes`] reads it from any
/// bytes.
///
/// ```
/// use musig2_sim::{Latency, Micros, NodeId, Partition, Plan, Probability};
///
/// let [alice, bob, carol] = [0, 1, 2].map(NodeId::new);
/// let plan = Plan::one_session(3)
///     .with_seed(42)
///     .with_latency(Latency::Uniform {
///         least: Micros::from_millis(5),
///         most: Micros::from_millis(80),
///     })
///     .with_loss(Probability::percent(10))
///     .with_partition(
///         Partition::new([alice, bob], [carol]).during(Micros::ZERO, Micros::from_secs(4)),
///     )
///     .with_heal_at(Micros::from_secs(10));
/// assert_eq!(plan.nodes.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Plan {
    /// The source of all randomness: keys, nonces, and what the network does.
    pub seed: u64,
    /// The nodes, by number. Each has its own key.
    pub nodes: Vec<NodePlan>,
    /// The sessions, in the order in which [`World`](crate::World) numbers them.
    pub sessions: Vec<SessionPlan>,
    /// The network between the nodes.
    pub network: Network,
    /// Who crashes, when, for how long, and what is left on the disk.
    pub crashes: Vec<Crash>,
    /// Who pauses, and when.
    pub pauses: Vec<Pause>,
    /// How each node is configured.
    pub config: Config,
    /// Whether each node knows every other node's contact from the start.
    pub known_contacts: bool,
    /// A run that is not quiet by then has failed.
    pub time_limit: Micros,
    /// A run that takes more steps than this (see [`Trace::steps`](crate::Trace::steps)) has
    /// failed. This also bounds memory.
    pub step_limit: u64,
}

impl Plan {
    /// Makes a plan with this many nodes, seed 0, a calm network and no session yet.
    pub fn new(nodes: u16) -> Self {
        Self {
            seed: 0,
            nodes: NodeId::first(nodes).map(|_| NodePlan::default()).collect(),
            sessions: Vec::new(),
            network: Network::default(),
            crashes: Vec::new(),
            pauses: Vec::new(),
            config: Config::default(),
            known_contacts: false,
            time_limit: Micros::from_secs(3_600),
            step_limit: 1_000_000,
        }
    }

    /// Makes a plan in which this many nodes sign one message together, proposed by node 0 at the
    /// beginning.
    pub fn one_session(signers: u16) -> Self {
        Self::new(signers).with_session(SessionPlan::new(NodeId::first(signers)))
    }

    /// Returns the numbers of all nodes.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + Clone + use<> {
        NodeId::first(u16::try_from(self.nodes.len()).unwrap_or(u16::MAX))
    }

    /// Returns whether a node follows the protocol and no other node has its key.
    pub fn is_honest(&self, node: NodeId) -> bool {
        let is_twin = |plan: &NodePlan| plan.strategy.and_then(Strategy::doubles) == Some(node);
        self.nodes.get(node.as_usize()).is_none_or(|plan| plan.strategy.is_none())
            && !self.nodes.iter().any(is_twin)
    }

    /// Returns the node whose key a node has: itself, except for twins and clones.
    pub(crate) fn key_of(&self, node: NodeId) -> NodeId {
        let strategy = self.nodes.get(node.as_usize()).and_then(|plan| plan.strategy);
        strategy.and_then(Strategy::doubles).unwrap_or(node)
    }

    /// Returns a node's configuration: the plan's, with the node's own number of places if it has
    /// one.
    pub(crate) fn config_of(&self, node: NodeId) -> Config {
        let places = self.nodes.get(node.as_usize()).and_then(|plan| plan.places);
        match places {
            Some(places) => self.config.clone().with_max_concurrent_sessions(places),
            None => self.config.clone(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let nodes = self.nodes.len();
        if nodes > usize::from(u16::MAX) {
            return Err(PlanError::TooManyNodes(nodes));
        }
        if let Some(crash) = self.crashes.iter().find(|crash| crash.node.as_usize() >= nodes) {
            return Err(PlanError::NoSuchNodeToCrash { node: crash.node, nodes });
        }
        if let Some(pause) = self.pauses.iter().find(|pause| pause.node.as_usize() >= nodes) {
            return Err(PlanError::NoSuchNodeToPause { node: pause.node, nodes });
        }
        let mut linked = self.network.links.iter().flat_map(|link| [link.from, link.to]);
        if let Some(node) = linked.find(|node| node.as_usize() >= nodes) {
            return Err(PlanError::NoSuchNodeToLink { node, nodes });
        }
        if let Some(node) =
            self.node_ids().find(|node| !self.nodes[node.as_usize()].clock.is_allowed())
        {
            return Err(PlanError::Clock { node });
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
mod tests;
