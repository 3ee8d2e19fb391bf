//! Exhaustive exploration: every order in which things can happen to a few signers, not a sample of
//! them.
//!
//! | file | what it does |
//! | --- | --- |
//! | `mod.rs` | what is explored, and within which bounds |
//! | `search.rs` | breadth first, each state once |
//! | `state.rs` | everything at one moment, and its fingerprint |
//! | `moves.rs` | what can happen next |
//! | `call.rs` | one call of a node, and what its application does with the outputs |
//! | `signer.rs` | a node, its generator, its application |
//! | `settle.rs` | what must follow from a state once nothing more goes wrong |
//! | `counterexample.rs` | the path to a state that must not exist |

mod call;
mod counterexample;
mod moves;
mod search;
mod settle;
mod signer;
mod state;

pub use counterexample::Counterexample;
pub use moves::{Choice, Letter, Move};
pub use search::Exploration;

use crate::engine::{Engine, Recording};
use crate::time::Micros;
use core::hash::Hash;
use musig2_proto::{Config, Node};

/// Explores one session of a few signers on real [`Node`]s, in every order in which its messages,
/// answers, deadlines and faults can follow each other.
///
/// At any moment, the following can happen:
///
/// - Any message in flight arrives, in any order. So does any application's answer: the
///   announcement of the session by node 0, and the consent of each other signer.
/// - A message arrives but also stays in flight (a duplicate), or is lost, as often as
///   [`Explorer::with_duplicates`] and [`Explorer::with_losses`] allow.
/// - A node crashes between two calls, or within one after any number of the messages that the call
///   sends, as often as [`Explorer::with_crashes`] allows. It comes back at any later moment, with
///   its key and an empty disk, and says hello. Messages that arrive in between are lost, and do
///   not count as losses.
/// - If nothing is in flight, time advances to the next deadline of any node, up to
///   [`Explorer::with_horizon`]. With [`Explorer::with_early_ticks`] it does so while messages are
///   in flight, too. All clocks show the same time.
///
/// Pauses have no jitter, and "one random other" is always the first, so that time branches no more
/// than it must. Random bytes depend only on the node, its life, and the number of draws of that
/// length.
///
/// After every call, on every path, everything that
/// [`World::check_safety`](crate::World::check_safety) checks is checked. From every state in which
/// nothing is in flight, everyone must end with the signatures once nothing more goes wrong.
///
/// Exploring needs an engine whose secret nonces can be copied. [`Transparent`](crate::Transparent)
/// is one; a real engine never is.
///
/// ```
/// use musig2_sim::{Explorer, Transparent};
///
/// let explored = Explorer::new(2).with_duplicates(1).run::<Transparent>()?;
/// assert!(explored.exhausted && explored.states > 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Explorer {
    signers: u16,
    config: Config,
    known_contacts: bool,
    resumes: bool,
    faults: Faults,
    horizon: Micros,
    state_limit: usize,
}

/// How many faults of each kind may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Faults {
    duplicates: u8,
    losses: u8,
    crashes: u8,
    early_ticks: u8,
}

impl Explorer {
    /// Explores one session of this many signers, at least two, without faults, without letting
    /// time pass, and with at most a million states.
    pub fn new(signers: u16) -> Self {
        Self {
            signers,
            config: Config::default(),
            known_contacts: false,
            resumes: false,
            faults: Faults::default(),
            horizon: Micros::ZERO,
            state_limit: 1_000_000,
        }
    }

    /// Sets how each node is configured.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Gives each node every other node's contact from the start.
    #[must_use]
    pub fn with_known_contacts(mut self) -> Self {
        self.known_contacts = true;
        self
    }

    /// Lets every application keep the announcement on a disk that survives crashes, and resume the
    /// session afterwards.
    #[must_use]
    pub fn with_resuming(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// Lets this many messages arrive twice.
    #[must_use]
    pub fn with_duplicates(mut self, duplicates: u8) -> Self {
        self.faults.duplicates = duplicates;
        self
    }

    /// Lets this many messages be lost.
    #[must_use]
    pub fn with_losses(mut self, losses: u8) -> Self {
        self.faults.losses = losses;
        self
    }

    /// Lets this many crashes happen.
    #[must_use]
    pub fn with_crashes(mut self, crashes: u8) -> Self {
        self.faults.crashes = crashes;
        self
    }

    /// Lets a deadline pass this many times while messages are in flight.
    #[must_use]
    pub fn with_early_ticks(mut self, ticks: u8) -> Self {
        self.faults.early_ticks = ticks;
        self
    }

    /// Explores deadlines up to this moment. Later ones only occur in the fair run that follows
    /// every quiet state.
    #[must_use]
    pub fn with_horizon(mut self, horizon: Micros) -> Self {
        self.horizon = horizon;
        self
    }

    /// Stops after this many different states.
    #[must_use]
    pub fn with_state_limit(mut self, states: usize) -> Self {
        self.state_limit = states;
        self
    }

    /// Explores.
    ///
    /// # Errors
    /// With a shortest path to a state that must not exist, if there is one.
    ///
    /// # Panics
    /// If the configuration contradicts itself or does not allow the session, or if a node panics.
    pub fn run<C: Engine>(&self) -> Result<Exploration, Box<Counterexample>>
    where
        Node<Recording<C>>: Clone + Hash,
    {
        search::search::<Recording<C>>(self)
    }
}
