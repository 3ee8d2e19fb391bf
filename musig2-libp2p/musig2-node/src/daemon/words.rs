//! What is said over a daemon's socket: one JSON object a line. A client asks once, and reads answers until the daemon closes.

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

/// What a client wants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    Status,
    Sessions {
        /// One in full: its name, or how it begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
    /// What was signed and what was not, the newest first.
    Results {
        /// Not older than this: a time (RFC 3339), a day, or how long ago.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Text<Since>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signer: Option<Text<PublicKey>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<record::Status>,
    },
    /// The policy and the labels are read again.
    Reload,
    Propose(Box<Order>),
    Abort {
        /// A session, or how its name begins.
        session: String,
        /// For the other signers.
        reason: String,
    },
}

/// What the daemon answers.
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
    /// After the last one.
    Results {
        count: usize,
        /// There are more than were asked for.
        more: bool,
        /// How many could not be read.
        damaged: usize,
    },
    /// A session as it stands, and again whenever that changes.
    Session(Summary),
    /// A session's signatures.
    Result(SessionResult),
    /// What was asked for did not happen.
    Failure(FailureObject),
}

/// How a daemon is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) public_key: String,
    pub(crate) peer_id: String,
    pub(crate) uptime_seconds: u64,
    pub(crate) listening: Vec<String>,
    pub(crate) connected_peers: Vec<ConnectedPeer>,
    /// Those whom the policy or a label names, and those met in sessions since the daemon was started, a few dozen of them.
    pub(crate) co_signers: Vec<CoSigner>,
    /// Sessions that have not ended.
    pub(crate) open_sessions: usize,
    /// What does not work now, each in a sentence. It is tried again.
    #[serde(default)]
    pub(crate) problems: Vec<String>,
    /// The key that the policy lacks, without which it allows nothing.
    pub(crate) signs_nothing_without: Option<String>,
    /// When the policy was read, in UTC (RFC 3339).
    pub(crate) policy_read_at: String,
    /// How the records of sessions are kept.
    pub(crate) results: Standing,
}

/// A peer, and which co-signers say to be it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConnectedPeer {
    pub(crate) peer_id: String,
    pub(crate) signers: Vec<AtPeer>,
}

/// How the trail is, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) signed: usize,
    pub(crate) unsigned: usize,
    pub(crate) declined: usize,
    /// Records that could not be written yet.
    pub(crate) waiting: usize,
    /// Why.
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

/// How far a session is. Signers are named by their place, from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) phase: String,
    /// How many restarts of signers there have been.
    pub(crate) attempt: u32,
    pub(crate) joined: Vec<u16>,
    pub(crate) nonces: Vec<u16>,
    pub(crate) partial_signatures: Vec<u16>,
    pub(crate) awaiting: Vec<u16>,
    /// Who does not take part.
    pub(crate) declined: Vec<Declined>,
    /// Until the phase runs out of time; `None` where the session has ended.
    pub(crate) left_seconds: Option<u64>,
    /// Whether this node's partial signatures are out.
    pub(crate) released: bool,
    /// Why there are no signatures, where it ended without.
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
            attempt: view.attempt,
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

    /// Whether nothing happened from the other to this but that time passed.
    pub(crate) fn says_the_same_as(&self, other: &Self) -> bool {
        let timeless = |one: &Self| Self { left_seconds: None, ..one.clone() };
        timeless(self) == timeless(other)
    }
}
