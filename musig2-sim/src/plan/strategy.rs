//! The built-in ways to break the protocol.

use crate::ids::NodeId;
use core::fmt;
use musig2_proto::Fault;
use serde::{Deserialize, Serialize};

/// How a Byzantine node breaks the protocol. Set it with
/// [`Plan::with_strategy`](crate::Plan::with_strategy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Strategy {
    /// States different nonces to some signers than to the rest.
    EquivocateNonces,
    /// States different partial signatures to some signers than to the rest.
    EquivocatePartials,
    /// States random numbers as partial signatures.
    RandomPartials,
    /// Signs another message, with the nonces that it stated.
    PartialsOfAnotherMessage,
    /// States valid partial signatures under a transcript that nobody else has.
    RogueTranscript,
    /// States invalid nonces.
    InvalidNonces(NonceFlaw),
    /// Withholds something.
    Withhold(Withheld),
    /// Repeats what it and others said, unchanged or in other sessions and attempts.
    Replay,
    /// Flips bits of what it sends.
    Garble,
    /// Changes its own statements, and signs the result.
    Restate,
    /// Sends many frames and publications: garbage, statements with invalid signatures, and
    /// sessions that nobody wants.
    Flood,
    /// Runs honest code in a second node with another node's key. Neither of the two is honest.
    Twin {
        /// Whose key it has.
        of: NodeId,
    },
    /// Does the same from a copy of the machine, whose random generator is in the same state.
    Clone {
        /// Of which node it is a copy.
        of: NodeId,
    },
    /// Joins again under other lives.
    JoinAgain {
        /// How often.
        times: u8,
    },
    /// Lies about what it holds, in its own name and in others'.
    FalseSummaries,
    /// Claims to hold everything, and passes nothing on. Meant for a hub's coordinator.
    LyingHub,
    /// Aborts midway, and tells some signers sooner than others.
    Abort,
    /// Accuses honest signers, with proofs that prove nothing.
    ForgeEvidence,
    /// As coordinator, proposes one session to some signers and another to the rest.
    TwoManifests,
    /// Waits for all other nonces, and states nonces such that the sum of all is infinity. Then it
    /// signs nonsense.
    CancelNonces,
    /// Like [`Strategy::CancelNonces`], together with all others that collude: they share what they
    /// hear, and never accuse each other.
    Collude,
}

/// What is wrong with the nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum NonceFlaw {
    /// Not points on the curve.
    OffCurve,
    /// The point at infinity.
    Infinity,
    /// One fewer than there are items.
    TooFew,
    /// One more than there are items.
    TooMany,
}

/// What the adversary does not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Withheld {
    /// Its joins. It hears of the session, and seems to be absent.
    Joins,
    /// Its nonces.
    Nonces,
    /// Its partial signatures, and the final signatures, which only it has.
    Partials,
    /// Everything, once it has joined.
    EverythingElse,
}

impl Strategy {
    /// One of each, except [`Strategy::Twin`], [`Strategy::Clone`] and [`Strategy::Collude`], which
    /// need other nodes.
    pub const ALL: [Self; 24] = [
        Self::EquivocateNonces,
        Self::EquivocatePartials,
        Self::RandomPartials,
        Self::PartialsOfAnotherMessage,
        Self::RogueTranscript,
        Self::InvalidNonces(NonceFlaw::OffCurve),
        Self::InvalidNonces(NonceFlaw::Infinity),
        Self::InvalidNonces(NonceFlaw::TooFew),
        Self::InvalidNonces(NonceFlaw::TooMany),
        Self::Withhold(Withheld::Joins),
        Self::Withhold(Withheld::Nonces),
        Self::Withhold(Withheld::Partials),
        Self::Withhold(Withheld::EverythingElse),
        Self::Replay,
        Self::Garble,
        Self::Restate,
        Self::Flood,
        Self::JoinAgain { times: 12 },
        Self::FalseSummaries,
        Self::LyingHub,
        Self::Abort,
        Self::ForgeEvidence,
        Self::TwoManifests,
        Self::CancelNonces,
    ];

    /// Returns the faults that can be proven against a node with this strategy. A conviction for
    /// any other fault is false.
    ///
    /// Whatever its strategy, a node that restarted more often than allowed can be convicted of
    /// that too.
    pub const fn provable(self) -> &'static [Fault] {
        match self {
            Self::EquivocateNonces => &[Fault::Equivocation],
            // A signer that hears only the invalid ones, and never the valid ones, has proof of
            // another fault.
            Self::EquivocatePartials => &[Fault::Equivocation, Fault::InvalidPartialSignature],
            Self::RandomPartials
            | Self::PartialsOfAnotherMessage
            | Self::CancelNonces
            | Self::Collude => &[Fault::InvalidPartialSignature],
            Self::InvalidNonces(_) => &[Fault::InvalidNonce],
            Self::Restate => &[
                Fault::RestartLimit,
                Fault::ConcurrentInstances,
                Fault::InvalidNonce,
                Fault::InvalidPartialSignature,
                Fault::Equivocation,
            ],
            Self::Twin { .. } => &[Fault::ConcurrentInstances],
            // The two draw the same random bytes until their runs diverge. So one life may say two
            // things.
            Self::Clone { .. } => &[Fault::ConcurrentInstances, Fault::Equivocation],
            Self::JoinAgain { .. } => &[Fault::RestartLimit],
            Self::RogueTranscript
            | Self::Withhold(_)
            | Self::Replay
            | Self::Garble
            | Self::Flood
            | Self::FalseSummaries
            | Self::LyingHub
            | Self::Abort
            | Self::ForgeEvidence
            | Self::TwoManifests => &[],
        }
    }

    /// Returns whether every other signer of a session convicts it, provided that there are at
    /// least two others, all honest, and they hear one another in time.
    pub const fn must_be_convicted(self) -> bool {
        match self {
            Self::EquivocateNonces
            | Self::RandomPartials
            | Self::PartialsOfAnotherMessage
            | Self::InvalidNonces(_)
            | Self::CancelNonces => true,
            Self::JoinAgain { times } => times as usize >= musig2_proto::MAX_JOINS,
            // With `EquivocatePartials` the session may be complete before two signers compare what
            // they heard.
            _ => false,
        }
    }

    /// Returns whether every session is signed despite it, provided that the other signers are
    /// honest and hear one another in time.
    pub const fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::Replay
                | Self::Flood
                | Self::FalseSummaries
                | Self::LyingHub
                | Self::ForgeEvidence
        )
    }

    /// Returns whether it makes two attempts at one session possible, each with valid signatures.
    pub const fn restarts(self) -> bool {
        matches!(
            self,
            Self::JoinAgain { .. } | Self::Twin { .. } | Self::Clone { .. } | Self::Restate
        )
    }

    /// Returns the node whose key it shares, if it is a twin or a clone.
    pub(crate) const fn doubles(self) -> Option<NodeId> {
        match self {
            Self::Twin { of } | Self::Clone { of } => Some(of),
            _ => None,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
