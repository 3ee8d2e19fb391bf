//! Exhaustive exploration: every order in which anything can happen to a few signers, not a sample of them.
//!
//! | file | what it does |
//! | --- | --- |
//! | `mod.rs` | what is explored, and within which bounds |
//! | `search.rs` | breadth first, each state once |
//! | `state.rs` | what there is at one moment, and its fingerprint |
//! | `moves.rs` | what can happen next |
//! | `call.rs` | one call of a node, and what its application makes of it |
//! | `signer.rs` | a node, its generator, its application |
//! | `settle.rs` | what must come of it once nothing more goes wrong |
//! | `counterexample.rs` | the way to a state that must not be |

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

use crate::oracle::{Engine, Recording};
use crate::time::Micros;
use core::hash::Hash;
use musig2_proto::{Config, Node};

/// One session of a few signers on real [`Node`]s, in every order in which its messages, answers, deadlines and faults can follow each other.
///
/// What can happen, at any moment:
///
/// - Any message on its way arrives, in any order; so does any application's answer: the announcement of the session by node 0,
///   and the consent of each other signer.
/// - A message arrives and stays on its way (a duplicate), or is lost, as often as [`Explorer::with_duplicates`] and
///   [`Explorer::with_losses`] allow.
/// - A node crashes between two calls, or within one after any number of the messages that the call sends, as often as
///   [`Explorer::with_crashes`] allows. It comes back at any later moment, with its key and an empty disk, and says hello. What
///   arrives in between is lost, at no charge.
/// - Where nothing is on its way, time goes on to the next deadline of any node, up to [`Explorer::with_horizon`]. With
///   [`Explorer::with_early_ticks`] it does so while messages are on their way, too. All clocks show the same.
///
/// Pauses have no jitter, and "one random other" is the first, so that time branches no more than it must. Random bytes are a function of
/// the node, its life and how many of that length it drew.
///
/// Everything that [`World::check_safety`](crate::World::check_safety) checks is checked after every call, on every way. From every state in which nothing is on its way, everyone must come to the signatures once nothing more goes wrong.
///
/// It takes an engine whose secret nonces can be copied, which [`Transparent`](crate::Transparent) is and a real one never.
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

/// How much may still go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Faults {
    duplicates: u8,
    losses: u8,
    crashes: u8,
    early_ticks: u8,
}

impl Explorer {
    /// One session of so many signers, two at least; nothing goes wrong, time stands still, a million states at most.
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

    /// How each node is configured.
    #[must_use]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Tells each node from the start where every other is.
    #[must_use]
    pub fn with_known_contacts(mut self) -> Self {
        self.known_contacts = true;
        self
    }

    /// Lets every application keep the announcement where a crash does not reach it, and resume the session afterwards.
    #[must_use]
    pub fn with_resuming(mut self) -> Self {
        self.resumes = true;
        self
    }

    /// So many messages arrive twice.
    #[must_use]
    pub fn with_duplicates(mut self, duplicates: u8) -> Self {
        self.faults.duplicates = duplicates;
        self
    }

    /// So many messages are lost.
    #[must_use]
    pub fn with_losses(mut self, losses: u8) -> Self {
        self.faults.losses = losses;
        self
    }

    /// So many crashes.
    #[must_use]
    pub fn with_crashes(mut self, crashes: u8) -> Self {
        self.faults.crashes = crashes;
        self
    }

    /// So many times a deadline passes while messages are on their way.
    #[must_use]
    pub fn with_early_ticks(mut self, ticks: u8) -> Self {
        self.faults.early_ticks = ticks;
        self
    }

    /// Up to when deadlines are explored. What comes later is left to the fair run that every quiet state ends in.
    #[must_use]
    pub fn with_horizon(mut self, horizon: Micros) -> Self {
        self.horizon = horizon;
        self
    }

    /// Stops after so many different states.
    #[must_use]
    pub fn with_state_limit(mut self, states: usize) -> Self {
        self.state_limit = states;
        self
    }

    /// Explores.
    ///
    /// # Errors
    /// With the shortest way to a state that must not be, where there is one.
    ///
    /// # Panics
    /// Where the configuration contradicts itself or does not admit the session; or where a node panics.
    pub fn run<C: Engine>(&self) -> Result<Exploration, Box<Counterexample>>
    where
        Node<Recording<C>>: Clone + Hash,
    {
        search::search::<Recording<C>>(self)
    }
}
