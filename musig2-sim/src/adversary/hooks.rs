//! The interface of an adversary: a program between a real node and the network.

use super::Heard;
use crate::engine::Engine;
use crate::ids::NodeId;
use musig2_proto::{Input, Node, Output, PublicKey, SecretKey, Timestamp};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use std::collections::BTreeSet;

/// A Byzantine node. It runs a real [`Node`] with its own key, sees what reaches that node before
/// the node does and what leaves it before anyone else does, and may alter, drop and add to both.
/// Install it with [`World::corrupt`](crate::World::corrupt), or use one of the built-in
/// [`Strategy`](crate::Strategy)s.
///
/// Its decisions must depend only on what it is given ([`Means`] has the world's randomness),
/// because the same plan must give the same run.
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
    /// Takes what reaches its node. Returns what the node is to be given instead, one after
    /// another.
    fn before(&mut self, means: &mut Means<'_, C>, input: Input) -> Vec<Input> {
        let _ = means;
        vec![input]
    }

    /// Takes what its node returned, for an input or for its application's order. Returns what is
    /// to be done instead.
    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let _ = means;
        outputs
    }

    /// When it wants to act on its own: its node gets an [`Input::Tick`] then, at the latest. The
    /// deadline must move on after each such moment, and there must be a last one.
    fn next_deadline(&self) -> Option<Timestamp> {
        None
    }
}

/// What an adversary can use in one call.
pub struct Means<'a, C: Engine> {
    /// Its node's number.
    pub me: NodeId,
    /// How many nodes there are, including itself. They are numbered from 0.
    pub nodes: u16,
    /// What its clock shows.
    pub now: Timestamp,
    /// The honest code that it runs.
    pub node: &'a Node<C>,
    /// Its secret key.
    pub secret: &'a SecretKey,
    /// A generator for this call only: it follows from the plan's seed, the node, and the number of
    /// earlier calls.
    pub rng: &'a mut ChaCha8Rng,
    /// What it shares with the other adversaries of this world.
    pub pot: &'a mut Pot,
}

/// What colluding adversaries share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pot {
    /// The keys of the colluders.
    pub colluders: BTreeSet<PublicKey>,
    /// What any of them has heard, true or not.
    pub heard: Heard,
}

impl<C: Engine> Means<'_, C> {
    /// Returns its public key.
    ///
    /// # Panics
    /// Never: the world made the key.
    pub fn key(&self) -> PublicKey {
        C::public_key(&self.keypair())
    }

    pub(crate) fn keypair(&self) -> C::Keypair {
        C::keypair(self.secret).unwrap_or_else(|_| unreachable!("the world's keys are valid"))
    }

    /// Returns all other nodes.
    pub fn others(&self) -> impl Iterator<Item = NodeId> + Clone + use<C> {
        let me = self.me;
        NodeId::first(self.nodes).filter(move |&node| node != me)
    }

    /// Returns a number below `bound`, or 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.rng.next_u64() as usize).checked_rem(bound).unwrap_or(0)
    }

    /// Returns fresh random bytes.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}
