//! Virtual time.

use core::fmt;
use core::time::Duration;
use musig2_proto::Timestamp;
use serde::{Deserialize, Serialize};

/// Virtual time in microseconds: a moment (counted from the beginning of the world), or a length of
/// time.
///
/// Nodes see milliseconds since the Unix epoch; on that clock the world began at
/// [`Micros::WORLD_BEGAN`].
///
/// ```
/// use musig2_sim::Micros;
///
/// assert_eq!(Micros::from_millis(1_500) + Micros::new(7), Micros::new(1_500_007));
/// assert_eq!(Micros::new(1_500_007).to_string(), "1.500007 s");
/// assert_eq!((Micros::from_secs(3) - Micros::from_millis(500)) / 5 * 2, Micros::from_secs(1));
/// assert_eq!(Micros::from(core::time::Duration::from_secs(2)), Micros::from_secs(2));
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(transparent)]
pub struct Micros(u64);

impl Micros {
    /// The beginning of the world, or an empty length of time.
    pub const ZERO: Self = Self(0);

    /// What a true clock shows at [`Micros::ZERO`].
    pub const WORLD_BEGAN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// From microseconds.
    pub const fn new(micros: u64) -> Self {
        Self(micros)
    }

    /// From milliseconds; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From seconds; saturates.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Returns it in microseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns this minus `other`, or zero if `other` is more.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns it as a [`Duration`], without rounding.
    pub const fn to_duration(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// Returns what a true clock shows at this moment.
    pub fn to_timestamp(self) -> Timestamp {
        Self::WORLD_BEGAN.saturating_add(Duration::from_millis(self.0 / 1_000))
    }

    /// Returns the first moment at which a true clock shows `timestamp`.
    pub fn from_timestamp(timestamp: Timestamp) -> Self {
        let since = timestamp.saturating_since(Self::WORLD_BEGAN);
        Self(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Saturates at the largest value.
impl core::ops::Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl core::ops::AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Saturates at zero.
impl core::ops::Sub for Micros {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl core::ops::SubAssign for Micros {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// Saturates at the largest value.
impl core::ops::Mul<u64> for Micros {
    type Output = Self;
    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

/// Rounds down.
impl core::ops::Div<u64> for Micros {
    type Output = Self;
    fn div(self, parts: u64) -> Self {
        Self(self.0 / parts)
    }
}

impl core::iter::Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, |sum, one| sum + one)
    }
}

/// Saturates at the largest value; drops fractions of a microsecond.
impl From<Duration> for Micros {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let most = Micros::new(u64::MAX);
        assert_eq!(
            (most + Micros::new(1), most * 2, Micros::ZERO - most),
            (most, most, Micros::ZERO)
        );
        assert_eq!(Micros::from(Duration::MAX), most);
        let mut time = Micros::from_secs(1);
        time += Micros::from_millis(500);
        time -= Micros::from_millis(250);
        assert_eq!(time.to_duration(), Duration::from_millis(1_250));
        assert_eq!([time, time].into_iter().sum::<Micros>() / 2, time);
    }

    #[test]
    fn a_node_is_woken_no_earlier_than_its_clock_shows_the_deadline() {
        let deadline = Micros::new(12_345).to_timestamp();
        assert_eq!(Micros::from_timestamp(deadline), Micros::new(12_000));
        assert_eq!(Micros::from_timestamp(deadline).to_timestamp(), deadline);
        assert_eq!(Micros::from_timestamp(Timestamp::from_millis(0)), Micros::ZERO);
    }
}
