//! Everything that exists at one moment.

use super::moves::Letter;
use super::signer::Signer;
use super::{Explorer, Faults};
use crate::chance::{Chance, Decision, Domain};
use crate::engine::{Engine, NonceRecord};
use crate::ids::NodeId;
use crate::oracle::Watch;
use crate::time::Micros;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use musig2_proto::{
    Command, Event, Message, Node, Output, Proposal, PublicKey, SecretKey, SessionId,
};
use std::hash::DefaultHasher;
use std::sync::Arc;

/// What is the same in every state.
pub(super) struct Model<C: Engine> {
    pub(super) explorer: Explorer,
    pub(super) chance: Chance,
    pub(super) public_keys: Vec<PublicKey>,
    /// The session that node 0 made.
    pub(super) session: SessionId,
    engine: PhantomData<C>,
}

/// A signer, and the fingerprint of its state.
pub(in crate::explore) struct Place<C: Engine> {
    pub(super) signer: Signer<C>,
    // Kept, because most moves change one node only.
    fingerprint: Fingerprint,
}

/// Everything at one moment. States share the parts that are the same in both.
pub(super) struct State<C: Engine> {
    pub(super) now: Micros,
    pub(super) places: Vec<Arc<Place<C>>>,
    /// What is in flight, sorted, because the order of sending does not matter.
    pub(super) pending: Vec<Arc<Pending>>,
    pub(super) faults: Faults,
    pub(super) nonces: Arc<NonceRecord>,
    pub(super) watch: Arc<Watch>,
}

/// Something that has not happened yet, and can happen at any moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Pending {
    /// A message arrives.
    Letter(Letter),
    /// Node 0's application announces the session.
    Announce,
    /// A node's application consents.
    Join(NodeId),
}

impl Pending {
    /// Returns the node to which it happens.
    pub(super) fn node(&self) -> NodeId {
        match self {
            Self::Letter(letter) => letter.to,
            Self::Announce => NodeId::new(0),
            Self::Join(node) => *node,
        }
    }

    /// Returns whether it vanishes when its node crashes.
    pub(super) fn is_answer(&self) -> bool {
        !matches!(self, Self::Letter(_))
    }
}

/// 128 bits that identify a state. The probability that any two of a million different states have
/// the same is 10⁻²⁷.
pub(super) type Fingerprint = (u64, u64);

impl<C: Engine> Model<C>
where
    Node<C>: Clone + Hash,
{
    pub(super) fn new(explorer: &Explorer) -> Self {
        let chance = Chance::new(0);
        let public_keys: Vec<_> =
            NodeId::first(explorer.signers).map(|node| keypair::<C>(&chance, node).1).collect();
        let mut model = Self {
            explorer: explorer.clone(),
            chance,
            public_keys,
            session: SessionId::new([0; 32]),
            engine: PhantomData,
        };
        model.session = model.propose().0;
        model
    }

    /// Makes the first state: all nodes run, and node 0 has made the session, of which nobody has
    /// heard yet.
    pub(super) fn first_state(&self) -> State<C> {
        self.propose().1
    }

    fn propose(&self) -> (SessionId, State<C>) {
        let places = NodeId::first(self.explorer.signers).map(|node| {
            let mut signer = Signer::new();
            self.start(node, &mut signer);
            Arc::new(Place::of(signer))
        });
        let mut state = State {
            now: Micros::ZERO,
            places: places.collect(),
            pending: vec![Arc::new(Pending::Announce)],
            faults: self.explorer.faults,
            nonces: Arc::default(),
            watch: Arc::new(Watch::new(self.public_keys.iter().map(|&key| (key, true)))),
        };
        let node = NodeId::new(0);
        let mut signer = state.signer(node).clone();
        let proposal =
            Proposal::new(self.public_keys.iter().copied()).with_message(Message::new([7; 32]));
        let made = self.order(&mut state, node, &mut signer, Command::CreateSession(proposal));
        let [Output::Event(Event::SessionCreated { session })] = made[..] else {
            panic!("a session of {} signers cannot be made", self.explorer.signers)
        };
        state.places[node.as_usize()] = Arc::new(Place::of(signer));
        (session, state)
    }
}

impl<C: Engine> Clone for State<C> {
    fn clone(&self) -> Self {
        Self {
            now: self.now,
            places: self.places.clone(),
            pending: self.pending.clone(),
            faults: self.faults,
            nonces: Arc::clone(&self.nonces),
            watch: Arc::clone(&self.watch),
        }
    }
}

impl<C: Engine> State<C> {
    pub(super) fn signer(&self, node: NodeId) -> &Signer<C> {
        &self.places[node.as_usize()].signer
    }

    pub(super) fn signers(&self) -> impl Iterator<Item = (NodeId, &Signer<C>)> {
        (0..).map(NodeId::new).zip(self.places.iter().map(|place| &place.signer))
    }

    /// Returns whether nothing is in flight.
    pub(super) fn is_quiet(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.signers().all(|(_, signer)| signer.is_complete())
    }

    /// Puts something in flight.
    pub(super) fn add(&mut self, pending: Pending) {
        let place = self.pending.partition_point(|other| **other < pending);
        self.pending.insert(place, Arc::new(pending));
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hasher = Lanes::default();
        self.now.hash(&mut hasher);
        self.places.iter().for_each(|place| place.fingerprint.hash(&mut hasher));
        self.pending.hash(&mut hasher);
        self.faults.hash(&mut hasher);
        self.nonces.hash(&mut hasher);
        self.watch.hash(&mut hasher);
        hasher.fingerprint()
    }
}

impl<C: Engine> Place<C>
where
    Node<C>: Hash,
{
    pub(super) fn of(signer: Signer<C>) -> Self {
        let mut hasher = Lanes::default();
        let Signer { node, life, end, kept } = &signer;
        (node, life, kept).hash(&mut hasher);
        // The node's own state says how the session ended. What matters here is that the
        // application was told.
        end.as_ref().map(core::mem::discriminant).hash(&mut hasher);
        Self { fingerprint: hasher.fingerprint(), signer }
    }
}

/// Two different hashes of the same data, side by side.
struct Lanes([DefaultHasher; 2]);

impl Default for Lanes {
    fn default() -> Self {
        let mut lanes = Self([DefaultHasher::new(), DefaultHasher::new()]);
        lanes.0[1].write_u8(1);
        lanes
    }
}

impl Hasher for Lanes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|lane| lane.write(bytes));
    }

    fn finish(&self) -> u64 {
        self.0[0].finish()
    }
}

impl Lanes {
    fn fingerprint(&self) -> Fingerprint {
        (self.0[0].finish(), self.0[1].finish())
    }
}

/// Returns a node's keys.
pub(super) fn keypair<C: Engine>(chance: &Chance, node: NodeId) -> (SecretKey, PublicKey) {
    (0..)
        .find_map(|tries| {
            let secret =
                SecretKey::new(chance.bytes(Decision::of_node(Domain::SecretKey, node, tries)));
            let keypair = C::keypair(&secret).ok()?;
            Some((secret, C::public_key(&keypair)))
        })
        .unwrap_or_else(|| unreachable!("nearly every number is a key"))
}
