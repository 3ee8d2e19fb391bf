//! Runs seeds, a few at a time.

use crate::crypto::Crypto;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use musig2_sim::{Coverage, Failure, Plan, Profile, TraceHash};
use std::sync::mpsc::Sender;
use std::time::Instant;

/// How many seeds a thread takes at a time.
const BATCH: u64 = 64;
/// One seed out of this many is run again.
const AGAIN: u64 = 100;

/// The seeds of a sweep, which threads take in batches.
pub struct Work {
    seeds: Range<u64>,
    profile: Option<Profile>,
    crypto: Crypto,
    until: Option<Instant>,
    taken: AtomicU64,
    stopped: AtomicBool,
}

/// The results of a few seeds.
#[derive(Default)]
pub struct Batch {
    pub seeds: u64,
    pub sessions: u64,
    pub steps: u64,
    /// Sessions of additional runs on the real engine.
    pub real_sessions: u64,
    pub coverage: Coverage,
    pub violations: Vec<Found>,
}

/// A violation.
pub struct Found {
    pub seed: u64,
    pub profile: Profile,
    pub crypto: Crypto,
    pub what: What,
}

/// What was found.
pub enum What {
    /// Something did not hold.
    Failure(Failure),
    /// Two runs of the same seed differ.
    Difference,
}

impl Work {
    pub fn new(
        seeds: Range<u64>,
        profile: Option<Profile>,
        crypto: Crypto,
        until: Option<Instant>,
    ) -> Self {
        let taken = AtomicU64::new(seeds.start);
        Self { seeds, profile, crypto, until, taken, stopped: AtomicBool::new(false) }
    }

    /// Stops: no further seed is begun.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Takes and runs seeds until there are none left.
    pub fn run(&self, done: &Sender<Batch>) {
        while let Some(seeds) = self.take() {
            let mut batch = Batch::default();
            for seed in seeds {
                if self.is_over() {
                    break;
                }
                self.run_seed(seed, &mut batch);
            }
            if done.send(batch).is_err() {
                return;
            }
        }
    }

    fn take(&self) -> Option<Range<u64>> {
        let from = self.taken.fetch_add(BATCH, Ordering::Relaxed);
        let open = from < self.seeds.end && !self.is_over();
        open.then(|| from..from.saturating_add(BATCH).min(self.seeds.end))
    }

    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
            || self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn run_seed(&self, seed: u64, batch: &mut Batch) {
        let profile = self.profile.unwrap_or_else(|| Profile::of_seed(seed));
        let hash = trial(seed, profile, self.crypto, batch);
        batch.seeds += 1;
        if !seed.is_multiple_of(AGAIN) {
            return;
        }
        let mut again = Batch::default();
        if trial(seed, profile, self.crypto, &mut again) != hash {
            batch.violations.push(Found {
                seed,
                profile,
                crypto: self.crypto,
                what: What::Difference,
            });
        }
        if self.crypto == Crypto::Transparent {
            let mut real = Batch::default();
            trial(seed, profile, Crypto::Real, &mut real);
            batch.real_sessions += real.sessions;
            batch.violations.append(&mut real.violations);
        }
    }
}

fn trial(seed: u64, profile: Profile, crypto: Crypto, batch: &mut Batch) -> Option<TraceHash> {
    let outcome = crypto.trial(Plan::drawn(seed, profile));
    batch.sessions += outcome.sessions;
    batch.steps += outcome.steps;
    batch.coverage.merge(outcome.coverage);
    if let Err(failure) = outcome.verdict {
        batch.violations.push(Found { seed, profile, crypto, what: What::Failure(failure) });
    }
    outcome.hash
}
