//! A place for a node: its key, its generator, its application, and the deadline it is woken at.

use super::corrupted::Corrupted;
use crate::adversary::Pot;
use crate::application::Application;
use crate::chance::{Chance, Decision, Domain};
use crate::network::NodeId;
use crate::oracle::Engine;
use crate::time::Micros;
use core::time::Duration;
use musig2_proto::{Command, CommandError, Config, Input, Node, Output, PublicKey, SecretKey, Timestamp};
use rand_chacha::ChaCha8Rng;

pub(super) struct Host<C: Engine> {
    pub(super) public_key: PublicKey,
    secret: SecretKey,
    /// In whose hands the node is, where it is not honest.
    pub(super) corrupted: Option<Corrupted<C>>,
    /// Of the present life, or of the last where the node is down.
    pub(super) application: Application,
    /// Of the lives before. Bounded by the plan's crashes and those that a test orders.
    pub(super) former: Vec<Application>,
    /// How many outputs there were, in all lives.
    pub(super) outputs: u64,
    /// The deadline that the node is to be woken at.
    pub(super) wake: Option<Micros>,
    /// Wakes at one moment, in a row.
    pub(super) ticks: (Micros, u32),
    running: Option<Running<C>>,
    /// How far its clock is ahead of the true one, in milliseconds.
    pub(super) clock_ahead: i64,
    /// How often the node has started: each life has a generator of its own.
    pub(super) starts: u64,
}

struct Running<C: Engine> {
    node: Node<C>,
    rng: ChaCha8Rng,
}

impl<C: Engine> Host<C> {
    /// With the key of this number: the host's own, but for twins.
    pub(super) fn new(chance: &Chance, key_of: NodeId) -> Self {
        let (secret, public_key) = keypair::<C>(chance, key_of);
        Self {
            public_key,
            secret,
            corrupted: None,
            application: Application::default(),
            former: Vec::new(),
            outputs: 0,
            clock_ahead: 0,
            wake: None,
            ticks: (Micros::ZERO, 0),
            running: None,
            starts: 0,
        }
    }

    /// Starts the node with its key.
    pub(super) fn start(&mut self, chance: &Chance, id: NodeId, config: Config) -> Result<(), String> {
        let mut node = Node::new(config).map_err(|error| error.to_string())?;
        node.add_key(&self.secret).map_err(|error| error.to_string())?;
        let rng = chance.generator(Decision::of_node(Domain::NodeRng, id, self.starts));
        self.starts += 1;
        self.running = Some(Running { node, rng });
        Ok(())
    }

    /// Drops the node and everything it knows.
    pub(super) fn stop(&mut self) {
        self.running = None;
        self.wake = None;
    }

    pub(super) fn node(&self) -> Option<&Node<C>> {
        self.running.as_ref().map(|running| &running.node)
    }

    /// What the node's clock shows.
    pub(super) fn clock(&self, now: Micros) -> Timestamp {
        shift(now.to_timestamp(), self.clock_ahead)
    }

    /// When the node has to be woken.
    pub(super) fn deadline(&self) -> Option<Micros> {
        let node = self.node()?.next_deadline();
        let adversary = self.corrupted.as_ref().and_then(Corrupted::next_deadline);
        let deadline = node.into_iter().chain(adversary).min()?;
        Some(Micros::from_timestamp(shift(deadline, self.clock_ahead.saturating_neg())))
    }

    /// `None` where the node has not started.
    pub(super) fn handle(&mut self, now: Micros, input: Input, pot: &mut Pot) -> Option<Vec<Output>> {
        let now = self.clock(now);
        let Running { node, rng } = self.running.as_mut()?;
        let Some(corrupted) = &mut self.corrupted else { return Some(node.handle(now, rng, input)) };
        let mut outputs = Vec::new();
        for input in corrupted.before(node, pot, now, input) {
            outputs.extend(node.handle(now, rng, input));
        }
        Some(corrupted.after(node, pot, now, outputs))
    }

    /// `None` where the node has not started.
    pub(super) fn execute(
        &mut self,
        now: Micros,
        command: Command,
        pot: &mut Pot,
    ) -> Option<Result<Vec<Output>, CommandError>> {
        let now = self.clock(now);
        let Running { node, rng } = self.running.as_mut()?;
        let outputs = node.execute(now, rng, command);
        let Some(corrupted) = &mut self.corrupted else { return Some(outputs) };
        Some(outputs.map(|outputs| corrupted.after(node, pot, now, outputs)))
    }
}

fn shift(time: Timestamp, millis: i64) -> Timestamp {
    let by = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { time.saturating_sub(by) } else { time.saturating_add(by) }
}

/// A node's keys. Only the seed and its number matter.
pub(super) fn keypair<C: Engine>(chance: &Chance, node: NodeId) -> (SecretKey, PublicKey) {
    let mut tries = 0;
    loop {
        let secret = SecretKey::new(chance.bytes(Decision::of_node(Domain::SecretKey, node, tries)));
        if let Ok(keypair) = C::keypair(&secret) {
            return (secret, C::public_key(&keypair));
        }
        tries += 1;
    }
}
