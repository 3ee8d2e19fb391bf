//! What an application can see of a session.

use crate::api::abort::AbortCause;
use crate::base::bytes::{PublicKey, Signature};
use crate::base::ids::{Contact, SessionId, SignerIndex};
use crate::base::time::Timestamp;
use crate::rules::agreement::OutputKey;
use crate::terms::manifest::Manifest;
use crate::wire::statement::DeclineReason;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// A session as it stands: what is asked, who has done what, how it ended.
///
/// Show a person [`manifest`](Self::manifest) and [`output_keys`](Self::output_keys) before joining: they are everything that a join consents to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SessionView {
    /// Its name.
    pub id: SessionId,
    /// What is signed, by whom, until when.
    pub manifest: Arc<Manifest>,
    /// The key of each item, with the tweaks that lead to it.
    pub output_keys: Vec<OutputKey>,
    /// This node's place among the signers.
    pub me: SignerIndex,
    /// How far it is.
    pub phase: Phase,
    /// Whether it is approved and waits for others of its coordinator to end: see `max_concurrent_sessions`.
    pub is_queued: bool,
    /// How many restarts of signers there have been.
    pub attempt: u32,
    /// Who has joined.
    pub joined: Vec<SignerIndex>,
    /// Who has declined, and has not joined.
    pub declined: Vec<Decliner>,
    /// Whose nonces for the current attempt are there.
    pub nonces: Vec<SignerIndex>,
    /// Whose partial signatures for the current attempt are there.
    pub partials: Vec<SignerIndex>,
    /// Whom the phase waits for.
    pub awaiting: Vec<SignerIndex>,
    /// When this session's state last changed.
    pub last_activity: Timestamp,
    /// When the phase runs out of time; `None` once it has ended.
    pub deadline: Option<Timestamp>,
    /// How many signed statements are kept of it. `SECURITY.md` says how many there can be.
    pub statements: usize,
    /// Whether this node's partial signatures are out.
    pub released: bool,
    /// The signatures, one for each item, where there are any.
    pub signatures: Option<Vec<Signature>>,
    /// Why it ended without signatures, where it did.
    pub cause: Option<AbortCause>,
}

/// A signer that does not take part in a session, by its own word. Nobody is to blame for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Decliner {
    /// Who.
    pub signer: SignerIndex,
    /// Why.
    pub reason: DeclineReason,
    /// When this node heard of it, by its own clock.
    pub heard_at: Timestamp,
}

impl SessionView {
    /// Who has not done its part in the first phase that is not complete, as far as this node has heard, also after the session's end: those who have not
    /// joined; else those whose nonces, or else whose partial signatures, are not there.
    pub fn missing(&self) -> Vec<SignerIndex> {
        let missing = |done: &Vec<SignerIndex>| {
            self.manifest.indices().filter(|signer| !done.contains(signer)).collect::<Vec<_>>()
        };
        let phases = [&self.joined, &self.nonces, &self.partials];
        phases.into_iter().map(missing).find(|missing| !missing.is_empty()).unwrap_or_default()
    }

    /// Whether this node proposed it.
    pub fn is_coordinator(&self) -> bool {
        self.manifest.coordinator() == self.me
    }
}

/// A signer that a node knows: its application told of it ([`Command::AddContact`](crate::Command::AddContact)), or it joined a session that
/// the node took part in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SignerView {
    /// Its key.
    pub signer: PublicKey,
    /// Where it can be reached, by what came last: its own signed word in a join, a hello or an announcement of its own, or the application's.
    /// Being signed does not make it true: a signer can name another one's place.
    pub contact: Option<Contact>,
    /// What is known of its clock; `None` until it has said a hello or proposed a session.
    pub clock: Option<ClockReading>,
}

/// A time that a signer signed, and when that came here.
///
/// It was on its way for a while that nobody here knows, so it says how far the signer's clock is ahead of this node's **at least**, or how far it is
/// behind **at most**. A hello counts only once and an announcement only if its session was unknown, so that repeating them says nothing; but whoever
/// passes one on can hold it back. Of the readings of ten minutes the one is kept that says most. A time that is more than
/// [`clock_skew`](crate::Config::clock_skew) off is no reading: [`Event::SessionRefused`](crate::Event::SessionRefused) tells of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClockReading {
    /// By the signer's clock.
    pub said: Timestamp,
    /// By this node's.
    pub arrived: Timestamp,
}

impl ClockReading {
    /// How far the signer's clock is ahead of this node's, at least.
    pub fn ahead(&self) -> Duration {
        self.said.saturating_since(self.arrived)
    }

    /// How far it is behind, at most; zero if it is ahead.
    pub fn behind(&self) -> Duration {
        self.arrived.saturating_since(self.said)
    }

    pub(crate) fn says_more_than(&self, other: &Self) -> bool {
        (self.ahead(), other.behind()) > (other.ahead(), self.behind())
    }
}

/// How far a session is. Derived from what has arrived, not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for this node's application: announce it, or join or decline it.
    Proposed,
    /// Waiting for signers to join.
    Joining,
    /// Waiting for nonces.
    Nonces,
    /// Waiting for partial signatures.
    PartialSignatures,
    /// Everything is there; waiting for this node's application to finalise.
    Finalizing,
    /// Ended with signatures.
    Complete,
    /// Ended without.
    Aborted,
}

impl Phase {
    /// A word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Joining => "joining",
            Self::Nonces => "nonces",
            Self::PartialSignatures => "partial_signatures",
            Self::Finalizing => "finalizing",
            Self::Complete => "complete",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
