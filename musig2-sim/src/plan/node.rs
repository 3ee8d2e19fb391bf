//! One node of a plan, and its application.

use crate::adversary::Strategy;
use crate::clock::Clock;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// One node, and how its application behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NodePlan {
    /// When it starts. What is sent to it before is lost.
    pub starts_at: Micros,
    /// When it hears the announcement topic. What is published before is lost to it.
    pub listens_at: Micros,
    /// What it does about a session it discovers.
    pub approval: Answer,
    /// What it does when its nonces or partial signatures wait for it; only where stepping is manual.
    pub stepping: Answer,
    /// What it does when everything is there to be put together; only where stepping is manual.
    pub finalizing: Answer,
    /// How many sessions of one coordinator it takes part in at once; as [`Plan::config`](crate::Plan::config) says unless set.
    pub places: Option<usize>,
    /// How its clock differs from the true one.
    pub clock: Clock,
    /// How it breaks the protocol; `None` where it is honest.
    pub strategy: Option<Strategy>,
}

/// What an application does when its node waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Answer {
    /// What is asked, after this time.
    After(Micros),
    /// The opposite of what is asked, after this time: it declines the session, or aborts it where it has joined.
    Refuses(Micros),
    /// Nothing by itself. A test can still order it with [`World::command`](crate::World::command).
    Never,
}

impl Answer {
    /// What is asked, at once.
    pub const AT_ONCE: Self = Self::After(Micros::ZERO);
}

impl Default for Answer {
    fn default() -> Self {
        Self::AT_ONCE
    }
}
