//! Token buckets: how much work one source, one author or one signer can ask for.

use crate::base::time::Timestamp;
use crate::config::Config;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How many buckets are kept. Beyond that, a bucket that is full again is evicted, because a new
/// one would say the same. If none is full, newcomers share one bucket, so that an attacker with
/// many identities cannot exhaust memory or push out peers that already have a bucket.
const MAX_BUCKETS: usize = 1024;

/// The size of a bucket: `burst` tokens at once, refilled at `rate` tokens a second.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) struct Limit {
    pub(crate) rate: u32,
    pub(crate) burst: u32,
}

/// A token bucket. It counts thousandths of a token: at a rate of one token a second, each
/// millisecond brings one thousandth.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) struct Bucket {
    level: u64,
    at: Timestamp,
}

impl Bucket {
    pub(crate) fn new(limit: Limit, now: Timestamp) -> Self {
        Self { level: u64::from(limit.burst) * 1000, at: now }
    }

    /// Takes tokens. Returns `false`, and takes nothing, if there are too few. A price above the
    /// bucket's size counts as a full bucket, so that even the most expensive work is possible at
    /// times.
    pub(crate) fn take(&mut self, limit: Limit, now: Timestamp, tokens: usize) -> bool {
        let full = u64::from(limit.burst) * 1000;
        let elapsed = u64::try_from(now.saturating_since(self.at).as_millis()).unwrap_or(u64::MAX);
        self.level =
            self.level.saturating_add(elapsed.saturating_mul(u64::from(limit.rate))).min(full);
        self.at = now;
        let price = u64::try_from(tokens).unwrap_or(u64::MAX).saturating_mul(1000).min(full);
        let rest = self.level.checked_sub(price);
        self.level = rest.unwrap_or(self.level);
        rest.is_some()
    }

    /// Returns when the bucket is full again if nobody takes anything.
    fn full_at(&self, limit: Limit) -> Timestamp {
        let missing = (u64::from(limit.burst) * 1000).saturating_sub(self.level);
        self.at
            .saturating_add(Duration::from_millis(missing.div_ceil(u64::from(limit.rate.max(1)))))
    }

    /// Adjusts to a caller's clock that was set back: this neither fills the bucket nor stops it
    /// from refilling.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.at = self.at.saturating_sub(by);
    }
}

/// The outcome of taking tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// No: this key has taken too much.
    TooMany,
    /// No: this key has no bucket of its own, and others have drained the one that it shares with
    /// them.
    Crowded,
}

/// One bucket for each key.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Buckets<K> {
    limit: Limit,
    buckets: BTreeMap<K, Bucket>,
    /// The buckets by when each is full again. From then on a bucket says nothing that a new one
    /// would not, so it can be evicted.
    by_full: BTreeSet<(Timestamp, K)>,
    /// The bucket that all keys share for which there is no room.
    shared: Bucket,
}

impl<K: Ord + Clone> Buckets<K> {
    pub(crate) fn new(limit: Limit) -> Self {
        let shared = Bucket::new(limit, Timestamp::default());
        Self { limit, buckets: BTreeMap::new(), by_full: BTreeSet::new(), shared }
    }

    /// Takes tokens from the bucket of `key`.
    pub(crate) fn take(&mut self, now: Timestamp, key: &K, tokens: usize) -> Taken {
        // A key that has a bucket keeps it, whatever newcomers do.
        if !self.buckets.contains_key(key) && self.buckets.len() >= MAX_BUCKETS {
            self.make_room(now);
        }
        let mut bucket = match self.remove(key) {
            Some(bucket) => bucket,
            None if self.buckets.len() < MAX_BUCKETS => Bucket::new(self.limit, now),
            None if self.shared.take(self.limit, now, tokens) => return Taken::Yes,
            None => return Taken::Crowded,
        };
        let taken = bucket.take(self.limit, now, tokens);
        self.by_full.insert((bucket.full_at(self.limit), key.clone()));
        self.buckets.insert(key.clone(), bucket);
        if taken { Taken::Yes } else { Taken::TooMany }
    }

    /// Takes tokens, for callers that need no reason for a refusal.
    pub(crate) fn allows(&mut self, now: Timestamp, key: &K, tokens: usize) -> bool {
        self.take(now, key, tokens) == Taken::Yes
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<Bucket> {
        let bucket = self.buckets.remove(key)?;
        self.by_full.remove(&(bucket.full_at(self.limit), key.clone()));
        Some(bucket)
    }

    fn make_room(&mut self, now: Timestamp) {
        let full = self.by_full.first().filter(|(at, _)| *at <= now).map(|(_, key)| key.clone());
        if let Some(key) = full {
            self.remove(&key);
        }
    }

    pub(crate) fn set_back(&mut self, by: Duration) {
        self.shared.set_back(by);
        self.by_full.clear();
        for (key, bucket) in &mut self.buckets {
            bucket.set_back(by);
            self.by_full.insert((bucket.full_at(self.limit), key.clone()));
        }
    }
}

impl Limit {
    /// Returns the limit of one source.
    pub(crate) fn of_source(config: &Config) -> Self {
        Self { rate: config.checks_per_source, burst: config.burst() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(rate: u32, burst: u32) -> Buckets<u32> {
        Buckets::new(Limit { rate, burst })
    }

    fn drain(buckets: &mut Buckets<u32>, now: u64, key: u32) -> usize {
        (0..1000).take_while(|_| buckets.allows(Timestamp::from_millis(now), &key, 1)).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut buckets = buckets(10, 5);
        assert_eq!(drain(&mut buckets, 1_000_000, 1), 5);
        assert_eq!(drain(&mut buckets, 1_000_000, 2), 5, "another's is another");
        assert_eq!(drain(&mut buckets, 1_000_300, 1), 3);
        assert_eq!(drain(&mut buckets, 2_000_000, 1), 5);
    }

    #[test]
    fn work_that_costs_more_than_a_bucket_takes_a_full_bucket() {
        let mut buckets = buckets(10, 5);
        assert!(buckets.allows(Timestamp::from_millis(1_000_000), &1, 6));
        assert!(!buckets.allows(Timestamp::from_millis(1_000_000), &1, 1));
        assert!(!buckets.allows(Timestamp::from_millis(1_000_499), &1, 6));
        assert!(buckets.allows(Timestamp::from_millis(1_000_500), &1, 6));
    }

    #[test]
    fn a_clock_set_back_neither_fills_nor_stops_a_bucket() {
        let mut buckets = buckets(10, 5);
        assert_eq!(drain(&mut buckets, 1_000_000, 1), 5);
        buckets.set_back(Duration::from_millis(999_000));
        assert_eq!(drain(&mut buckets, 1_000, 1), 0);
        assert_eq!(drain(&mut buckets, 1_200, 1), 2);
    }

    #[test]
    fn keys_beyond_the_limit_share_one_bucket() {
        let mut buckets = buckets(1, 2);
        for key in 0..1024 {
            assert_eq!(drain(&mut buckets, 1_000_000, key), 2);
        }
        assert_eq!((5000..6000).map(|key| drain(&mut buckets, 1_000_000, key)).sum::<usize>(), 2);
        // There is room again once the others' buckets are full.
        assert_eq!(drain(&mut buckets, 1_010_000, 7000), 2);
        assert_eq!(drain(&mut buckets, 1_010_000, 7001), 2);
    }

    #[test]
    fn a_known_key_keeps_its_bucket_when_there_is_no_room() {
        let mut buckets = buckets(1, 2);
        for key in 0..1024 {
            drain(&mut buckets, 1_000_000, key);
        }
        // The buckets are half full, so none is evicted, and a key with a bucket of its own is not
        // treated like a stranger.
        assert_eq!(drain(&mut buckets, 1_001_000, 5000), 2);
        assert_eq!(drain(&mut buckets, 1_001_000, 5001), 0);
        assert_eq!(drain(&mut buckets, 1_001_000, 3), 1);
    }

    #[test]
    fn a_key_without_a_bucket_differs_from_one_that_emptied_its_own() {
        let mut buckets = buckets(1, 2);
        for key in 0..1024 {
            drain(&mut buckets, 1_000_000, key);
        }
        let now = Timestamp::from_millis(1_000_000);
        assert_eq!(buckets.take(now, &3, 1), Taken::TooMany);
        assert_eq!(
            [(); 3].map(|()| buckets.take(now, &5000, 1)),
            [Taken::Yes, Taken::Yes, Taken::Crowded]
        );
    }

    #[test]
    fn only_the_first_full_bucket_makes_room_even_if_a_clock_is_set_back() {
        let mut buckets = buckets(1, 10);
        let at = Timestamp::from_millis;
        for key in 0..1024 {
            assert!(buckets.allows(at(1_000_000), &key, if key == 7 { 1 } else { 2 }));
        }
        buckets.set_back(Duration::from_millis(900_000));
        // Key 7's is full after one second, everyone else's after two.
        drain(&mut buckets, 100_999, 9000);
        assert_eq!(buckets.take(at(100_999), &9000, 1), Taken::Crowded);
        assert_eq!(drain(&mut buckets, 101_000, 9001), 10);
        assert_eq!(buckets.take(at(101_000), &9002, 2), Taken::Crowded);
        assert_eq!(drain(&mut buckets, 101_000, 3), 9, "it has kept its own");
    }
}
