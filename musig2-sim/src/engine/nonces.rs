//! What became of every secret nonce, and the rules that it must obey.

use core::cell::{Cell, RefCell};
use musig2_proto::{AggregateNonce, Message, PublicKey, PublicNonce};
use std::collections::BTreeMap;

/// What a partial signature is made on. A secret nonce that answers two of them gives its key away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Challenge {
    /// The aggregate nonce.
    pub nonce: AggregateNonce,
    /// The aggregate key, tweaks included.
    pub key: PublicKey,
    /// The message.
    pub message: Message,
}

/// What an engine did since the last time that it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// How many signatures and partial signatures it checked, and keys it aggregated, added up.
    pub checks: u64,
    /// What it signed, in order.
    pub signed: Vec<Challenge>,
    /// A misuse of a secret nonce.
    pub fault: Option<NonceFault>,
}

/// Everything that happened to secret nonces on this thread since its last world was made. It has
/// one entry for each nonce made, so the world's plan bounds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct NonceRecord {
    nonces: BTreeMap<PublicNonce, Uses>,
    /// The first misuse. Two challenges are graver than any other misuse, and replace it.
    fault: Option<NonceFault>,
    signed: Vec<Challenge>,
}

/// What happened to one secret nonce.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Uses {
    generated: u32,
    signed: u32,
    /// The first challenge that it signed.
    challenge: Option<Challenge>,
    /// The randomness that it was made from, which is as secret as the nonce.
    randomness: [u8; 32],
}

/// A misuse of a secret nonce: its key is as good as published.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NonceFault {
    /// More than one call of NonceGen returned it.
    #[error("the nonce {nonce} was generated {times} times")]
    GeneratedAgain {
        /// Which nonce, by its public half.
        nonce: PublicNonce,
        /// How many calls.
        times: u32,
    },
    /// It signed more than once, on the same challenge each time. This gives nothing away, but must
    /// not happen either.
    #[error("the nonce {nonce} signed {times} times")]
    SignedAgain {
        /// Which nonce, by its public half.
        nonce: PublicNonce,
        /// How many times.
        times: u32,
    },
    /// It signed different challenges.
    #[error("the nonce {nonce} signed two different challenges")]
    TwoChallenges {
        /// Which nonce, by its public half.
        nonce: PublicNonce,
        /// The first challenge, and the one that followed.
        challenges: Box<[Challenge; 2]>,
    },
}

thread_local! {
    static RECORD: RefCell<NonceRecord> = RefCell::default();
    static CHECKS: Cell<u64> = const { Cell::new(0) };
    static IDLE: Cell<bool> = const { Cell::new(false) };
}

impl NonceRecord {
    /// Calls `look` with this thread's record.
    pub fn with<T>(look: impl FnOnce(&Self) -> T) -> T {
        RECORD.with_borrow(look)
    }

    /// Returns how many secret nonces were made.
    pub fn generated(&self) -> usize {
        self.nonces.len()
    }

    /// Returns how many of them signed.
    pub fn signed(&self) -> usize {
        self.nonces.values().filter(|uses| uses.signed > 0).count()
    }

    /// Returns the random bytes that went into each secret nonce.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.nonces.values().map(|uses| &uses.randomness)
    }

    pub(super) fn clear() {
        RECORD.set(Self::default());
        CHECKS.set(0);
        // A panic inside `unrecorded` may have left it set.
        IDLE.set(false);
    }

    /// Replaces this thread's record, to continue a run from where it branched.
    pub(crate) fn put(record: Self) {
        RECORD.set(record);
        CHECKS.set(0);
    }

    /// Takes this thread's record away.
    pub(crate) fn take() -> Self {
        RECORD.take()
    }

    /// Returns what was done since the last call.
    pub(super) fn work() -> Work {
        RECORD.with_borrow_mut(|record| Work {
            checks: CHECKS.take(),
            signed: core::mem::take(&mut record.signed),
            fault: record.fault.take(),
        })
    }

    /// Does something without recording it.
    pub(super) fn unrecorded<T>(something: impl FnOnce() -> T) -> T {
        let before = IDLE.replace(true);
        let done = something();
        IDLE.set(before);
        done
    }

    pub(super) fn checks() {
        if !IDLE.get() {
            CHECKS.set(CHECKS.get() + 1);
        }
    }

    pub(crate) fn generates(nonce: PublicNonce, randomness: [u8; 32]) {
        Self::change(|record| {
            let uses = record.nonces.entry(nonce).or_default();
            uses.generated += 1;
            uses.randomness = randomness;
            if uses.generated > 1 {
                let times = uses.generated;
                record.find(NonceFault::GeneratedAgain { nonce, times });
            }
        });
    }

    pub(crate) fn signs(nonce: PublicNonce, challenge: Challenge) {
        Self::change(|record| {
            record.signed.push(challenge.clone());
            let uses = record.nonces.entry(nonce).or_default();
            uses.signed += 1;
            let times = uses.signed;
            let first = uses.challenge.get_or_insert_with(|| challenge.clone());
            if *first != challenge {
                let challenges = Box::new([first.clone(), challenge]);
                record.find(NonceFault::TwoChallenges { nonce, challenges });
            } else if times > 1 {
                record.find(NonceFault::SignedAgain { nonce, times });
            }
        });
    }

    fn change(change: impl FnOnce(&mut Self)) {
        if !IDLE.get() {
            RECORD.with_borrow_mut(change);
        }
    }

    fn find(&mut self, fault: NonceFault) {
        let graver = matches!(fault, NonceFault::TwoChallenges { .. })
            && !matches!(self.fault, Some(NonceFault::TwoChallenges { .. }));
        if graver || self.fault.is_none() {
            self.fault = Some(fault);
        }
    }
}
