//! How much signature checking a source, or an author, can ask for.

use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How many buckets are kept. Beyond that, those that are full again make room, and where none is, strangers share one.
const MAX_BUCKETS: usize = 1024;

/// A token bucket for each key: `burst` at once, refilled at `rate` a second.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Buckets<K> {
    rate: u32,
    burst: u32,
    buckets: BTreeMap<K, Bucket>,
    /// For those who have no bucket of their own because there is no room for it.
    shared: Bucket,
}

/// In thousandths of a token, which is what a millisecond brings at a rate of one a second.
#[derive(Debug, Clone, Copy, Hash)]
struct Bucket {
    level: u64,
    at: Timestamp,
}

impl<K: Ord + Clone> Buckets<K> {
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        let shared = Bucket { level: u64::from(burst) * 1000, at: Timestamp::default() };
        Self { rate, burst, buckets: BTreeMap::new(), shared }
    }

    /// Takes tokens out of the bucket of `key`; `false` where there are not so many. What costs more than a bucket holds takes a full one.
    pub(crate) fn take(&mut self, now: Timestamp, key: &K, tokens: usize) -> bool {
        let (rate, full) = (u64::from(self.rate), u64::from(self.burst) * 1000);
        let refill = |bucket: &mut Bucket| {
            let elapsed = u64::try_from(now.saturating_since(bucket.at).as_millis()).unwrap_or(u64::MAX);
            bucket.level = bucket.level.saturating_add(elapsed.saturating_mul(rate)).min(full);
            // A clock that was set back starts from there; it must not stop the refilling.
            bucket.at = now;
        };
        if !self.buckets.contains_key(key) && self.buckets.len() >= MAX_BUCKETS {
            self.buckets.retain(|_, bucket| {
                refill(bucket);
                bucket.level < full
            });
        }
        let room = self.buckets.len() < MAX_BUCKETS;
        let bucket = match self.buckets.get_mut(key) {
            Some(bucket) => bucket,
            None if room => self.buckets.entry(key.clone()).or_insert(Bucket { level: full, at: now }),
            None => &mut self.shared,
        };
        refill(bucket);
        let price = u64::try_from(tokens).unwrap_or(u64::MAX).saturating_mul(1000).min(full);
        let rest = bucket.level.checked_sub(price);
        bucket.level = rest.unwrap_or(bucket.level);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(buckets: &mut Buckets<u32>, now: u64, key: u32) -> usize {
        (0..1000).take_while(|_| buckets.take(Timestamp::from_millis(now), &key, 1)).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut buckets = Buckets::new(10, 5);
        assert_eq!(drain(&mut buckets, 1_000_000, 1), 5);
        assert_eq!(drain(&mut buckets, 1_000_000, 2), 5, "another's is another");
        assert_eq!(drain(&mut buckets, 1_000_300, 1), 3);
        assert_eq!(drain(&mut buckets, 2_000_000, 1), 5);
    }

    #[test]
    fn what_costs_more_than_a_bucket_holds_takes_a_full_one() {
        let mut buckets = Buckets::new(10, 5);
        assert!(buckets.take(Timestamp::from_millis(1_000_000), &1, 6));
        assert!(!buckets.take(Timestamp::from_millis(1_000_000), &1, 1));
        assert!(!buckets.take(Timestamp::from_millis(1_000_499), &1, 6));
        assert!(buckets.take(Timestamp::from_millis(1_000_500), &1, 6));
    }

    #[test]
    fn a_clock_set_back_neither_fills_nor_stops_a_bucket() {
        let mut buckets = Buckets::new(10, 5);
        assert_eq!(drain(&mut buckets, 1_000_000, 1), 5);
        assert_eq!(drain(&mut buckets, 1_000, 1), 0);
        assert_eq!(drain(&mut buckets, 1_200, 1), 2);
    }

    #[test]
    fn more_keys_than_there_is_room_for_share_one_bucket() {
        let mut buckets = Buckets::new(1, 2);
        for key in 0..1024 {
            assert_eq!(drain(&mut buckets, 1_000_000, key), 2);
        }
        assert_eq!((5000..6000).map(|key| drain(&mut buckets, 1_000_000, key)).sum::<usize>(), 2);
        // Once the others' buckets are full again there is room.
        assert_eq!(drain(&mut buckets, 1_010_000, 7000), 2);
        assert_eq!(drain(&mut buckets, 1_010_000, 7001), 2);
    }

    #[test]
    fn a_known_key_keeps_its_bucket_where_there_is_no_room_for_more() {
        let mut buckets = Buckets::new(1, 2);
        for key in 0..1024 {
            drain(&mut buckets, 1_000_000, key);
        }
        // Half full: nobody makes room, and who has a bucket is not thrown together with strangers.
        assert_eq!(drain(&mut buckets, 1_001_000, 5000), 2);
        assert_eq!(drain(&mut buckets, 1_001_000, 5001), 0);
        assert_eq!(drain(&mut buckets, 1_001_000, 3), 1);
    }
}
