//! What became of every secret nonce, and what must hold of it.

use core::cell::RefCell;
use musig2_proto::{AggregateNonce, Message, PublicKey, PublicNonce};
use std::collections::{BTreeMap, BTreeSet};

/// What a partial signature is made on. A secret nonce that meets two of them gives its key away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Challenge {
    /// The aggregate nonce.
    pub nonce: AggregateNonce,
    /// The aggregate key, tweaks included.
    pub key: PublicKey,
    /// The message.
    pub message: Message,
}

/// Everything that happened to secret nonces on this thread since its last world was made. Bounded by what the world's
/// plan lets happen: an entry for each nonce made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NonceRecord {
    nonces: BTreeMap<PublicNonce, Uses>,
}

/// What happened to one secret nonce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Uses {
    generated: u32,
    signed: u32,
    challenges: BTreeSet<Challenge>,
}

/// A secret nonce was not used as it must be: its key is as good as published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    #[error("the nonce {nonce} signed {} different challenges", .challenges.len())]
    TwoChallenges {
        /// Which, by its public half.
        nonce: PublicNonce,
        /// All of them.
        challenges: Vec<Challenge>,
    },
}

thread_local! {
    static RECORD: RefCell<NonceRecord> = RefCell::default();
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

    /// Whether every secret nonce was generated once and signed one challenge at most, at most once.
    ///
    /// # Errors
    /// Names one that was not; one that met two challenges before any other.
    pub fn check(&self) -> Result<(), NonceFault> {
        let faults = self.nonces.iter().filter_map(|(&nonce, uses)| uses.fault(nonce));
        faults.min_by_key(|fault| !matches!(fault, NonceFault::TwoChallenges { .. })).map_or(Ok(()), Err)
    }

    pub(super) fn clear() {
        RECORD.set(Self::default());
    }

    pub(super) fn generates(nonce: PublicNonce) {
        RECORD.with_borrow_mut(|record| record.nonces.entry(nonce).or_default().generated += 1);
    }

    pub(super) fn signs(nonce: PublicNonce, challenge: Challenge) {
        RECORD.with_borrow_mut(|record| {
            let uses = record.nonces.entry(nonce).or_default();
            uses.signed += 1;
            uses.challenges.insert(challenge);
        });
    }
}

impl Uses {
    fn fault(&self, nonce: PublicNonce) -> Option<NonceFault> {
        let &Self { generated, signed, ref challenges } = self;
        if challenges.len() > 1 {
            Some(NonceFault::TwoChallenges { nonce, challenges: challenges.iter().cloned().collect() })
        } else if generated > 1 {
            Some(NonceFault::GeneratedAgain { nonce, times: generated })
        } else {
            (signed > 1).then_some(NonceFault::SignedAgain { nonce, times: signed })
        }
    }
}
