//! Deterministic simulation of MuSig2 (BIP327) signing sessions.
//!
//! Real [`Node`](musig2_proto::Node)s of `musig2-proto` sign over an in-memory network, in one
//! thread and in virtual time. One [`Plan`] and its seed determine everything that the network, the
//! applications and the random generators do: the same plan gives the same run, step for step, and
//! [`Trace::hash`] shows that it did.
//!
//! ```
//! use musig2_sim::{Micros, NodeId, Partition, Plan, Probability, World};
//!
//! let [alice, bob, carol] = [0, 1, 2].map(NodeId::new);
//! let plan = Plan::one_session(3)
//!     .with_seed(7)
//!     .with_loss(Probability::percent(10))
//!     .with_partition(
//!         Partition::new([alice, bob], [carol]).during(Micros::ZERO, Micros::from_secs(5)),
//!     );
//! let mut world = World::new(plan)?;
//! world.run_until_quiet()?;
//! world.check()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | look at |
//! | --- | --- |
//! | say what happens | [`Plan`], [`Profile`], [`SessionPlan`], [`Crash`], [`Disk`], [`Pause`] |
//! | say how nodes behave | [`NodePlan`], [`Clock`], [`Answer`] |
//! | say what the network does | [`Network`], [`NetworkModel`], [`Link`], [`Partition`], [`Pick`] |
//! | make nodes Byzantine | [`Strategy`], [`Adversary`], [`World::corrupt`] |
//! | run it | [`World`], [`RunError`]; [`Transparent`] is the fast engine |
//! | try every order in which things can happen | [`Explorer`] |
//! | read what happened | [`Trace`], [`Step`], [`Application`], [`Counters`] |
//! | see what happened | [`Picture`]: one HTML file |
//! | judge what happened | [`World::check`], [`Violation`], [`Judge`], [`Recording`] |
//! | run and judge a plan in one call | [`trial::run`] |
//!
//! **Keyed randomness.** Each decision (is this frame lost? how late is it?) is a hash of the seed,
//! the kind of decision, the link, and the number of messages that went over that link before. No
//! decision is "the next draw" of a stream: taking one fault out of a plan leaves the fate of every
//! other message unchanged.
//!
//! **Oracles.** At every step [`World`] checks what must never happen ([`World::check_safety`]),
//! and once it is quiet, what must have happened ([`World::check_liveness`]). The oracles compute
//! keys and signatures independently, with a different engine from the one that the nodes use; they
//! never ask the core whether it is right. [`Coverage`] says which parts of the protocol a run
//! reached, because a check that something never happens proves nothing about code that never ran.

mod adversary;
mod application;
mod case;
mod chance;
mod clock;
mod engine;
mod explore;
pub mod fuzz;
mod ids;
mod network;
mod oracle;
mod picture;
mod plan;
pub mod protocol;
mod queue;
mod shrink;
mod storage;
mod time;
mod trace;
pub mod trial;
mod world;

pub use adversary::{Adversary, Heard, Means, Pot, RogueSigner, Round, nonces_of};
pub use application::Application;
pub use case::{Case, CaseError, EngineName};
pub use chance::Probability;
pub use clock::{Clock, Jump};
pub use engine::{
    Bip340, Challenge, Engine, Judge, NoOutputKey, NonceFault, NonceRecord, Recording, Transparent,
    TransparentJudge, Work,
};
pub use explore::{Choice, Counterexample, Exploration, Explorer, Letter, Move};
pub use ids::NodeId;
pub use network::{
    Alteration, Blow, Capacity, Channel, Delivery, Fate, Kind, Latency, Link, Network,
    NetworkModel, PairLink, Partition, Passage, Pick, Target,
};
pub use oracle::{Coverage, Point, Progress, Violation};
pub use picture::Picture;
pub use plan::{
    Answer, Crash, CrashMoment, Disk, NodePlan, NonceFlaw, Pause, Plan, PlanError, Profile,
    SessionPlan, Strategy, UnknownProfile, Withheld,
};
pub use shrink::shrink;
pub use storage::Storage;
pub use time::Micros;
pub use trace::{Action, MessageId, Step, Trace, TraceHash};
pub use trial::{Failure, FailureKind, Outcome};
pub use world::{Counters, OrderError, RunError, World};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
