//! How long messages take. All arithmetic is on integers, so that it is the same on every machine.

use crate::chance::{Chance, Decision, Probability};
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// A length of time, fixed or random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Latency {
    /// Always this long.
    Constant(Micros),
    /// From `least` to `most`, both included, each equally likely.
    Uniform {
        /// The shortest.
        least: Micros,
        /// The longest.
        most: Micros,
    },
    /// Memoryless: mostly short, rarely long, at most 45 times the mean.
    Exponential {
        /// The average.
        mean: Micros,
    },
    /// One of two: a short path or a long one.
    Bimodal {
        /// The usual one.
        usual: Micros,
        /// The other one.
        other: Micros,
        /// How often it is the other one.
        share: Probability,
    },
    /// Pareto's distribution of shape 1: the probability of more than x falls only as 1/x, up to
    /// `most`.
    HeavyTailed {
        /// The shortest.
        least: Micros,
        /// The longest.
        most: Micros,
    },
}

impl Latency {
    pub(crate) fn draw(self, chance: &Chance, decision: Decision) -> Micros {
        // Each latency is a function of one random word, even if only a few of its bits matter.
        let word = || chance.within(0, u64::MAX, decision);
        match self {
            Self::Constant(latency) => latency,
            Self::Uniform { least, most } => {
                Micros::new(chance.within(least.get(), most.get(), decision))
            }
            Self::Exponential { mean } => Micros::new(exponential(mean.get(), word())),
            Self::Bimodal { usual, other, share } => {
                if chance.happens(share, decision) {
                    other
                } else {
                    usual
                }
            }
            Self::HeavyTailed { least, most } => {
                let stretched = (u128::from(least.get()) << 64) / (u128::from(word()) + 1);
                Micros::new(
                    u64::try_from(stretched).unwrap_or(u64::MAX).min(most.get()).max(least.get()),
                )
            }
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::Constant(Micros::from_millis(10))
    }
}

/// Returns `-ln(word / 2^64)` times the mean, in integers.
fn exponential(mean: u64, word: u64) -> u64 {
    /// ln 2, in parts of 2^32.
    const LN_2: u128 = 2_977_044_472;
    // The other two factors have 38 and 32 bits, so the product fits.
    let mean = u128::from(mean.min(1 << 56));
    let halvings = u128::from((64_u64 << 32) - log2(word.max(1)));
    u64::try_from((mean * halvings * LN_2) >> 64).unwrap_or(u64::MAX)
}

/// Returns the binary logarithm of a number that is at least 1, in parts of 2^32. Squaring yields
/// the fraction bit by bit.
fn log2(number: u64) -> u64 {
    let whole = u64::from(number.ilog2());
    let mut mantissa = u128::from(number << number.leading_zeros());
    let mut fraction = 0;
    for _ in 0..32 {
        mantissa = (mantissa * mantissa) >> 63;
        fraction <<= 1;
        if mantissa >> 64 == 1 {
            fraction |= 1;
            mantissa >>= 1;
        }
    }
    (whole << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Domain;
    use crate::ids::NodeId;

    const DRAWS: u64 = 20_000;

    fn draws(latency: Latency) -> Vec<u64> {
        let chance = Chance::new(3);
        let decision = |counter| Decision::of_node(Domain::FrameLatency, NodeId::new(0), counter);
        let mut drawn: Vec<_> =
            (0..DRAWS).map(|counter| latency.draw(&chance, decision(counter)).get()).collect();
        drawn.sort_unstable();
        drawn
    }

    fn mean(drawn: &[u64]) -> u64 {
        drawn.iter().sum::<u64>() / DRAWS
    }

    #[test]
    fn logarithms_are_correct_to_nine_digits() {
        assert_eq!(log2(1), 0);
        assert_eq!(log2(1 << 40), 40 << 32);
        // log2(3) = 1.584962500721156
        assert_eq!((log2(3) * 1_000_000_000) >> 32, 1_584_962_500);
    }

    #[test]
    fn an_exponential_latency_has_its_mean_and_median() {
        let drawn = draws(Latency::Exponential { mean: Micros::new(100_000) });
        assert!((98_000..102_000).contains(&mean(&drawn)), "{}", mean(&drawn));
        // The median is ln 2 times the mean.
        let median = drawn[drawn.len() / 2];
        assert!((67_500..71_000).contains(&median), "{median}");
        assert_eq!(exponential(100_000, u64::MAX), 0);
        assert!((4_400_000..4_500_000).contains(&exponential(100_000, 0)), "at most 45 means");
        exponential(u64::MAX, 0);
    }

    #[test]
    fn a_bimodal_latency_is_one_of_two_in_its_share() {
        let [usual, other] = [10, 900].map(Micros::from_millis);
        let drawn = draws(Latency::Bimodal { usual, other, share: Probability::percent(5) });
        let slow = drawn.iter().filter(|&&latency| latency == other.get()).count();
        assert!((850..1_150).contains(&slow), "{slow} of {DRAWS}");
        assert!(drawn.iter().all(|&latency| latency == usual.get() || latency == other.get()));
    }

    #[test]
    fn a_heavy_tail_halves_each_time_the_latency_doubles() {
        let [least, most] = [10_000, 10_000_000].map(Micros::new);
        let drawn = draws(Latency::HeavyTailed { least, most });
        for doublings in 1..7 {
            let longer =
                drawn.iter().filter(|&&latency| latency > least.get() << doublings).count() as u64;
            let expected = DRAWS >> doublings;
            assert!(longer.abs_diff(expected) < expected / 5 + 20, "{longer}, not some {expected}");
        }
        assert!(drawn.first() >= Some(&least.get()) && drawn.last() <= Some(&most.get()));
        // The mean is least (1 + ln(most / least)), which is 7.9 times the shortest.
        assert!((70_000..88_000).contains(&mean(&drawn)), "{}", mean(&drawn));
    }

    #[test]
    fn a_uniform_latency_has_its_mean() {
        let [least, most] = [10_000, 30_000].map(Micros::new);
        let drawn = draws(Latency::Uniform { least, most });
        assert!((19_800..20_200).contains(&mean(&drawn)), "{}", mean(&drawn));
        assert!(drawn.first() >= Some(&least.get()) && drawn.last() <= Some(&most.get()));
    }
}
