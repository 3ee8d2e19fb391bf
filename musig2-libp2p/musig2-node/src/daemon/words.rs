//! What is sent over a daemon's socket: one JSON object per line. A client sends one request, and
//! reads answers until the daemon closes.

use crate::ending::{Declined, Ending};
use crate::failure::FailureObject;
use crate::labels::{Label, Labels};
use crate::order::Order;
use crate::result::{Hex, SessionResult};
use crate::results::command::Since;
use crate::results::record::{self, Record, date};
use crate::roster::{AtPeer, CoSigner};
use crate::steps::{Reloaded, state_name};
use crate::terms::{labels_of, until};
use crate::text::Text;
use musig2_libp2p::musig2_proto::{PublicKey, SessionView, SignerIndex};
use serde::{Deserialize, Serialize};

/// A request of a client.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    Status,
    Sessions {
        /// One session in full: its id, or how the id begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
    /// What was signed and what was not, newest first.
    Results {
        /// The oldest time to include: a time (RFC 3339), a day, or how long ago.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Text<Since>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signer: Option<Text<PublicKey>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<record::Status>,
    },
    /// Read the policy and the labels again.
    Reload,
    Propose(Box<Order>),
    Abort {
        /// A session id, or how the id begins.
        session: String,
        /// The reason, for the other signers.
        reason: String,
    },
}

/// An answer of the daemon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Reply {
    Status(Status),
    Sessions {
        sessions: Vec<Summary>,
    },
    Reloaded(Reloaded),
    /// A session in full.
    Details(Box<Record>),
    /// One of the `results`.
    Record(Box<Record>),
    /// Follows the last of the `results`.
    Results {
        count: usize,
        /// Whether there are more than were asked for.
        more: bool,
        /// How many could not be read.
        damaged: usize,
    },
    /// A session as it stands, sent again whenever that changes.
    Session(Summary),
    /// A session's signatures.
    Result(SessionResult),
    /// The request was not carried out.
    Failure(FailureObject),
}

/// The state of a daemon.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) public_key: String,
    pub(crate) peer_id: String,
    pub(crate) uptime_seconds: u64,
    pub(crate) listening: Vec<String>,
    pub(crate) connected_peers: Vec<ConnectedPeer>,
    /// The signers that the policy or a label names, and up to a few dozen that were met in
    /// sessions since the daemon started.
    pub(crate) co_signers: Vec<CoSigner>,
    /// Sessions that have not ended.
    pub(crate) open_sessions: usize,
    /// What does not work now and is tried again, in one sentence each.
    #[serde(default)]
    pub(crate) problems: Vec<String>,
    /// The key that the policy lacks, without which it allows nothing.
    pub(crate) signs_nothing_without: Option<String>,
    /// When the policy was read, in UTC (RFC 3339).
    pub(crate) policy_read_at: String,
    /// The state of the records of sessions.
    pub(crate) results: Standing,
}

/// A peer, and the co-signers that claim to be there.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectedPeer {
    pub(crate) peer_id: String,
    pub(crate) signers: Vec<AtPeer>,
}

/// The state of the trail, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) signed: usize,
    pub(crate) unsigned: usize,
    pub(crate) declined: usize,
    /// Records that could not be written yet.
    pub(crate) waiting: usize,
    /// Why they wait.
    pub(crate) problem: Option<String>,
}

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
