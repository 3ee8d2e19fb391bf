//! The built-in ways to break the protocol.

use super::Adversary;
use super::abort::{Abort, ForgeEvidence};
use super::bad_partials::{BadPartials, Flaw};
use super::cancel::Cancel;
use super::equivocate::{Equivocate, Kind};
use super::flood::Flood;
use super::invalid_nonces::InvalidNonces;
use super::join_again::JoinAgain;
use super::mutate::{Garble, Restate};
use super::replay::Replay;
use super::summaries::{FalseSummaries, LyingHub};
use super::two_manifests::TwoManifests;
use super::withhold::Withhold;
use crate::network::NodeId;
use crate::oracle::Engine;
use core::fmt;
use musig2_proto::Fault;
use serde::{Deserialize, Serialize};

/// How a Byzantine node breaks the protocol. Set it with [`Plan::with_strategy`](crate::Plan::with_strategy).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Strategy {
    /// Other nonces to some than to the rest.
    EquivocateNonces,
    /// Other partial signatures to some than to the rest.
    EquivocatePartials,
    /// Partial signatures that are random numbers.
    RandomPartials,
    /// Partial signatures of another message, with the nonces that it stated.
    PartialsOfAnotherMessage,
    /// Good partial signatures under a transcript of nobody.
    RogueTranscript,
    /// Nonces that are none.
    InvalidNonces(NonceFlaw),
    /// Keeps something to itself.
    Withhold(Withheld),
    /// Sends again what it and others said: in other sessions and attempts, and as it was.
    Replay,
    /// Flips bits of what it sends.
    Garble,
    /// Changes its own statements, and signs what comes out.
    Restate,
    /// Sends many frames and publications: garbage, statements under bad signatures, sessions that nobody wants.
    Flood,
    /// Honest code in a second node with the key of another one. Neither of the two is honest.
    Twin {
        /// Whose key it has.
        of: NodeId,
    },
    /// The same, from a copy of the machine: its random generator is where the other's is.
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
    /// Claims to hold everything and passes nothing on: for a hub's coordinator.
    LyingHub,
    /// Aborts in the middle, to some sooner than to others.
    Abort,
    /// Accuses honest signers, with proofs that prove nothing.
    ForgeEvidence,
    /// As coordinator, proposes one thing to some and another to the rest.
    TwoManifests,
    /// Waits for all other nonces, and states such that the sum of all is infinity; then signs nonsense.
    CancelNonces,
    /// As [`Strategy::CancelNonces`], together with the others who do: they share what they hear, and never accuse each other.
    Collude,
}

/// What is wrong with nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum NonceFlaw {
    /// Not points on the curve.
    OffCurve,
    /// The point at infinity.
    Infinity,
    /// One less than there are items.
    TooFew,
    /// One more than there are items.
    TooMany,
}

/// What is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Withheld {
    /// Its joins. It hears of the session, and seems not to be there.
    Joins,
    /// Its nonces.
    Nonces,
    /// Its partial signatures, and the final signatures, which it alone has.
    Partials,
    /// Everything, once it has joined.
    EverythingElse,
}

impl Strategy {
    /// One of each, but for [`Strategy::Twin`] and [`Strategy::Clone`], which need another node.
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

    /// What can be proven against a node that does this. A conviction of anything else is false.
    ///
    /// A node that restarted more often than it may can be convicted of that as well, whatever its strategy.
    pub const fn provable(self) -> &'static [Fault] {
        match self {
            Self::EquivocateNonces => &[Fault::Equivocation],
            // Who hears the bad ones alone, and never of the good ones, has the proof of another fault.
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
            // Two who draw the same until they do not: one life that says two things.
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

    /// Whether every other signer of a session convicts it, where all of them are honest, at least two, and hear one another in time.
    pub const fn must_be_convicted(self) -> bool {
        match self {
            Self::EquivocateNonces
            | Self::RandomPartials
            | Self::PartialsOfAnotherMessage
            | Self::InvalidNonces(_)
            | Self::CancelNonces => true,
            Self::JoinAgain { times } => times as usize >= musig2_proto::MAX_JOINS,
            // To `EquivocatePartials` the session may be complete before two of them compare.
            _ => false,
        }
    }

    /// Whether every session is signed all the same, where the other signers are honest and hear one another in time.
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

    /// Whether it makes two attempts at one session possible, each with good signatures.
    pub const fn restarts(self) -> bool {
        matches!(
            self,
            Self::JoinAgain { .. } | Self::Twin { .. } | Self::Clone { .. } | Self::Restate
        )
    }

    /// Whose key it has beside its own node.
    pub(crate) const fn doubles(self) -> Option<NodeId> {
        match self {
            Self::Twin { of } | Self::Clone { of } => Some(of),
            _ => None,
        }
    }

    /// The program that does this; none where honest code does.
    pub(crate) fn adversary<C: Engine>(self) -> Option<Box<dyn Adversary<C>>> {
        Some(match self {
            Self::EquivocateNonces => Box::new(Equivocate::new(Kind::Nonces)),
            Self::EquivocatePartials => Box::new(Equivocate::new(Kind::Partials)),
            Self::RandomPartials => Box::new(BadPartials::new(Flaw::Random)),
            Self::PartialsOfAnotherMessage => Box::new(BadPartials::new(Flaw::OtherMessage)),
            Self::RogueTranscript => Box::new(BadPartials::new(Flaw::RogueTranscript)),
            Self::InvalidNonces(flaw) => Box::new(InvalidNonces::new(flaw)),
            Self::Withhold(withheld) => Box::new(Withhold(withheld)),
            Self::Replay => Box::new(Replay::default()),
            Self::Garble => Box::new(Garble),
            Self::Restate => Box::new(Restate::default()),
            Self::Flood => Box::new(Flood::default()),
            Self::Twin { .. } | Self::Clone { .. } => return None,
            Self::JoinAgain { times } => Box::new(JoinAgain::new(times)),
            Self::FalseSummaries => Box::new(FalseSummaries::default()),
            Self::LyingHub => Box::new(LyingHub),
            Self::Abort => Box::new(Abort::default()),
            Self::ForgeEvidence => Box::new(ForgeEvidence::default()),
            Self::TwoManifests => Box::new(TwoManifests::default()),
            Self::CancelNonces => Box::new(Cancel::alone()),
            Self::Collude => Box::new(Cancel::together()),
        })
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
