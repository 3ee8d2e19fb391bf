//! Builder functions: a test writes its plan with these.

use super::{Answer, NodePlan, Plan, SessionPlan};
use crate::chance::Probability;
use crate::clock::Jump;
use crate::ids::NodeId;
use crate::network::{Blow, Capacity, Latency, Link, Network, PairLink, Partition, Pick, Target};
use crate::plan::Strategy;
use crate::time::Micros;
use musig2_proto::Config;

impl Plan {
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

    /// Sets how frames and publications travel between two nodes, in both directions. For one
    /// direction, add to [`Network::links`].
    #[must_use]
    pub fn with_link(mut self, one: NodeId, other: NodeId, link: Link) -> Self {
        for (from, to) in [(one, other), (other, one)] {
            self.network.links.push(PairLink { from, to, link: link.clone() });
        }
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

    /// Sets how often a frame or publication is delayed, and the extra delay.
    #[must_use]
    pub fn with_delays(mut self, delayed: Probability, delay: Latency) -> Self {
        for link in [&mut self.network.frames, &mut self.network.gossip] {
            (link.delayed, link.delay) = (delayed, delay);
        }
        self
    }

    /// Reverses the order of arrival of frames that are sent within a window of this length.
    #[must_use]
    pub fn with_reversal(mut self, window: Micros) -> Self {
        self.network.frames.reversal = Some(window);
        self
    }

    /// Sets how often a frame or publication arrives altered.
    #[must_use]
    pub fn with_corruption(mut self, corruption: Probability) -> Self {
        self.network.frames.corruption = corruption;
        self.network.gossip.corruption = corruption;
        self
    }

    /// Sets the capacity of every link for frames.
    #[must_use]
    pub fn with_capacity(mut self, capacity: Capacity) -> Self {
        self.network.frames.capacity = Some(capacity);
        self
    }

    /// Loses chosen messages.
    #[must_use]
    pub fn with_lost(self, pick: Pick) -> Self {
        self.with_target(pick, Blow::Lost)
    }

    /// Delays the chosen messages by `delay`.
    #[must_use]
    pub fn with_delayed(self, pick: Pick, delay: Micros) -> Self {
        self.with_target(pick, Blow::Delayed(delay))
    }

    /// Delivers the chosen messages a second time, `later` after the first.
    #[must_use]
    pub fn with_repeated(self, pick: Pick, later: Micros) -> Self {
        self.with_target(pick, Blow::Repeated(later))
    }

    /// Alters chosen messages.
    #[must_use]
    pub fn with_altered(self, pick: Pick) -> Self {
        self.with_target(pick, Blow::Altered)
    }

    fn with_target(mut self, pick: Pick, blow: Blow) -> Self {
        self.network.targets.push(Target { pick, blow });
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

    /// Starts a node late. Has no effect if there is no such node.
    #[must_use]
    pub fn with_late_start(mut self, node: NodeId, at: Micros) -> Self {
        self.change(node, |plan| plan.starts_at = at);
        self
    }

    /// Lets a node hear the announcement topic only from `at` on. Has no effect if there is no such
    /// node.
    #[must_use]
    pub fn with_late_listener(mut self, node: NodeId, at: Micros) -> Self {
        self.change(node, |plan| plan.listens_at = at);
        self
    }

    /// Sets what a node does about sessions it discovers. Has no effect if there is no such node.
    #[must_use]
    pub fn with_approval(mut self, node: NodeId, approval: Answer) -> Self {
        self.change(node, |plan| plan.approval = approval);
        self
    }

    /// Sets how many sessions of one coordinator a node takes part in at once. Has no effect if
    /// there is no such node.
    #[must_use]
    pub fn with_places(mut self, node: NodeId, places: usize) -> Self {
        self.change(node, |plan| plan.places = Some(places));
        self
    }

    /// Sets what every node does when a step waits for its application.
    #[must_use]
    pub fn with_stepping(mut self, stepping: Answer) -> Self {
        self.nodes
            .iter_mut()
            .for_each(|node| (node.stepping, node.finalizing) = (stepping, stepping));
        self
    }

    /// Sets how many milliseconds a node's clock is ahead of the true one; a negative number sets
    /// it behind. Has no effect if there is no such node.
    #[must_use]
    pub fn with_clock_ahead(mut self, node: NodeId, millis: i64) -> Self {
        self.change(node, |plan| plan.clock.ahead = millis);
        self
    }

    /// Sets how many parts per million a node's clock runs faster than the true one; a negative
    /// number makes it slower. Has no effect if there is no such node.
    #[must_use]
    pub fn with_clock_drift(mut self, node: NodeId, parts_per_million: i32) -> Self {
        self.change(node, |plan| plan.clock.drift = parts_per_million);
        self
    }

    /// Sets a node's clock forward by `millis` milliseconds at one moment; a negative number sets
    /// it back. Has no effect if there is no such node.
    #[must_use]
    pub fn with_clock_jump(mut self, node: NodeId, at: Micros, millis: i64) -> Self {
        self.change(node, |plan| plan.clock.jumps.push(Jump::new(at, millis)));
        self
    }

    /// Makes a node Byzantine. Has no effect if there is no such node.
    #[must_use]
    pub fn with_strategy(mut self, node: NodeId, strategy: Strategy) -> Self {
        self.change(node, |plan| plan.strategy = Some(strategy));
        self
    }

    /// Adds a node with the same key as another one. Neither knows of the other, and neither counts
    /// as honest any more.
    #[must_use]
    pub fn with_twin(mut self, of: NodeId) -> Self {
        let strategy = Some(Strategy::Twin { of });
        self.nodes.push(NodePlan { strategy, ..NodePlan::default() });
        self
    }

    /// Adds a copy of a node, including its random generator. Neither knows of the other, and
    /// neither counts as honest any more.
    #[must_use]
    pub fn with_clone(mut self, of: NodeId) -> Self {
        let strategy = Some(Strategy::Clone { of });
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

    fn change(&mut self, node: NodeId, change: impl FnOnce(&mut NodePlan)) {
        if let Some(plan) = self.nodes.get_mut(node.as_usize()) {
            change(plan);
        }
    }
}
