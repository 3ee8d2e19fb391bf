//! What an application can see of a session.

use crate::agreement::OutputKey;
use crate::bytes::Signature;
use crate::event::{AbortCause, Phase};
use crate::ids::{SessionId, SignerIndex};
use crate::manifest::Manifest;
use crate::time::Timestamp;
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

impl SessionView {
    /// Whether this node proposed it.
    pub fn is_coordinator(&self) -> bool {
        self.manifest.coordinator() == self.me
    }
}
