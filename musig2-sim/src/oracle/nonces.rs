//! What became of every secret nonce, and what must hold of it.

use core::cell::{Cell, RefCell};
use musig2_proto::{AggregateNonce, Message, PublicKey, PublicNonce};
use std::collections::BTreeMap;

/// What a partial signature is made on. A secret nonce that meets two of them gives its key away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Challenge {
    /// The aggregate nonce.
    pub nonce: AggregateNonce,
    /// The aggregate key, tweaks included.
    pub key: PublicKey,
    /// The message.
    pub message: Message,
}

/// What an engine did since it was last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// How many signatures and partial signatures it checked, and keys it aggregated.
    pub checks: u64,
    /// What it signed, in order.
    pub signed: Vec<Challenge>,
    /// A secret nonce that was not used as it must be.
    pub fault: Option<NonceFault>,
}

/// Everything that happened to secret nonces on this thread since its last world was made. Bounded by what the world's
/// plan lets happen: an entry for each nonce made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct NonceRecord {
    nonces: BTreeMap<PublicNonce, Uses>,
    /// The first that was not used as it must be; one that met two challenges before any other.
    fault: Option<NonceFault>,
    signed: Vec<Challenge>,
}

/// What happened to one secret nonce.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Uses {
    generated: u32,
    signed: u32,
    /// What it met first.
    challenge: Option<Challenge>,
    /// What went into it: as secret as the nonce.
    randomness: [u8; 32],
}

/// A secret nonce was not used as it must be: its key is as good as published.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NonceFault {
    /// It came out of more than one call of NonceGen.
    #[error("the nonce {nonce} was generated {times} times")]
    GeneratedAgain {
        /// Which, by its public half.
        nonce: PublicNonce,
        /// How often.
        times: u32,
    },
    /// It signed more than once, on the same challenge each time. That gives nothing away, and must not happen either.
    #[error("the nonce {nonce} signed {times} times")]
    SignedAgain {
        /// Which, by its public half.
        nonce: PublicNonce,
        /// How often.
        times: u32,
    },
    /// It met different challenges.
    #[error("the nonce {nonce} signed two different challenges")]
    TwoChallenges {
        /// Which, by its public half.
        nonce: PublicNonce,
        /// What it met first, and what it met then.
        challenges: Box<[Challenge; 2]>,
    },
}

thread_local! {
    static RECORD: RefCell<NonceRecord> = RefCell::default();
    static CHECKS: Cell<u64> = const { Cell::new(0) };
    static IDLE: Cell<bool> = const { Cell::new(false) };
}

impl NonceRecord {
    /// Looks at this thread's record.
    pub fn with<T>(look: impl FnOnce(&Self) -> T) -> T {
        RECORD.with_borrow(look)
    }

    /// How many secret nonces were made.
    pub fn generated(&self) -> usize {
        self.nonces.len()
    }

    /// How many of them signed.
    pub fn signed(&self) -> usize {
        self.nonces.values().filter(|uses| uses.signed > 0).count()
    }

    /// The random bytes that went into each secret nonce.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.nonces.values().map(|uses| &uses.randomness)
    }

    pub(super) fn clear() {
        RECORD.set(Self::default());
        CHECKS.set(0);
        // A panic may have left it set.
        IDLE.set(false);
    }

    /// Goes on with this record, where runs branch.
    pub(crate) fn put(record: Self) {
        RECORD.set(record);
        CHECKS.set(0);
    }

    /// Takes this thread's record away.
    pub(crate) fn take() -> Self {
        RECORD.take()
    }

    /// What was done since this was last asked.
    pub(super) fn work() -> Work {
        RECORD.with_borrow_mut(|record| Work {
            checks: CHECKS.take(),
            signed: core::mem::take(&mut record.signed),
            fault: record.fault.take(),
        })
    }

    /// Does something that is not to be on the record.
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

    pub(super) fn generates(nonce: PublicNonce, randomness: [u8; 32]) {
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

    pub(super) fn signs(nonce: PublicNonce, challenge: Challenge) {
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
