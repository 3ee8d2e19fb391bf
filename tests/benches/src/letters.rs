//! Single messages: the frames of a session, and announcements.

use crate::cpu::timed;
use crate::room::Room;
use crate::step::Step;
use crate::{generator, random, secret};
use musig2_proto::{
    Audience, Command, Config, Input, Item, Message, Node, Output, Proposal, PublicKey, SecretKey,
    Source, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Returns a frame of each kind that a calm session has, with the name of what it causes.
///
/// # Panics
/// If there are fewer signers than 2 or more than a session can have.
pub fn frames(signers: usize, messages: usize) -> Vec<(&'static str, Vec<u8>)> {
    let spent = Room::new(signers).session(messages);
    let kinds = [Step::Discover, Step::LastNonces, Step::LastPartials];
    let frames = kinds.map(|kind| (kind.name(), spent.example(kind).expect("it occurs").to_vec()));
    frames.into()
}

/// Announcements that everybody on the topic hears.
pub struct Announced {
    keys: Vec<PublicKey>,
    rng: ChaCha20Rng,
}

impl Announced {
    /// Makes the signers.
    ///
    /// # Panics
    /// If there are fewer than 2 or more than a session can have.
    pub fn new(signers: usize) -> Self {
        let public = |seat| SecretKey::new(secret(seat)).public_key().expect("a valid key");
        Self { keys: (0..signers).map(public).collect(), rng: generator() }
    }

    /// Creates and announces a session, on a node that has just started, and returns the processor
    /// time that this took.
    ///
    /// # Panics
    /// Never, if the core does as it says.
    pub fn make(&mut self) -> Duration {
        self.publish().1
    }

    /// Receives an announcement on a node that has just started, and returns the processor time.
    ///
    /// # Panics
    /// If the node is a signer and does not discover the session, or if it is none and does.
    pub fn receive(&mut self, is_signer: bool) -> Duration {
        let bytes = self.publish().0;
        let mut node = self.node(if is_signer { 1 } else { self.keys.len() });
        let input = Input::Announcement { from: Source::new([1]), bytes };
        let (outputs, took) = timed(|| node.handle(NOW, &mut self.rng, input));
        assert_eq!(Step::of(&outputs) == Step::Discover, is_signer);
        took
    }

    fn publish(&mut self) -> (Vec<u8>, Duration) {
        let mut node = self.node(0);
        let item = Item::new(Message::new(random(&mut self.rng)));
        let proposal = Proposal::new(self.keys.iter().copied()).with_item(item);
        let (outputs, took) = timed(|| {
            let (session, _) =
                node.create_session(NOW, &mut self.rng, proposal).expect("a session");
            let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
            node.execute(NOW, &mut self.rng, announce).expect("announced")
        });
        let published = outputs.into_iter().find_map(|output| match output {
            Output::Publish(bytes) => Some(bytes),
            _ => None,
        });
        (published.expect("a publication"), took)
    }

    fn node(&self, seat: usize) -> Node {
        let config = Config::default().with_max_signers(self.keys.len().max(15));
        let mut node = Node::new(config).expect("a valid configuration");
        node.add_key(&SecretKey::new(secret(seat))).expect("a valid key");
        node
    }
}
