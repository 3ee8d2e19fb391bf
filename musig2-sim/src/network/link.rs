//! How messages travel from one node to another.

use super::{Capacity, Latency};
use crate::chance::Probability;
use crate::ids::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// How messages travel from one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Link {
    /// How long a message takes. If it varies, messages overtake each other.
    pub latency: Latency,
    /// How often a message is lost.
    pub loss: Probability,
    /// How often a message that is not lost arrives a second time, another latency later.
    pub duplication: Probability,
    /// How often a message takes `delay` longer.
    pub delayed: Probability,
    /// How much longer a delayed message takes.
    pub delay: Latency,
    /// Messages that are sent within one window of this length arrive in reverse order.
    pub reversal: Option<Micros>,
    /// How often a message arrives altered: bits flipped, bytes cut off, bytes added.
    pub corruption: Probability,
    /// How much it carries; unlimited if `None`.
    pub capacity: Option<Capacity>,
}

/// How messages travel from one node to another, in this direction only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PairLink {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// How messages travel.
    pub link: Link,
}

/// By [`Default`], a link takes 10 ms and loses nothing.
///
/// ```
/// use musig2_sim::{Capacity, Latency, Link, Micros, Probability};
///
/// let link = Link::default()
///     .with_latency(Latency::Constant(Micros::from_millis(300)))
///     .with_loss(Probability::percent(5))
///     .with_capacity(Capacity::bytes_per_second(10_000));
/// ```
impl Link {
    /// Sets [`Link::latency`].
    #[must_use]
    pub fn with_latency(mut self, latency: Latency) -> Self {
        self.latency = latency;
        self
    }

    /// Sets [`Link::loss`].
    #[must_use]
    pub fn with_loss(mut self, loss: Probability) -> Self {
        self.loss = loss;
        self
    }

    /// Sets [`Link::duplication`].
    #[must_use]
    pub fn with_duplication(mut self, duplication: Probability) -> Self {
        self.duplication = duplication;
        self
    }

    /// Sets [`Link::corruption`].
    #[must_use]
    pub fn with_corruption(mut self, corruption: Probability) -> Self {
        self.corruption = corruption;
        self
    }

    /// Sets [`Link::delayed`] and [`Link::delay`]: how often a message is delayed, and by how much.
    #[must_use]
    pub fn with_delays(mut self, delayed: Probability, delay: Latency) -> Self {
        (self.delayed, self.delay) = (delayed, delay);
        self
    }

    /// Sets [`Link::reversal`].
    #[must_use]
    pub fn with_reversal(mut self, window: Micros) -> Self {
        self.reversal = Some(window);
        self
    }

    /// Sets [`Link::capacity`].
    #[must_use]
    pub fn with_capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = Some(capacity);
        self
    }
}
