//! What plans are drawn from: numbers that follow from a seed, or from a fuzzer's bytes.

use super::Profile;
use crate::chance::{Chance, Decision, Domain, Probability};
use crate::network::NodeId;
use crate::time::Micros;
use arbitrary::Unstructured;

/// Draws one after the other: here, unlike in a run, what is drawn decides what is to be drawn.
pub(super) enum Draws<'a, 'b> {
    Seeded {
        chance: Chance,
        profile: NodeId,
        drawn: u64,
    },
    /// Where the bytes are used up, everything is as little as it can be.
    Bytes(&'a mut Unstructured<'b>),
}

impl Draws<'_, '_> {
    pub(super) fn seeded(seed: u64, profile: Profile) -> Self {
        Self::Seeded { chance: Chance::new(seed), profile: NodeId::new(profile as u16), drawn: 0 }
    }

    /// From `least` to `most`, both included.
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

    /// Below `count`; 0 where that is none.
    pub(super) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.number(0, (count as u64).saturating_sub(1))).unwrap_or(0)
    }

    /// The greatest of so many numbers: never, where bytes are used up.
    pub(super) fn one_in(&mut self, count: u64) -> bool {
        self.number(1, count) == count
    }

    pub(super) fn coin(&mut self) -> bool {
        self.one_in(2)
    }

    pub(super) fn millis(&mut self, least: u64, most: u64) -> Micros {
        Micros::new(self.number(least * 1_000, most * 1_000))
    }

    /// So far to either side of zero at most.
    pub(super) fn around(&mut self, most: u64) -> i64 {
        let size = i64::try_from(self.number(0, most)).unwrap_or(i64::MAX);
        if self.coin() { -size } else { size }
    }

    /// Seldom, now and then, or often.
    pub(super) fn probability(&mut self) -> Probability {
        let most = [10_000, 100_000, 350_000][self.index(3)];
        Probability::per_million(u32::try_from(self.number(0, most)).unwrap_or(0))
    }
}
