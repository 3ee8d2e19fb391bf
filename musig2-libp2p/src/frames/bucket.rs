//! Limits how fast a peer may send.

use std::time::{Duration, Instant};

/// A token bucket that may go into debt by one withdrawal: a withdrawal of more than is there
/// delays the next one until the debt is paid. So a frame larger than a second's allowance still
/// passes, and costs the time it should.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: u64,
    /// In millionths of a token, so that short pauses count; at most a second's worth.
    level: i64,
    filled: Instant,
}

impl Bucket {
    /// Makes a full bucket: it holds the tokens of one second.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = u64::from(per_second.max(1));
        Self { per_second, level: micro(per_second), filled: now }
    }

    /// Takes tokens out, and returns how long to wait before the next withdrawal.
    pub(super) fn take(&mut self, tokens: usize, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.filled);
        self.filled = now;
        let income = elapsed.as_micros().saturating_mul(u128::from(self.per_second));
        self.level = self
            .level
            .saturating_add(i64::try_from(income).unwrap_or(i64::MAX))
            .min(micro(self.per_second));
        self.level = self.level.saturating_sub(micro(tokens as u64));
        Duration::from_micros(self.level.min(0).unsigned_abs().div_ceil(self.per_second))
    }
}

fn micro(tokens: u64) -> i64 {
    i64::try_from(tokens.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_burst_is_free_and_the_rest_waits() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        for _ in 0..10 {
            assert_eq!(bucket.take(1, start), Duration::ZERO);
        }
        assert_eq!(bucket.take(1, start), Duration::from_millis(100));
        assert_eq!(bucket.take(1, start + Duration::from_millis(100)), Duration::from_millis(100));
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        assert_eq!(bucket.take(10, start + Duration::from_secs(3600)), Duration::ZERO);
        assert_eq!(bucket.take(20, start + Duration::from_secs(3600)), Duration::from_secs(2));
    }
}
