//! What can go wrong in a run.

use super::{Challenge, NoOutputKey, NonceFault};
use crate::network::NodeId;
use core::time::Duration;
use musig2_proto::{Event, Phase, Report, SessionId, SignerIndex};

/// What did not hold. `session` is a session's name where it is about what happened, and its number in the plan where it is about
/// what did not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A secret nonce was not used as it must be. Only engines that keep a [record](crate::Recording) notice.
    #[error("{node}: {fault}")]
    Nonce {
        /// Whose.
        node: NodeId,
        /// What happened to it.
        fault: NonceFault,
    },
    /// A node signed what its application did not approve, or after the session's time. Only engines that keep a
    /// [record](crate::Recording) notice.
    #[error("{node} signed {}, under the key {}, and no open session that it approved asks for that", .challenge.message, .challenge.key)]
    SignedUnapproved {
        /// Which node.
        node: NodeId,
        /// What it signed.
        challenge: Box<Challenge>,
    },
    /// A node that its application did not let join a session spoke in it for itself.
    #[error("{node} takes part in session {session}, which it never approved")]
    SpokeUnapproved {
        /// Which node.
        node: NodeId,
        /// Which session.
        session: SessionId,
    },
    /// A session was signed and one of its honest signers did not consent.
    #[error("session {session} was completed, and {node} never approved it")]
    NotApproved {
        /// Which session.
        session: SessionId,
        /// Who did not.
        node: NodeId,
    },
    /// A node made a session other than what its application proposed, or sees it otherwise than others do.
    #[error("{node} has another manifest for session {session} than was proposed")]
    OtherManifest {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
    },
    /// There is not one signature for each item.
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
    /// A node thinks that it signs for another key than it should.
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
        /// Why.
        error: NoOutputKey,
    },
    /// A signature is not good.
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
    /// A node ended a session with other signatures than another did in the same attempt.
    #[error("{node} completed session {session} with other signatures than another did")]
    Disagreement {
        /// Which session.
        session: SessionId,
        /// The later of them.
        node: NodeId,
    },
    /// A node said something of a session that it does not know, that has ended there, or that it has not joined.
    #[error("{node} says out of place: {event:?}")]
    OutOfPlace {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
    },
    /// A session goes on beyond its expiry by the node's own clock.
    #[error("session {session} is over, and {node} goes on with it")]
    Overdue {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
    },
    /// A node says that a phase took its time, or half of it, before it did by the node's own clock.
    #[error("{node} is too soon: {event:?}, {elapsed:?} after the phase began")]
    TooSoon {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
        /// How long the phase had lasted.
        elapsed: Duration,
    },
    /// A node takes a session that was made further in its future than clocks may differ.
    #[error("{node} takes session {session}, which was made {ahead:?} in its future")]
    FromTheFuture {
        /// Which session.
        session: SessionId,
        /// Which node.
        node: NodeId,
        /// How far.
        ahead: Duration,
    },
    /// A node named an honest signer for a fault or an abort, or took itself for one of two.
    #[error("{node} blames an honest signer: {event:?}")]
    HonestBlamed {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
    },
    /// A node reported an honest peer for what no honest node sends.
    #[error("{node} reports an honest peer: {report:?}")]
    HonestReported {
        /// Which node.
        node: NodeId,
        /// What it said.
        report: Report,
    },
    /// A node convicted a signer with evidence that does not prove it.
    #[error("{node} has evidence that proves nothing, {reason}: {event:?}")]
    BadEvidence {
        /// Which node.
        node: NodeId,
        /// What it said.
        event: Event,
        /// Why it proves nothing.
        reason: String,
    },
    /// A node gave out more in one call than there can be reason for.
    #[error("{node} gave out {outputs} outputs in one call, and {most} are the most")]
    TooManyOutputs {
        /// Which node.
        node: NodeId,
        /// How many.
        outputs: usize,
        /// The most.
        most: usize,
    },
    /// A node checked more signatures in one call than there can be reason for. Only engines that keep a
    /// [record](crate::Recording) notice.
    #[error("{node} checked {checks} signatures in one call, and {most} are the most")]
    TooManyChecks {
        /// Which node.
        node: NodeId,
        /// How many.
        checks: u64,
        /// The most.
        most: usize,
    },
    /// A node sent something that is not a message in its one encoding.
    #[error("{node} sent what is no message")]
    NotAMessage {
        /// Which node.
        node: NodeId,
    },
    /// A node gave out, or shows, a secret key or what a secret nonce was made of.
    #[error("{node} gives a secret away in {place}")]
    SecretLeaked {
        /// Which node.
        node: NodeId,
        /// Where it is to be seen.
        place: &'static str,
    },
    /// What a node shows of a session contradicts itself.
    #[error("{node} shows of session {session} {what}")]
    Inconsistent {
        /// Which node.
        node: NodeId,
        /// Which session.
        session: SessionId,
        /// What cannot be.
        what: &'static str,
    },
    /// Something that a node had heard already made it change or say something. Only engines whose nodes can be copied notice.
    #[error("{node} hears something again, and {what}")]
    HeardAgain {
        /// Which node.
        node: NodeId,
        /// What it said or changed.
        what: String,
    },
    /// A node knows of more sessions than there is room for.
    #[error("{node} holds {sessions} sessions, and {most} are the most")]
    TooManySessions {
        /// Which node.
        node: NodeId,
        /// How many.
        sessions: usize,
        /// The most.
        most: usize,
    },
    /// The session was never made.
    #[error("session {session} was never made: {refusal}")]
    NotCreated {
        /// Which session.
        session: usize,
        /// What the node said, or that its time has not come.
        refusal: String,
    },
    /// A session was aborted by every honest signer, and none of them named or awaited a Byzantine one.
    #[error("session {session} was spoilt by a Byzantine signer, and nobody suspects one")]
    NobodySuspected {
        /// Which session.
        session: usize,
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

impl Violation {
    /// Where it was seen, where that is one node.
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
