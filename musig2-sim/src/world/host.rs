//! The place of one node: its key, its generator, its application, and the deadline at which it is
//! woken.

use super::corrupted::Corrupted;
use crate::adversary::Pot;
use crate::application::Application;
use crate::chance::{Chance, Decision, Domain};
use crate::clock::Dial;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::queue::Happening;
use crate::time::Micros;
use musig2_proto::{
    Command, CommandError, Config, Input, Node, Output, PublicKey, SecretKey, Timestamp,
};
use rand_chacha::ChaCha8Rng;

pub(super) struct Host<C: Engine> {
    pub(super) public_key: PublicKey,
    secret: SecretKey,
    /// The node whose number seeds the random generator: this one, except for clones.
    rng_of: NodeId,
    /// The adversary that controls the node, if it is not honest.
    pub(super) corrupted: Option<Corrupted<C>>,
    /// The application of the current life, or of the last one if the node is down.
    pub(super) application: Application,
    /// The applications of earlier lives. Bounded by the plan's crashes and those that a test
    /// orders.
    pub(super) former: Vec<Application>,
    /// How many outputs the node gave out, in all its lives.
    pub(super) outputs: u64,
    /// When the node is to be woken.
    pub(super) wake: Option<Micros>,
    /// The moment of the last wake, and how many wakes in a row were at that moment.
    pub(super) ticks: (Micros, u32),
    running: Option<Running<C>>,
    /// Set while the node is paused.
    pub(super) stillness: Option<Stillness>,
    pub(super) dial: Dial,
    /// How often the node has started. Each life gets its own generator.
    pub(super) starts: u64,
}

/// What waits for a paused node. Bounded by the world's queue.
pub(super) struct Stillness {
    /// Whether messages are lost instead of waiting.
    pub(super) deaf: bool,
    pub(super) waiting: Vec<Happening>,
}

struct Running<C: Engine> {
    node: Node<C>,
    rng: ChaCha8Rng,
}

impl<C: Engine> Host<C> {
    /// Makes a host with the key of one number, the random generator of another, and this clock.
    pub(super) fn new(chance: &Chance, key_of: NodeId, rng_of: NodeId, dial: Dial) -> Self {
        let (secret, public_key) = keypair::<C>(chance, key_of);
        Self {
            public_key,
            secret,
            rng_of,
            corrupted: None,
            application: Application::default(),
            former: Vec::new(),
            outputs: 0,
            dial,
            stillness: None,
            wake: None,
            ticks: (Micros::ZERO, 0),
            running: None,
            starts: 0,
        }
    }

    /// Starts the node with its key.
    pub(super) fn start(&mut self, chance: &Chance, config: Config) -> Result<(), String> {
        let mut node = Node::with_engine(config).map_err(|error| error.to_string())?;
        node.add_key(&self.secret).map_err(|error| error.to_string())?;
        let rng = chance.generator(Decision::of_node(Domain::NodeRng, self.rng_of, self.starts));
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

    /// Returns what the node's clock shows.
    pub(super) fn clock(&self, now: Micros) -> Timestamp {
        self.dial.shows(now)
    }

    /// Returns when the node has to be woken, by its own clock.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let node = self.node()?.next_deadline();
        let adversary = self.corrupted.as_ref().and_then(Corrupted::next_deadline);
        node.into_iter().chain(adversary).min()
    }

    /// Gives the node an input. Returns `None` if the node has not started.
    pub(super) fn handle(
        &mut self,
        now: Micros,
        input: Input,
        pot: &mut Pot,
    ) -> Option<Vec<Output>> {
        let now = self.clock(now);
        let Running { node, rng } = self.running.as_mut()?;
        let Some(corrupted) = &mut self.corrupted else {
            return Some(node.handle(now, rng, input));
        };
        let mut outputs = Vec::new();
        for input in corrupted.before(node, pot, now, input) {
            outputs.extend(node.handle(now, rng, input));
        }
        Some(corrupted.after(node, pot, now, outputs))
    }

    /// Gives the node an order. Returns `None` if the node has not started.
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

/// Returns a node's keys, which depend only on the seed and the node's number.
pub(super) fn keypair<C: Engine>(chance: &Chance, node: NodeId) -> (SecretKey, PublicKey) {
    let mut tries = 0;
    loop {
        let secret =
            SecretKey::new(chance.bytes(Decision::of_node(Domain::SecretKey, node, tries)));
        if let Ok(keypair) = C::keypair(&secret) {
            return (secret, C::public_key(&keypair));
        }
        tries += 1;
    }
}
