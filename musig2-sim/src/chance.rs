//! Keyed randomness: every decision is a function of the seed and of what is being decided, never
//! the next draw of a stream. Taking one fault out of a plan leaves the fate of every other message
//! unchanged.

use crate::ids::NodeId;
use core::fmt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use twox_hash::XxHash3_64;

/// How often something happens, in parts per million.
///
/// ```
/// use musig2_sim::Probability;
///
/// assert_eq!(Probability::percent(10), Probability::per_million(100_000));
/// assert_eq!(Probability::percent(250), Probability::ALWAYS);
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(from = "u32", into = "u32")]
pub struct Probability(u32);

impl Probability {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It happens every time.
    pub const ALWAYS: Self = Self(1_000_000);

    /// From parts per million; anything above a million is [`Probability::ALWAYS`].
    pub const fn per_million(parts: u32) -> Self {
        if parts > Self::ALWAYS.0 { Self::ALWAYS } else { Self(parts) }
    }

    /// From parts per hundred; anything above a hundred is [`Probability::ALWAYS`].
    pub const fn percent(parts: u32) -> Self {
        Self::per_million(parts.saturating_mul(10_000))
    }

    /// Returns the probability in parts per million.
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }
}

impl From<u32> for Probability {
    fn from(parts: u32) -> Self {
        Self::per_million(parts)
    }
}

impl From<Probability> for u32 {
    fn from(probability: Probability) -> Self {
        probability.0
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} %", self.0 / 10_000, self.0 % 10_000)
    }
}

/// What a decision is about. The numbers are part of what a seed means: a new domain takes a new
/// number, and no number is ever used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    SecretKey = 1,
    NodeRng = 2,
    FrameLoss = 3,
    FrameLatency = 4,
    FrameDuplication = 5,
    FrameDuplicateLatency = 6,
    FrameDelay = 7,
    FrameDelayLength = 8,
    GossipLoss = 9,
    GossipLatency = 10,
    GossipDuplication = 11,
    GossipDuplicateLatency = 12,
    GossipDelay = 13,
    GossipDelayLength = 14,
    Plan = 15,
    FrameCorruption = 16,
    FrameAlteration = 17,
    GossipCorruption = 18,
    GossipAlteration = 19,
    FrameModel = 20,
    GossipModel = 21,
    Adversary = 41,
    Scrutiny = 42,
}

/// One decision: its domain, its link, and the number of decisions of this kind made before on that
/// link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) domain: Domain,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) counter: u64,
}

impl Decision {
    /// Makes a decision about a node rather than a link.
    pub(crate) fn of_node(domain: Domain, node: NodeId, counter: u64) -> Self {
        Self { domain, from: node, to: node, counter }
    }

    fn to_bytes(self) -> [u8; 13] {
        let ([a, b], [c, d]) = (self.from.address(), self.to.address());
        let [e, f, g, h, i, j, k, l] = self.counter.to_be_bytes();
        [self.domain as u8, a, b, c, d, e, f, g, h, i, j, k, l]
    }
}

/// All randomness of one world. Decisions of the network are XXH3 of the seed and the decision,
/// because there are many and they need only be well spread. Keys and generators are SHA-256 of a
/// tag and both.
#[derive(Clone)]
pub(crate) struct Chance {
    seed: u64,
    /// A hash state that has already absorbed the tag and the seed.
    seeded: Sha256,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        static TAGGED: LazyLock<Sha256> = LazyLock::new(|| {
            let tag = Sha256::digest(b"musig2-sim/decision");
            Sha256::new().chain_update(tag).chain_update(tag)
        });
        Self { seed, seeded: TAGGED.clone().chain_update(seed.to_be_bytes()) }
    }

    /// Returns 32 bytes that only this decision gets.
    pub(crate) fn bytes(&self, decision: Decision) -> [u8; 32] {
        self.seeded.clone().chain_update(decision.to_bytes()).finalize().into()
    }

    /// Returns whether something of this probability happens. Hashes nothing if the answer is
    /// certain.
    pub(crate) fn happens(&self, probability: Probability, decision: Decision) -> bool {
        match probability {
            Probability::NEVER => false,
            Probability::ALWAYS => true,
            Probability(parts) => self.within(0, 999_999, decision) < u64::from(parts),
        }
    }

    /// Returns a number from `least` to `most`, both included, or `least` if `most` is smaller.
    pub(crate) fn within(&self, least: u64, most: u64, decision: Decision) -> u64 {
        if most <= least {
            return least;
        }
        let word = XxHash3_64::oneshot_with_seed(self.seed, &decision.to_bytes());
        // The high half of the 128-bit product is `word` / 2^64 of the span, in integers.
        let span = u128::from(most - least) + 1;
        let offset = (u128::from(word) * span) >> 64;
        least.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
    }

    /// Returns a generator that only this decision gets.
    pub(crate) fn generator(&self, decision: Decision) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.bytes(decision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(counter: u64) -> Decision {
        Decision { domain: Domain::FrameLoss, from: NodeId::new(1), to: NodeId::new(2), counter }
    }

    #[test]
    fn each_part_of_a_decisions_key_matters() {
        let drawn = |seed, decision| Chance::new(seed).bytes(decision);
        let first = drawn(7, decision(0));
        assert_eq!(first, drawn(7, decision(0)));
        assert_ne!(first, drawn(8, decision(0)));
        assert_ne!(first, drawn(7, decision(1)));
        assert_ne!(first, drawn(7, Decision { domain: Domain::FrameLatency, ..decision(0) }));
        assert_ne!(
            first,
            drawn(7, Decision { from: NodeId::new(2), to: NodeId::new(1), ..decision(0) })
        );
    }

    #[test]
    fn a_probability_is_met() {
        let chance = Chance::new(1);
        let hits =
            (0..10_000).filter(|&n| chance.happens(Probability::percent(10), decision(n))).count();
        assert!((850..1_150).contains(&hits), "{hits} of 10,000 at 10 %");
        assert!(!chance.happens(Probability::NEVER, decision(0)));
        assert!(chance.happens(Probability::ALWAYS, decision(0)));
    }

    #[test]
    fn a_range_is_met_to_both_ends() {
        let chance = Chance::new(1);
        let drawn: std::collections::BTreeSet<_> =
            (0..200).map(|n| chance.within(3, 7, decision(n))).collect();
        assert_eq!(drawn, (3..=7).collect());
        assert_eq!(chance.within(5, 5, decision(0)), 5);
        assert_eq!(chance.within(5, 4, decision(0)), 5);
        chance.within(0, u64::MAX, decision(0));
    }
}
