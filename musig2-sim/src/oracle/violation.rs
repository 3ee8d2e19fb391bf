//! What can go wrong in a run.

use crate::engine::{Challenge, NoOutputKey, NonceFault};
use crate::ids::NodeId;
use core::time::Duration;
use musig2_proto::{Event, Phase, Report, SessionId, SignerIndex};

/// What did not hold. `session` is a session's id if the violation is about something that
/// happened, and its number in the plan if it is about something that did not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A secret nonce was misused. Found only with engines that keep a [record](crate::Recording).
    #[error("{node}: {fault}")]
    Nonce {
        /// Whose nonce.
        node: NodeId,
        /// What happened to it.
        fault: NonceFault,
    },
    /// A node signed what its application did not approve, or after the session had expired. Found
    /// only with engines that keep a [record](crate::Recording).
    #[error("{node} signed {}, under the key {}, and no open session that it approved asks for that", .challenge.message, .challenge.key)]
    SignedUnapproved {
        /// Which node.
        node: NodeId,
        /// What it signed.
        challenge: Box<Challenge>,
    },
    /// A node spoke for itself in a session that its application did not let it join.
    #[error("{node} takes part in session {session}, which it never approved")]
    SpokeUnapproved {
        /// Which node.
        node: NodeId,
        /// Which session.
        session: SessionId,
    },
    /// A session was signed although one of its honest signers did not consent.
    #[error("session {session} was completed, and {node} never approved it")]
    NotApproved {
        /// Which session.
        session: SessionId,
        /// Who did not consent.
        node: NodeId,
    },
    /// A node made a session other than the one its application proposed, or sees it differently
    /// from other nodes.
    #[error("{node} has another manifest for session {session} than was proposed")]
    OtherManifest {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
    },
    /// The number of signatures is not the number of items.
    #[error("{node} completed session {session} with {got} signatures for {items} items")]
    WrongCount {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
        /// How many signatures there are.
        got: usize,
        /// How many there should be.
        items: usize,
    },
    /// A node has the wrong key for an item.
    #[error("{node} has the wrong output key for item {item} of session {session}")]
    WrongKey {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
        /// Which item.
        item: usize,
    },
    /// A session's key cannot be computed.
    #[error("item {item} of session {session} has {error}")]
    NoKey {
        /// Which session.
        session: SessionId,
        /// Which item.
        item: usize,
        /// Why not.
        error: NoOutputKey,
    },
    /// A signature does not verify.
    #[error(
        "{node} completed session {session} with a signature for item {item} that does not verify"
    )]
    InvalidSignature {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
        /// Which item.
        item: usize,
    },
    /// A node ended a session with different signatures from another node's in the same attempt.
    #[error("{node} completed session {session} with other signatures than another did")]
    Disagreement {
        /// Which session.
        session: SessionId,
        /// The later of the two.
        node: NodeId,
    },
    /// A node said something about a session that it does not know, that has ended there, or that
    /// it has not joined.
    #[error("{node} says out of place: {event:?}")]
    OutOfPlace {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
    },
    /// A node continues a session beyond its expiry by the node's own clock.
    #[error("session {session} is over, and {node} goes on with it")]
    Overdue {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
    },
    /// A node says that a phase, or half of it, is over before that is so by the node's own clock.
    #[error("{node} is too soon: {event:?}, {elapsed:?} after the phase began")]
    TooSoon {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
        /// How long the phase had lasted.
        elapsed: Duration,
    },
    /// A node accepts a session that was created further in its future than clocks may differ.
    #[error("{node} takes session {session}, which was made {ahead:?} in its future")]
    FromTheFuture {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
        /// How far in the future.
        ahead: Duration,
    },
    /// A node blamed an honest signer for a fault or an abort, or wrongly believed that its own key
    /// also signs elsewhere.
    #[error("{node} blames an honest signer: {event:?}")]
    HonestBlamed {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
    },
    /// A node reported an honest peer for something that no honest node sends.
    #[error("{node} reports an honest peer: {report:?}")]
    HonestReported {
        /// Which node.
        node: NodeId,
        /// What it said.
        report: Report,
    },
    /// A node convicted a signer with evidence that does not prove the fault.
    #[error("{node} has evidence that proves nothing, {reason}: {event:?}")]
    BadEvidence {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
        /// Why it proves nothing.
        reason: String,
    },
    /// A node gave out more outputs in one call than can be justified.
    #[error("{node} gave out {outputs} outputs in one call, and {most} are the most")]
    TooManyOutputs {
        /// Which node.
        node: NodeId,
        /// How many outputs.
        outputs: usize,
        /// How many are allowed.
        most: usize,
    },
    /// A node checked more signatures in one call than can be justified. Found only with engines
    /// that keep a [record](crate::Recording).
    #[error("{node} checked {checks} signatures in one call, and {most} are the most")]
    TooManyChecks {
        /// Which node.
        node: NodeId,
        /// How many checks.
        checks: u64,
        /// How many are allowed.
        most: usize,
    },
    /// A node sent something that is not a message in its only encoding.
    #[error("{node} sent what is no message")]
    NotAMessage {
        /// Which node.
        node: NodeId,
    },
    /// A node gave out, or shows, a secret key or the randomness of a secret nonce.
    #[error("{node} gives a secret away in {place}")]
    SecretLeaked {
        /// Which node.
        node: NodeId,
        /// Where it can be seen.
        place: &'static str,
    },
    /// A node's view of a session contradicts itself.
    #[error("{node} shows of session {session} {what}")]
    Inconsistent {
        /// Which node.
        node: NodeId,
        /// Which session.
        session: SessionId,
        /// What it shows that cannot be.
        what: &'static str,
    },
    /// A node changed or said something when it heard a message that it had already heard. Found
    /// only with engines whose nodes can be copied.
    #[error("{node} hears something again, and {what}")]
    HeardAgain {
        /// Which node.
        node: NodeId,
        /// What it said or changed.
        what: String,
    },
    /// A node knows more sessions than it has room for.
    #[error("{node} holds {sessions} sessions, and {most} are the most")]
    TooManySessions {
        /// Which node.
        node: NodeId,
        /// How many sessions.
        sessions: usize,
        /// How many are allowed.
        most: usize,
    },
    /// The session was never made.
    #[error("session {session} was never made: {refusal}")]
    NotCreated {
        /// Which session.
        session: usize,
        /// What the node said, or that the moment to propose has not come.
        refusal: String,
    },
    /// Every honest signer aborted a session, and none of them named or awaited a Byzantine one.
    #[error("session {session} was spoilt by a Byzantine signer, and nobody suspects one")]
    NobodySuspected {
        /// Which session.
        session: usize,
    },
    /// A session that could have been completed was not.
    #[error("{node} did not complete session {session}: {state}")]
    NotComplete {
        /// Which session.
        session: usize,
        /// Which node.
        node: NodeId,
        /// How far it got there.
        state: Progress,
    },
}

impl Violation {
    /// Returns the node where it was seen, if it was one node.
    pub const fn node(&self) -> Option<NodeId> {
        match self {
            Self::Nonce { node, .. }
            | Self::SignedUnapproved { node, .. }
            | Self::SpokeUnapproved { node, .. }
            | Self::NotApproved { node, .. }
            | Self::OtherManifest { node, .. }
            | Self::WrongCount { node, .. }
            | Self::WrongKey { node, .. }
            | Self::InvalidSignature { node, .. }
            | Self::Disagreement { node, .. }
            | Self::OutOfPlace { node, .. }
            | Self::Overdue { node, .. }
            | Self::TooSoon { node, .. }
            | Self::FromTheFuture { node, .. }
            | Self::HonestBlamed { node, .. }
            | Self::HonestReported { node, .. }
            | Self::BadEvidence { node, .. }
            | Self::TooManyOutputs { node, .. }
            | Self::TooManyChecks { node, .. }
            | Self::NotAMessage { node }
            | Self::SecretLeaked { node, .. }
            | Self::Inconsistent { node, .. }
            | Self::HeardAgain { node, .. }
            | Self::TooManySessions { node, .. }
            | Self::NotComplete { node, .. } => Some(*node),
            Self::NoKey { .. } | Self::NotCreated { .. } | Self::NobodySuspected { .. } => None,
        }
    }
}

/// How far a session got on one node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Progress {
    /// The node never heard of it.
    #[error("it never heard of it")]
    Unknown,
    /// It is still open.
    #[error("it is in {phase:?}, awaiting {awaiting:?}")]
    Open {
        /// Its phase.
        phase: Phase,
        /// The signers that it awaits.
        awaiting: Vec<SignerIndex>,
    },
    /// It ended in another way.
    #[error("it ended with {0:?}")]
    Ended(Event),
}
