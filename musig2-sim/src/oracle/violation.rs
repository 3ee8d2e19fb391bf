//! What can go wrong in a run.

use super::{NoOutputKey, NonceFault};
use crate::network::NodeId;
use musig2_proto::{Event, Phase, Report, SignerIndex};

/// What did not hold. Sessions are numbered as in the plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A node ended one session more than once in one life.
    #[error("{node} ended session {session} {times} times: {events:?}")]
    SeveralEnds {
        /// Which session.
        session: usize,
        /// Which node.
        node: NodeId,
        /// How often.
        times: usize,
        /// With which events.
        events: Vec<Event>,
    },
    /// A node signed something other than the plan says.
    #[error("{node} completed session {session} with another manifest than was proposed")]
    OtherManifest {
        /// Which session.
        session: usize,
        /// Which node.
        node: NodeId,
    },
    /// There is not one signature for each item.
    #[error("{node} completed session {session} with {got} signatures for {items} items")]
    WrongCount {
        /// Which session.
        session: usize,
        /// Which node.
        node: NodeId,
        /// How many signatures there are.
        got: usize,
        /// How many there should be.
        items: usize,
    },
    /// A node thinks that it signs for another key than it should.
    #[error("{node} has the wrong output key for item {item} of session {session}")]
    WrongKey {
        /// Which session.
        session: usize,
        /// Which node.
        node: NodeId,
        /// Which item.
        item: usize,
    },
    /// A session's key cannot be computed.
    #[error("item {item} of session {session} has {error}")]
    NoKey {
        /// Which session.
        session: usize,
        /// Which item.
        item: usize,
        /// Why.
        error: NoOutputKey,
    },
    /// A signature is not good.
    #[error("{node} completed session {session} with a signature for item {item} that does not verify")]
    InvalidSignature {
        /// Which session.
        session: usize,
        /// Which node.
        node: NodeId,
        /// Which item.
        item: usize,
    },
    /// Two nodes completed one session with different signatures, and nobody had crashed.
    #[error("{one} and {other} completed session {session} with different signatures")]
    Disagreement {
        /// Which session.
        session: usize,
        /// One of them.
        one: NodeId,
        /// The other.
        other: NodeId,
    },
    /// A session was signed and one of its signers did not consent.
    #[error("session {session} was completed, and {node} never approved it")]
    NotApproved {
        /// Which session.
        session: usize,
        /// Who did not.
        node: NodeId,
    },
    /// A node named a signer for a fault, or took itself for one of two. Nobody in a world has done anything wrong.
    #[error("{node} blames an honest signer: {event:?}")]
    HonestBlamed {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
    },
    /// A node reported a peer for what no honest node sends.
    #[error("{node} reports an honest peer: {report:?}")]
    HonestReported {
        /// Which node.
        node: NodeId,
        /// What it said.
        report: Report,
    },
    /// A secret nonce was not used as it must be. Only engines that keep a record notice.
    #[error(transparent)]
    Nonce(NonceFault),
    /// The session was never made.
    #[error("session {session} was never made: {refusal}")]
    NotCreated {
        /// Which session.
        session: usize,
        /// What the node said, or that its time has not come.
        refusal: String,
    },
    /// A session that could be completed was not.
    #[error("{node} did not complete session {session}: {state}")]
    NotComplete {
        /// Which session.
        session: usize,
        /// Which node.
        node: NodeId,
        /// How far it is there.
        state: Progress,
    },
}

/// How far a session is on one node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Progress {
    /// The node never heard of it.
    #[error("it never heard of it")]
    Unknown,
    /// It goes on.
    #[error("it is in {phase:?}, awaiting {awaiting:?}")]
    Open {
        /// In this phase.
        phase: Phase,
        /// Waiting for these.
        awaiting: Vec<SignerIndex>,
    },
    /// It ended in another way.
    #[error("it ended with {0:?}")]
    Ended(Event),
}
