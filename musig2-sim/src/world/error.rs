//! Why a run or an order failed.

use crate::ids::NodeId;
use crate::oracle::Violation;
use crate::time::Micros;
use musig2_proto::{CommandError, SessionId};

/// Why a run was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Something happened that must not happen. The last step did it.
    #[error(transparent)]
    Violated(Violation),
    /// Sessions are still open at the plan's time limit.
    #[error("not quiet by {limit}; open: {}", list(.open))]
    NotQuiet {
        /// The plan's time limit.
        limit: Micros,
        /// What has not ended, and where.
        open: Vec<(NodeId, SessionId)>,
    },
    /// The plan's step limit was reached: nodes keep each other busy without progress, or the limit
    /// is too low.
    #[error("{limit} steps by {at}: a livelock, or `step_limit` is too low; open: {}", list(.open))]
    TooManySteps {
        /// The plan's step limit.
        limit: u64,
        /// When it was reached.
        at: Micros,
        /// What has not ended, and where.
        open: Vec<(NodeId, SessionId)>,
    },
    /// A node keeps asking to be woken at the same moment.
    #[error("{node} still has the deadline {at} after {ticks} ticks at that moment")]
    StuckDeadline {
        /// Which node.
        node: NodeId,
        /// The moment.
        at: Micros,
        /// How often it was woken.
        ticks: u32,
    },
    /// A node still wants to be woken when every session should be long forgotten.
    #[error("{node} still has something to do at {limit}, when every session is long forgotten")]
    NotSilent {
        /// Which node.
        node: NodeId,
        /// When everything should have been over.
        limit: Micros,
    },
    /// Nodes keep talking after all sessions are over.
    #[error("{messages} messages after all sessions were over, and {most} are the most")]
    Storm {
        /// How many messages there were.
        messages: u64,
        /// How many are allowed.
        most: u64,
    },
    /// A node did not accept its key or its own contact.
    #[error("{node} cannot start: {reason}")]
    CannotStart {
        /// Which node.
        node: NodeId,
        /// What it said.
        reason: String,
    },
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The node has not started.
    #[error("{0} has not started")]
    NotStarted(NodeId),
    /// The node is paused.
    #[error("{0} stands still")]
    Paused(NodeId),
    /// The node refused.
    #[error("{node} refused: {error}")]
    Refused {
        /// Which node.
        node: NodeId,
        /// Why.
        error: CommandError,
    },
}

fn list(open: &[(NodeId, SessionId)]) -> String {
    open.iter()
        .map(|(node, session)| format!("session {session} on {node}"))
        .collect::<Vec<_>>()
        .join(", ")
}
