//! How messages travel from one node to another.

use super::{Capacity, Latency, NodeId};
use crate::chance::Probability;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// How messages travel from one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// How long a message takes. Messages overtake each other where it varies.
    pub latency: Latency,
    /// How often a message is lost.
    pub loss: Probability,
    /// How often a message that is not lost comes a second time, another latency later.
    pub duplication: Probability,
    /// How often a message takes `delay` longer.
    pub delayed: Probability,
    /// How much longer.
    pub delay: Latency,
    /// Messages sent within one window of this length arrive in the reverse of the order they were sent in.
    pub reversal: Option<Micros>,
    /// How often a message arrives altered: bits flipped, bytes cut off, bytes added.
    pub corruption: Probability,
    /// How much it carries; everything, unless set.
    pub capacity: Option<Capacity>,
}

/// How messages travel from one node to one other, in this direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairLink {
    /// From here.
    pub from: NodeId,
    /// To there.
    pub to: NodeId,
    /// In this way.
    pub link: Link,
}

/// [`Default`] takes 10 ms and loses nothing.
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

    /// Sets [`Link::delayed`] and [`Link::delay`]: how often a message takes how much longer.
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
