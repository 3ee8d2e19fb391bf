//! What is sent over a daemon's socket: one JSON object per line. A client sends one request, and
//! reads answers until the daemon closes.

use crate::model::co_signer::{AtPeer, CoSigner};
use crate::model::failure_object::FailureObject;
use crate::model::record::{self, Record};
use crate::model::result::SessionResult;
use crate::model::state::Summary;
use crate::model::steps::Reloaded;
use crate::order::Order;
use crate::text::Text;
use crate::text::time::Since;
use musig2_libp2p::musig2_proto::PublicKey;
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
