//! Views: what an application can see of a session.

use crate::api::abort::AbortCause;
use crate::base::bytes::{PublicKey, Signature};
use crate::base::ids::{Contact, SessionId, SignerIndex};
use crate::base::time::Timestamp;
use crate::rules::agreement::OutputKey;
use crate::terms::manifest::Manifest;
use crate::wire::statement::DeclineReason;
use core::fmt;
use core::time::Duration;
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// The current state of a session: what is to be signed, who has done what, and how it ended.
///
/// It can be serialised, for logs and for programs, as [`Event`](crate::Event) can.
///
/// Before joining, show a person [`manifest`](Self::manifest) and
/// [`output_keys`](Self::output_keys). A join consents to them, and to nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct SessionView {
    /// The session's id.
    pub id: SessionId,
    /// What is signed, by whom, and until when.
    #[serde(serialize_with = "shared")]
    pub manifest: Arc<Manifest>,
    /// The key of each item, with the tweaks that lead to it.
    #[serde(serialize_with = "shared")]
    pub output_keys: Arc<[OutputKey]>,
    /// This node's position among the signers.
    pub me: SignerIndex,
    /// How far the session has come.
    pub phase: Phase,
    /// Whether the session is approved and waits for others of its coordinator to end: see
    /// `max_concurrent_sessions`.
    pub is_queued: bool,
    /// How many restarts of signers there have been.
    pub restarts: u32,
    /// The signers that have joined.
    pub joined: Vec<SignerIndex>,
    /// The signers that have declined and have not joined.
    pub declined: Vec<Decliner>,
    /// The signers whose nonces for the current attempt have arrived.
    pub nonces: Vec<SignerIndex>,
    /// The signers whose partial signatures for the current attempt have arrived.
    pub partials: Vec<SignerIndex>,
    /// The signers that the phase waits for.
    pub awaiting: Vec<SignerIndex>,
    /// When the session's state last changed.
    pub last_activity: Timestamp,
    /// When the phase runs out of time. `None` once the session has ended.
    pub deadline: Option<Timestamp>,
    /// How many signed statements this node keeps of the session. `SECURITY.md` gives the bound.
    pub statements: usize,
    /// Whether this node has released its partial signatures.
    pub released: bool,
    /// The signatures, one for each item, if there are any.
    pub signatures: Option<Vec<Signature>>,
    /// Why the session ended, if it ended without signatures.
    pub cause: Option<AbortCause>,
}

/// A signer that says it does not take part in a session. Nobody is to blame for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Decliner {
    /// The signer.
    pub signer: SignerIndex,
    /// Its reason.
    pub reason: DeclineReason,
    /// When this node learnt of it, by its own clock.
    pub heard_at: Timestamp,
}

fn shared<T: Serialize + ?Sized, S: Serializer>(value: &Arc<T>, to: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(to)
}

impl SessionView {
    /// Returns the signers that, as far as this node knows, have not done their part in the first
    /// incomplete phase: those that have not joined; if all have, those whose nonces are missing;
    /// if none are, those whose partial signatures are missing. This also works after the session's
    /// end.
    pub fn missing(&self) -> Vec<SignerIndex> {
        let phases = [&self.joined, &self.nonces, &self.partials];
        let missing = phases.into_iter().map(|done| self.all_but(done));
        missing.into_iter().find(|missing| !missing.is_empty()).unwrap_or_default()
    }

    fn all_but(&self, done: &[SignerIndex]) -> Vec<SignerIndex> {
        self.manifest.indices().filter(|signer| !done.contains(signer)).collect()
    }

    /// Returns whether this node proposed the session.
    pub fn is_coordinator(&self) -> bool {
        self.manifest.coordinator() == self.me
    }
}

/// A signer that a node knows, because the application named it
/// ([`Command::AddContact`](crate::Command::AddContact)), or because it joined a session in which
/// the node took part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct SignerView {
    /// The signer's key.
    pub signer: PublicKey,
    /// Where the signer can be reached, by the latest information: what the signer itself signed in
    /// a join, a hello or an announcement, or what the application said. A signature does not make
    /// a contact true: a signer can give somebody else's.
    pub contact: Option<Contact>,
    /// What is known of the signer's clock. `None` until the signer says hello or proposes a
    /// session.
    pub clock: Option<ClockReading>,
}

/// A time that a signer signed, and when it arrived here.
///
/// The message travelled for an unknown time. So a reading shows by how much **at least** the
/// signer's clock is ahead of this node's, or by how much **at most** it is behind.
///
/// Repeating a message adds nothing: a hello counts only once, and an announcement only if its
/// session was unknown. But whoever passes one on can delay it. Of the readings of ten minutes the
/// node keeps the most informative one. A time that differs by more than
/// [`clock_skew`](crate::Config::clock_skew) is not a reading;
/// [`Event::SessionRefused`](crate::Event::SessionRefused) reports some of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct ClockReading {
    /// The time by the signer's clock.
    pub said: Timestamp,
    /// The time of arrival by this node's clock.
    pub arrived: Timestamp,
}

impl ClockReading {
    /// Returns by how much, at least, the signer's clock is ahead of this node's.
    pub fn ahead(&self) -> Duration {
        self.said.saturating_since(self.arrived)
    }

    /// Returns by how much, at most, the signer's clock is behind this node's. Zero if it is ahead.
    pub fn behind(&self) -> Duration {
        self.arrived.saturating_since(self.said)
    }

    pub(crate) fn says_more_than(&self, other: &Self) -> bool {
        (self.ahead(), other.behind()) > (other.ahead(), self.behind())
    }
}

/// How far a session has come. This is derived from the statements that have arrived, not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for this node's application to announce the session, or to join or decline it.
    Proposed,
    /// Waiting for signers to join.
    Joining,
    /// Waiting for nonces.
    Nonces,
    /// Waiting for partial signatures.
    PartialSignatures,
    /// Everything has arrived. Waiting for this node's application to finalise.
    Finalizing,
    /// Ended with signatures.
    Complete,
    /// Ended without signatures.
    Aborted,
}

impl Phase {
    /// Returns the phase as a word for programs.
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

/// Serialises the word of [`Phase::as_str`].
impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
