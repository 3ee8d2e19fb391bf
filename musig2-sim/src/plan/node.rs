//! One node of a plan, and its application.

use crate::clock::Clock;
use crate::plan::Strategy;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// One node, and how its application behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NodePlan {
    /// When it starts. Messages sent to it earlier are lost.
    pub starts_at: Micros,
    /// When it begins to hear the announcement topic. It misses earlier publications.
    pub listens_at: Micros,
    /// What it does about a session it discovers.
    pub approval: Answer,
    /// What it does when its nonces or partial signatures wait for its approval. Only used if
    /// stepping is manual.
    pub stepping: Answer,
    /// What it does when the signatures can be put together. Only used if stepping is manual.
    pub finalizing: Answer,
    /// How many sessions of one coordinator it takes part in at once;
    /// [`Plan::config`](crate::Plan::config) decides if this is `None`.
    pub places: Option<usize>,
    /// How its clock differs from the true one.
    pub clock: Clock,
    /// How it breaks the protocol; `None` if it is honest.
    pub strategy: Option<Strategy>,
}

/// What an application does when its node waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Answer {
    /// It does what is asked, after this time.
    After(Micros),
    /// It does the opposite, after this time: it declines the session, or aborts it if it has
    /// joined.
    Refuses(Micros),
    /// It does nothing on its own. A test can still give it orders with
    /// [`World::command`](crate::World::command).
    Never,
}

impl Answer {
    /// It does what is asked at once.
    pub const AT_ONCE: Self = Self::After(Micros::ZERO);
}

impl Default for Answer {
    fn default() -> Self {
        Self::AT_ONCE
    }
}
