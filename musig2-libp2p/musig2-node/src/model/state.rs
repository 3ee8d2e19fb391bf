//! A session as it stands.

use super::ending::{Declined, Ending};
use super::labels::{Label, Labels};
use super::terms::labels_of;
use crate::text::Text;
use crate::text::hex::Hex;
use crate::text::time::{date, until};
use musig2_libp2p::musig2_proto::{SessionView, SignerIndex};
use serde::{Deserialize, Serialize};

/// A session as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) session: Hex<32>,
    pub(crate) signers: Vec<Hex<33>>,
    pub(crate) labels: Vec<Option<Text<Label>>>,
    pub(crate) coordinator: u16,
    pub(crate) me: u16,
    pub(crate) messages: usize,
    /// By the proposer's clock, in UTC (RFC 3339).
    pub(crate) proposed_at: String,
    /// When something last changed in it, by this node's clock.
    pub(crate) changed_at: String,
    #[serde(flatten)]
    pub(crate) state: State,
}

/// How far a session has come. Signers are numbered by their place, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) phase: String,
    /// How many times signers have restarted.
    pub(crate) restarts: u32,
    pub(crate) joined: Vec<u16>,
    pub(crate) nonces: Vec<u16>,
    pub(crate) partial_signatures: Vec<u16>,
    pub(crate) awaiting: Vec<u16>,
    /// The signers that do not take part.
    pub(crate) declined: Vec<Declined>,
    /// Seconds until the phase runs out of time; `None` if the session has ended.
    pub(crate) left_seconds: Option<u64>,
    /// Whether this node's partial signatures have been released.
    pub(crate) released: bool,
    /// Why the session ended without signatures, if it did.
    pub(crate) ending: Option<String>,
}

impl Summary {
    pub(crate) fn of(view: &SessionView, labels: &Labels) -> Self {
        let manifest = &view.manifest;
        Self {
            session: Hex(view.id.to_bytes()),
            signers: manifest.signers().iter().map(|key| Hex(key.to_bytes())).collect(),
            labels: labels_of(view, labels),
            coordinator: manifest.coordinator().get(),
            me: view.me.get(),
            messages: manifest.items().len(),
            proposed_at: date(manifest.created_at().as_millis()),
            changed_at: date(view.last_activity.as_millis()),
            state: State::of(view, labels),
        }
    }
}

impl State {
    pub(crate) fn of(view: &SessionView, labels: &Labels) -> Self {
        let places = |signers: &[SignerIndex]| signers.iter().map(|signer| signer.get()).collect();
        Self {
            phase: state_name(view).into(),
            restarts: view.restarts,
            joined: places(&view.joined),
            nonces: places(&view.nonces),
            partial_signatures: places(&view.partials),
            awaiting: places(&view.awaiting),
            declined: Declined::of(view, labels),
            left_seconds: view.deadline.map(|deadline| until(deadline).as_secs()),
            released: view.released,
            ending: (view.cause.as_ref())
                .map(|cause| Ending::of(view, cause, view.released, labels).to_string()),
        }
    }

    /// Returns whether nothing but the remaining time differs.
    pub(crate) fn says_the_same_as(&self, other: &Self) -> bool {
        let timeless = |one: &Self| Self { left_seconds: None, ..one.clone() };
        timeless(self) == timeless(other)
    }
}

/// How far a session has come, as a word for programs.
pub(crate) fn state_name(view: &SessionView) -> &'static str {
    if view.is_queued { "queued" } else { view.phase.as_str() }
}
