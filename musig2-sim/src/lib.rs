//! Deterministic simulation of MuSig2 (BIP327) signing sessions.
//!
//! Real [`Node`](musig2_proto::Node)s of `musig2-proto` sign over a network in memory, in one thread and in virtual time. What the
//! network, the applications and the random generators do follows from one [`Plan`] and its seed: the same plan gives the same run,
//! step for step, and [`Trace::hash`] shows that it did.
//!
//! ```
//! use musig2_sim::{Micros, NodeId, Partition, Plan, Probability, World};
//!
//! let [alice, bob, carol] = [0, 1, 2].map(NodeId::new);
//! let plan = Plan::one_session(3)
//!     .with_seed(7)
//!     .with_loss(Probability::percent(10))
//!     .with_partition(Partition::new([alice, bob], [carol]).during(Micros::ZERO, Micros::from_secs(5)));
//! let mut world = World::new(plan)?;
//! world.run_until_quiet()?;
//! world.check()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | look at |
//! | --- | --- |
//! | say what happens | [`Plan`], [`Profile`], [`SessionPlan`], [`Network`], [`NetworkModel`], [`Link`], [`Partition`], [`Pick`], [`Crash`], [`Disk`], [`Pause`],
//! [`Clock`], [`Answer`] |
//! | make nodes Byzantine | [`Strategy`], [`Adversary`], [`World::corrupt`] |
//! | run it | [`World`], [`RunError`]; [`Transparent`] is the fast engine |
//! | try every order of everything | [`Explorer`] |
//! | see what happened | [`Trace`], [`Step`], [`Application`], [`Counters`] |
//! | look at what happened | [`Picture`]: one HTML file |
//! | know whether it was right | [`World::check`], [`Violation`], [`Judge`], [`Recording`] |
//! | do all of it at once | [`trial::run`] |
//!
//! **Keyed randomness.** Each decision (is this frame lost? how late is it?) is a hash of the seed, the kind of decision, the link, and
//! how many messages went over that link before. Nothing is "the next draw": taking one fault out of a plan leaves the fate of every
//! other message as it was.
//!
//! **Oracles.** At every step [`World`] checks what must never happen ([`World::check_safety`]), and once it is quiet what must have
//! happened ([`World::check_liveness`]). Keys and signatures are computed independently, with another engine than the nodes use; the core
//! is never asked whether it is right. [`Coverage`] says what of the protocol was reached: a check of what never happens proves nothing.

mod adversary;
mod application;
mod case;
mod chance;
mod clock;
mod explore;
pub mod fuzz;
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
mod transparent;
pub mod trial;
mod world;

pub use adversary::{
    Adversary, Heard, Means, NonceFlaw, Pot, RogueSigner, Round, Strategy, Withheld, nonces_of,
};
pub use application::Application;
pub use case::{Case, CaseError, EngineName};
pub use chance::Probability;
pub use clock::{Clock, Jump};
pub use explore::{Choice, Counterexample, Exploration, Explorer, Letter, Move};
pub use network::{
    Alteration, Blow, Capacity, Channel, Delivery, Fate, Kind, Latency, Link, Network,
    NetworkModel, NodeId, PairLink, Partition, Passage, Pick, Target,
};
pub use oracle::{
    Bip340, Challenge, Coverage, Engine, Judge, NoOutputKey, NonceFault, NonceRecord, Point,
    Progress, Recording, Violation, Work,
};
pub use picture::Picture;
pub use plan::{
    Answer, Crash, CrashMoment, Disk, NodePlan, Pause, Plan, PlanError, Profile, SessionPlan,
    UnknownProfile,
};
pub use shrink::shrink;
pub use storage::Storage;
pub use time::Micros;
pub use trace::{Action, MessageId, Step, Trace, TraceHash};
pub use transparent::{Transparent, TransparentJudge};
pub use trial::{Failure, FailureKind, Outcome};
pub use world::{Counters, OrderError, RunError, World};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
