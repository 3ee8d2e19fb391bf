//! Clocks that are wrong: they have an offset, a drift, and jumps, all in integers.

use crate::time::Micros;
use core::time::Duration;
use musig2_proto::Timestamp;
use serde::{Deserialize, Serialize};

/// The rate of the true clock: parts per million of itself.
const TRUE_RATE: i128 = 1_000_000;

/// How a node's clock differs from the true one. [`Default`] is a true clock. A crash does not
/// change it.
///
/// ```
/// use musig2_sim::{Clock, Micros, NodeId, Plan};
///
/// let bob = NodeId::new(1);
/// let plan = Plan::one_session(2)
///     .with_clock_ahead(bob, -2_000)
///     .with_clock_drift(bob, 200)
///     .with_clock_jump(bob, Micros::from_secs(3), 10_000);
/// assert_eq!((plan.nodes[1].clock.ahead, plan.nodes[1].clock.drift), (-2_000, 200));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Clock {
    /// How many milliseconds it is ahead of the true clock at the beginning. Negative numbers mean
    /// behind.
    pub ahead: i64,
    /// How many parts per million it runs faster than the true clock. Negative numbers mean slower.
    pub drift: i32,
    /// When it is set, and by how much.
    pub jumps: Vec<Jump>,
}

/// One setting of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Jump {
    /// When, by the true clock.
    pub at: Micros,
    /// By how many milliseconds it is set forward. Negative numbers mean back.
    pub by: i64,
}

impl Jump {
    /// A jump at this moment, by this many milliseconds forward. Negative numbers mean back.
    pub const fn new(at: Micros, by: i64) -> Self {
        Self { at, by }
    }
}

impl Clock {
    /// The most that a clock may gain or lose, in parts per million.
    pub const MAX_DRIFT: i32 = 500_000;

    /// The furthest that offset and jumps together may lead away from the true clock, in
    /// milliseconds: a year.
    pub const MAX_AWAY: u64 = 365 * 24 * 3_600 * 1_000;

    pub(crate) fn is_true(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.drift.unsigned_abs() <= Self::MAX_DRIFT.unsigned_abs() && self.away() <= Self::MAX_AWAY
    }

    /// Returns the sum of the sizes of offset and jumps, in milliseconds, regardless of direction.
    pub(crate) fn away(&self) -> u64 {
        let jumps = self.jumps.iter().map(|jump| jump.by.unsigned_abs());
        jumps.fold(self.ahead.unsigned_abs(), u64::saturating_add)
    }

    /// Returns how many microseconds it is ahead of the true clock after this moment's jumps.
    pub(crate) fn ahead_at(&self, moment: Micros) -> i128 {
        let mut dial = Dial::new(self);
        self.jumps.iter().filter(|jump| jump.at <= moment).for_each(|jump| dial.turn(jump.by));
        dial.ahead(moment)
    }
}

/// A running clock, as it was last set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dial {
    /// How far ahead of the true clock it was at the beginning of the world, in microseconds, as if
    /// every jump had been made then.
    ahead: i128,
    /// How many microseconds it counts in a million true ones. At least half a million.
    rate: i128,
}

impl Dial {
    /// Makes the dial of a clock before any jump.
    pub(crate) fn new(clock: &Clock) -> Self {
        Self { ahead: i128::from(clock.ahead) * 1_000, rate: TRUE_RATE + i128::from(clock.drift) }
    }

    /// Returns the time that it shows.
    pub(crate) fn shows(&self, now: Micros) -> Timestamp {
        let shown = i128::from(now.get()) + self.ahead(now) + began();
        Timestamp::from_millis(u64::try_from(shown.max(0)).unwrap_or(u64::MAX) / 1_000)
    }

    /// Returns the first moment at which it shows this time, unless it is set in between.
    pub(crate) fn when(&self, shows: Timestamp) -> Micros {
        let since = i128::from(shows.as_millis()) * 1_000 - began() - self.ahead;
        // Rounded up, because a moment earlier it shows less. Most clocks do not drift, and
        // division is slow, so they skip it.
        let moment = match self.rate {
            TRUE_RATE => since,
            rate => (since * TRUE_RATE + rate - 1).div_euclid(rate),
        };
        Micros::new(u64::try_from(moment.max(0)).unwrap_or(u64::MAX))
    }

    /// Sets it forward by this many milliseconds. Negative numbers mean back.
    pub(crate) fn turn(&mut self, by: i64) {
        self.ahead += i128::from(by) * 1_000;
    }

    /// Sets it to this many milliseconds ahead of the true clock at this moment.
    pub(crate) fn set(&mut self, now: Micros, ahead: i64) {
        self.ahead += i128::from(ahead) * 1_000 - self.ahead(now);
    }

    /// Returns how many microseconds it is ahead of the true clock. Negative numbers mean behind.
    pub(crate) fn ahead(&self, now: Micros) -> i128 {
        match self.rate - TRUE_RATE {
            0 => self.ahead,
            drift => self.ahead + (i128::from(now.get()) * drift).div_euclid(TRUE_RATE),
        }
    }

    /// Returns the longest true time that can pass while the slower of this clock and the true one
    /// counts `duration`.
    pub(crate) fn longest(&self, duration: Duration) -> Duration {
        let slower = self.rate.min(TRUE_RATE).unsigned_abs();
        let micros = duration.as_micros() * TRUE_RATE.unsigned_abs() / slower;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// When the world began, in microseconds since the Unix epoch.
fn began() -> i128 {
    i128::from(Micros::WORLD_BEGAN.as_millis()) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(timestamp: Timestamp) -> i64 {
        timestamp.as_millis() as i64 - Micros::WORLD_BEGAN.as_millis() as i64
    }

    #[test]
    fn a_clock_shows_its_offset_and_gains_its_drift() {
        let show =
            |clock: &Clock, seconds| since(Dial::new(clock).shows(Micros::from_secs(seconds)));
        assert_eq!(show(&Clock::default(), 7), 7_000);
        let behind = Clock { ahead: -2_000, drift: 500, ..Clock::default() };
        assert_eq!([0, 1, 1_000].map(|seconds| show(&behind, seconds)), [-2_000, -1_000, 998_500]);
        let slow = Clock { drift: -500_000, ..Clock::default() };
        assert_eq!(show(&slow, 10), 5_000);
    }

    #[test]
    fn a_node_is_woken_as_soon_as_its_clock_shows_the_deadline() {
        for drift in [-500_000, -333_333, -1, 0, 1, 7, 333_333, 500_000] {
            for ahead in [-3_600_000, -1, 0, 1, 12_345] {
                let dial = Dial::new(&Clock { ahead, drift, ..Clock::default() });
                for millis in [0, 1, 999, 123_456_789] {
                    let deadline = Timestamp::from_millis(Micros::WORLD_BEGAN.as_millis() + millis);
                    let when = dial.when(deadline);
                    assert!(dial.shows(when) >= deadline, "{drift} {ahead} {millis}");
                    let before = when.saturating_sub(Micros::new(1));
                    assert!(
                        before == when || dial.shows(before) < deadline,
                        "{drift} {ahead} {millis}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_clock_jumps_as_far_as_told_and_can_be_set() {
        let at = Micros::from_secs(10);
        let clock = Clock { drift: 1_000, jumps: vec![Jump::new(at, -5_000)], ..Clock::default() };
        assert_eq!(clock.ahead_at(at.saturating_sub(Micros::new(1))), 9_999);
        assert_eq!(clock.ahead_at(at), 10_000 - 5_000_000);
        let mut dial = Dial::new(&clock);
        dial.set(at, 700);
        assert_eq!(dial.ahead(at), 700_000);
        assert_eq!(since(dial.shows(at + at)), 20_710);
    }

    #[test]
    fn no_clock_is_more_than_a_year_away_or_much_too_fast() {
        let year = Clock::MAX_AWAY as i64;
        assert!(Clock { ahead: -year, ..Clock::default() }.is_allowed());
        let jumps = vec![Jump::new(Micros::ZERO, i64::MIN), Jump::new(Micros::ZERO, i64::MAX)];
        assert!(!Clock { jumps, ..Clock::default() }.is_allowed());
        assert!(
            !Clock { ahead: 1, jumps: vec![Jump::new(Micros::ZERO, year)], drift: 0 }.is_allowed()
        );
        assert!(!Clock { drift: i32::MIN, ..Clock::default() }.is_allowed());
    }
}
