//! A host whose node an adversary controls.

use super::World;
use super::host::{Host, keypair};
use crate::adversary::{Adversary, Means, Pot};
use crate::chance::{Chance, Decision, Domain};
use crate::engine::Engine;
use crate::ids::NodeId;
use musig2_proto::{Input, Node, Output, SecretKey, Timestamp};

/// An adversary with the key and the randomness of its node. It survives the node's crashes.
pub(super) struct Corrupted<C: Engine> {
    adversary: Box<dyn Adversary<C>>,
    secret: SecretKey,
    chance: Chance,
    me: NodeId,
    nodes: u16,
    /// How often it was asked. Each call gets its own generator.
    calls: u64,
    /// Whether it ever did something other than what honest code does.
    acted: bool,
}

impl<C: Engine> World<C> {
    /// Hands a node to an adversary from now on. The plan's strategy for that node no longer
    /// counts.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn corrupt(&mut self, node: NodeId, adversary: Box<dyn Adversary<C>>) {
        let nodes = u16::try_from(self.plan.nodes.len()).unwrap_or(u16::MAX);
        let secret = keypair::<C>(&self.chance, self.plan.key_of(node)).0;
        let chance = self.chance.clone();
        let corrupted =
            Corrupted { adversary, secret, chance, me: node, nodes, calls: 0, acted: false };
        self.hosts[node.as_usize()].corrupted = Some(corrupted);
        self.watch.corrupted(node);
    }

    /// Returns the nodes under adversary control that did only what honest code does, for instance
    /// because the strategy waits for something that never came. Such a run shows nothing about the
    /// strategy.
    pub fn without_effect(&self) -> impl Iterator<Item = NodeId> {
        let idle =
            |host: &Host<C>| host.corrupted.as_ref().is_some_and(|corrupted| !corrupted.acted);
        self.plan
            .node_ids()
            .zip(&self.hosts)
            .filter(move |(_, host)| idle(host))
            .map(|(node, _)| node)
    }

    /// Returns whether a node follows the protocol and no other node has its key. The oracles do
    /// not judge any other node's actions, and other nodes may be blamed.
    pub fn is_honest(&self, node: NodeId) -> bool {
        self.watch.is_honest(node)
    }
}

impl<C: Engine> Corrupted<C> {
    pub(super) fn before(
        &mut self,
        node: &Node<C>,
        pot: &mut Pot,
        now: Timestamp,
        input: Input,
    ) -> Vec<Input> {
        let honest = (!self.acted).then(|| input.clone());
        let inputs = self.ask(node, pot, now, |adversary, means| adversary.before(means, input));
        self.acted |= honest.is_some_and(|honest| inputs != [honest]);
        inputs
    }

    pub(super) fn after(
        &mut self,
        node: &Node<C>,
        pot: &mut Pot,
        now: Timestamp,
        outputs: Vec<Output>,
    ) -> Vec<Output> {
        let honest = (!self.acted).then(|| outputs.clone());
        let outputs = self.ask(node, pot, now, |adversary, means| adversary.after(means, outputs));
        self.acted |= honest.is_some_and(|honest| outputs != honest);
        outputs
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.adversary.next_deadline()
    }

    fn ask<T>(
        &mut self,
        node: &Node<C>,
        pot: &mut Pot,
        now: Timestamp,
        question: impl FnOnce(&mut dyn Adversary<C>, &mut Means<'_, C>) -> T,
    ) -> T {
        let &mut Self { me, nodes, calls, .. } = self;
        self.calls += 1;
        let mut rng = self.chance.generator(Decision::of_node(Domain::Adversary, me, calls));
        let mut means = Means { me, nodes, now, node, secret: &self.secret, rng: &mut rng, pot };
        question(self.adversary.as_mut(), &mut means)
    }
}
