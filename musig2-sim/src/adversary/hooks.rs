//! What an adversary is: a program between a real node and the network.

use super::Heard;
use crate::network::NodeId;
use crate::oracle::Engine;
use musig2_proto::{Input, Node, Output, PublicKey, SecretKey, Timestamp};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use std::collections::BTreeSet;

/// A Byzantine node. It runs a real [`Node`] with a key of its own, sees what reaches that node before it does and what leaves it
/// before anyone else, and may alter, drop and add to both. Install it with [`World::corrupt`](crate::World::corrupt), or use
/// one of the built-in [`Strategy`](crate::Strategy)s.
///
/// Its decisions must follow from what it is given (the world's randomness is in [`Means`]): the same plan must give the same run.
///
/// ```
/// use musig2_proto::{DefaultCrypto, Output};
/// use musig2_sim::{Adversary, Means, NodeId, Plan, World};
///
/// /// Hears everything and says nothing.
/// struct Mute;
///
/// impl Adversary<DefaultCrypto> for Mute {
///     fn after(&mut self, _: &mut Means<'_, DefaultCrypto>, outputs: Vec<Output>) -> Vec<Output> {
///         outputs.into_iter().filter(|output| matches!(output, Output::Event(_))).collect()
///     }
/// }
///
/// let mut world = World::new(Plan::one_session(3))?;
/// world.corrupt(NodeId::new(2), Box::new(Mute));
/// world.run_until_quiet()?;
/// world.check()?; // Nobody is blamed for silence, and all honest nodes come to an end.
/// assert_eq!(world.completed_at(0), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Adversary<C: Engine> {
    /// What reaches its node: what the node is to be given in its place, one after another.
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        let _ = means;
        vec![input]
    }

    /// What its node returned, to an input or to its application's order: what is done in its place.
    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let _ = means;
        outputs
    }

    /// When it wants to act by its own will: its node is given an [`Input::Tick`] then, at the latest. Each such moment must
    /// move on, and there must be an end to them.
    fn next_deadline(&self) -> Option<Timestamp> {
        None
    }
}

/// What an adversary has at hand in one call.
pub struct Means<'a, C: Engine> {
    /// Its node's number.
    pub me: NodeId,
    /// How many nodes there are, itself included; they are numbered from 0.
    pub nodes: u16,
    /// What its clock shows.
    pub now: Timestamp,
    /// The honest code that it runs.
    pub node: &'a Node<C>,
    /// Its key.
    pub secret: &'a SecretKey,
    /// For this call and no other: it follows from the plan's seed, the node, and how many calls there were before.
    pub rng: &'a mut ChaCha8Rng,
    /// What it shares with the other adversaries of this world.
    pub pot: &'a mut Pot,
}

/// What colluding adversaries share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pot {
    /// The keys of those who collude.
    pub colluders: BTreeSet<PublicKey>,
    /// What any of them has heard, whether it is true or not.
    pub heard: Heard,
}

impl<C: Engine> Means<'_, C> {
    /// Its public key.
    ///
    /// # Panics
    /// Never: the world made the key.
    pub fn key(&self) -> PublicKey {
        C::public_key(&self.keypair())
    }

    pub(crate) fn keypair(&self) -> C::Keypair {
        C::keypair(self.secret).unwrap_or_else(|_| unreachable!("the world's keys are valid"))
    }

    /// All other nodes.
    pub fn others(&self) -> impl Iterator<Item = NodeId> + Clone + use<C> {
        let me = self.me;
        NodeId::first(self.nodes).filter(move |&node| node != me)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.rng.next_u64() as usize).checked_rem(bound).unwrap_or(0)
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}
