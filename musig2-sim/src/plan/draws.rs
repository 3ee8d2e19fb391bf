//! The source that plans are drawn from: numbers derived from a seed, or from a fuzzer's bytes.

use super::Profile;
use crate::chance::{Chance, Decision, Domain, Probability};
use crate::ids::NodeId;
use crate::time::Micros;
use arbitrary::Unstructured;

/// A source that draws in sequence. Unlike the decisions of a run, these cannot be keyed: what has
/// been drawn decides what is drawn next.
pub(super) enum Draws<'a, 'b> {
    Seeded {
        chance: Chance,
        profile: NodeId,
        drawn: u64,
    },
    /// Once the bytes are used up, every number is the least that it can be.
    Bytes(&'a mut Unstructured<'b>),
}

impl Draws<'_, '_> {
    pub(super) fn seeded(seed: u64, profile: Profile) -> Self {
        Self::Seeded { chance: Chance::new(seed), profile: NodeId::new(profile as u16), drawn: 0 }
    }

    /// Returns a number from `least` to `most`, both included.
    pub(super) fn number(&mut self, least: u64, most: u64) -> u64 {
        match self {
            Self::Seeded { chance, profile, drawn } => {
                let decision = Decision::of_node(Domain::Plan, *profile, *drawn);
                *drawn += 1;
                chance.within(least, most, decision)
            }
            Self::Bytes(bytes) if least < most => bytes.int_in_range(least..=most).unwrap_or(least),
            Self::Bytes(_) => least,
        }
    }

    pub(super) fn small(&mut self, least: u16, most: u16) -> u16 {
        u16::try_from(self.number(least.into(), most.into())).unwrap_or(most)
    }

    /// Returns a number below `count`, or 0 if `count` is 0.
    pub(super) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.number(0, (count as u64).saturating_sub(1))).unwrap_or(0)
    }

    /// Returns whether the number drawn is the greatest of `count`. So this is false once the bytes
    /// are used up.
    pub(super) fn one_in(&mut self, count: u64) -> bool {
        self.number(1, count) == count
    }

    pub(super) fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    pub(super) fn millis(&mut self, least: u64, most: u64) -> Micros {
        Micros::new(self.number(least * 1_000, most * 1_000))
    }

    /// Returns a number at most `most` away from zero, in either direction.
    pub(super) fn around(&mut self, most: u64) -> i64 {
        let size = i64::try_from(self.number(0, most)).unwrap_or(i64::MAX);
        if self.coin() { -size } else { size }
    }

    /// Returns a probability of at most 1 %, 10 % or 35 %.
    pub(super) fn probability(&mut self) -> Probability {
        let most = [10_000, 100_000, 350_000][self.index(3)];
        Probability::per_million(u32::try_from(self.number(0, most)).unwrap_or(0))
    }
}
