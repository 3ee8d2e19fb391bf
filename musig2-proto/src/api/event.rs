//! Events: what a node tells its application.

use crate::api::abort::AbortCause;
use crate::api::view::Phase;
use crate::base::bytes::{PublicKey, Signature};
use crate::base::ids::{SessionId, SignerIndex};
use crate::base::text::as_text;
use crate::rules::agreement::ManifestError;
use crate::wire::statement::DeclineReason;
use serde::Serialize;

/// What happens in a session.
///
/// It can be serialised, for logs and for programs: the field `event` is [`Event::as_str`], and
/// byte strings are hex. What is serialised cannot be read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A session was created here.
    SessionCreated {
        /// The session.
        session: SessionId,
    },
    /// A session with a key of this node was announced. Look at it with
    /// [`Node::session`](crate::Node::session), then join or decline it.
    SessionDiscovered {
        /// The session.
        session: SessionId,
    },
    /// The application approved or created a session, and it must wait for others of its
    /// coordinator to end. The node joins it when its turn comes, and then also announces it if it
    /// was created here.
    SessionQueued {
        /// The session.
        session: SessionId,
    },
    /// All signers have joined.
    SessionReady {
        /// The session.
        session: SessionId,
    },
    /// A signer's nonces for the current attempt arrived. This includes this node's own nonces.
    NonceReceived {
        /// The session.
        session: SessionId,
        /// The signer.
        signer: SignerIndex,
    },
    /// All nonces of the current attempt have arrived.
    NoncesComplete {
        /// The session.
        session: SessionId,
    },
    /// A signer's partial signatures for the current attempt arrived. They have not been verified;
    /// the final signature will be.
    PartialSigReceived {
        /// The session.
        session: SessionId,
        /// The signer.
        signer: SignerIndex,
    },
    /// All partial signatures of the current attempt have arrived.
    PartialSigsComplete {
        /// The session.
        session: SessionId,
    },
    /// The session has ended with signatures: every item is signed, and every signature was
    /// verified under its tweaked aggregate key.
    ///
    /// This event does not mean that the application consented to this session. It is also reported
    /// for a session that was discovered here and not joined in this life: in this way a signer
    /// that lost its memory learns what it had signed. Moreover, the signatures of one session end
    /// every other session of the same signers over the same messages. If nobody here joined such a
    /// session, only its id is kept. An application that needs to know what it consented to must
    /// store what it joined.
    SessionComplete {
        /// The session.
        session: SessionId,
        /// The signatures, one for each item, in the manifest's order.
        signatures: Vec<Signature>,
    },
    /// The session has ended without signatures: this node takes no further part.
    SessionAborted {
        /// The session.
        session: SessionId,
        /// Why it ended.
        cause: AbortCause,
        /// Whether this node released its partial signatures, so that the others may still finish.
        released: bool,
    },
    /// A session that was discovered here, and that the application has not approved, is over: a
    /// signer (its proposer or another one) has ended its part, so nobody can finish it. The
    /// application need not answer. This is reported once.
    ///
    /// The session keeps its place among those that wait for the application until it is declined
    /// here or its time is over. Otherwise a proposer that takes its proposals back could ask more
    /// than others. If a person is being asked, close the question without declining.
    /// [`Event::SessionAborted`] follows.
    SessionWithdrawn {
        /// The session.
        session: SessionId,
        /// Which signer ended it, and why.
        cause: AbortCause,
    },
    /// This node cannot take part in a session, although one of its keys is to sign it and its
    /// proposer signed it. The error tells why:
    ///
    /// - [`ManifestError::InFuture`]: the session was created later than now. The proposer's clock
    ///   is ahead of this node's clock by at least the given time, or this node's clock is behind.
    ///   The node takes the session up when its own clock has come close enough.
    /// - [`ManifestError::Over`]: by this node's clock the session's time is over. Either this
    ///   clock is ahead of the proposer's, or somebody is repeating what the proposer announced
    ///   long ago. Only the proposer can tell which.
    /// - Any other error says which limit of this node's configuration the session exceeds.
    ///
    /// For a minute from now, [`Command::DeclineSession`](crate::Command::DeclineSession) can tell
    /// the proposer. Within a minute, this event is reported once for each session, for up to eight
    /// sessions of one proposer, and for up to 256 sessions in total.
    SessionRefused {
        /// The session.
        session: SessionId,
        /// The proposer's key.
        proposer: PublicKey,
        /// Why the session was refused. It is serialised as a sentence.
        #[serde(serialize_with = "as_text")]
        error: Box<ManifestError>,
    },
    /// Something failed that should never fail. The session goes on.
    SessionError {
        /// The session.
        session: SessionId,
        /// What failed. It is serialised as a sentence.
        #[serde(serialize_with = "as_text")]
        error: SessionError,
    },
    /// A signer joined.
    SignerJoined {
        /// The session.
        session: SessionId,
        /// The signer.
        signer: SignerIndex,
    },
    /// A signer does not take part. Nobody is to blame for that. Unless that signer joins after
    /// all, the session cannot be signed.
    SignerDeclined {
        /// The session.
        session: SessionId,
        /// The signer.
        signer: SignerIndex,
        /// The reason that it stated.
        reason: DeclineReason,
    },
    /// Half of a phase's time is over. Nobody is to blame for being slow.
    Stalled {
        /// The session.
        session: SessionId,
        /// The phase.
        phase: Phase,
        /// The signers that are awaited.
        awaiting: Vec<SignerIndex>,
    },
    /// Signers lost their memory and joined again, or run twice. Everyone starts again with fresh
    /// nonces.
    AttemptRestarted {
        /// The session.
        session: SessionId,
        /// How many restarts there have been.
        restarts: u32,
        /// The signers that restarted since the last such event.
        signers: Vec<SignerIndex>,
    },
    /// A join of this node's own key arrived that this node did not make. Another process, or a
    /// copy of this one, signs with the same key: only someone who has the key can cause this. The
    /// session was created after this node started (by more than `clock_skew`), so no earlier life
    /// of this node can have made the join. There is one exception: if this node's clock was set
    /// back, before its start or since, the join may be its own after all, made by an earlier life
    /// or in a session that it has forgotten.
    ///
    /// Two nodes with one key end each other's sessions, and the restarts of both count as those of
    /// one signer.
    KeyInUseElsewhere {
        /// The session.
        session: SessionId,
    },
    /// The signatures arrived after this node's part had ended. They are valid.
    LateSignature {
        /// The session.
        session: SessionId,
        /// The signatures, one for each item, in the manifest's order.
        signatures: Vec<Signature>,
    },
}

impl Event {
    /// Returns the kind of event as a word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SessionCreated { .. } => "session_created",
            Self::SessionDiscovered { .. } => "session_discovered",
            Self::SessionQueued { .. } => "session_queued",
            Self::SessionReady { .. } => "session_ready",
            Self::NonceReceived { .. } => "nonce_received",
            Self::NoncesComplete { .. } => "nonces_complete",
            Self::PartialSigReceived { .. } => "partial_sig_received",
            Self::PartialSigsComplete { .. } => "partial_sigs_complete",
            Self::SessionComplete { .. } => "session_complete",
            Self::SessionAborted { .. } => "session_aborted",
            Self::SessionWithdrawn { .. } => "session_withdrawn",
            Self::SessionRefused { .. } => "session_refused",
            Self::SessionError { .. } => "session_error",
            Self::SignerJoined { .. } => "signer_joined",
            Self::SignerDeclined { .. } => "signer_declined",
            Self::Stalled { .. } => "stalled",
            Self::AttemptRestarted { .. } => "attempt_restarted",
            Self::KeyInUseElsewhere { .. } => "key_in_use_elsewhere",
            Self::LateSignature { .. } => "late_signature",
        }
    }

    /// Returns the session that the event is about.
    pub const fn session(&self) -> SessionId {
        match self {
            Self::SessionCreated { session }
            | Self::SessionDiscovered { session }
            | Self::SessionQueued { session }
            | Self::SessionReady { session }
            | Self::NonceReceived { session, .. }
            | Self::NoncesComplete { session }
            | Self::PartialSigReceived { session, .. }
            | Self::PartialSigsComplete { session }
            | Self::SessionComplete { session, .. }
            | Self::SessionAborted { session, .. }
            | Self::SessionWithdrawn { session, .. }
            | Self::SessionRefused { session, .. }
            | Self::SessionError { session, .. }
            | Self::SignerJoined { session, .. }
            | Self::SignerDeclined { session, .. }
            | Self::Stalled { session, .. }
            | Self::AttemptRestarted { session, .. }
            | Self::KeyInUseElsewhere { session }
            | Self::LateSignature { session, .. } => *session,
        }
    }

    /// Returns whether this is the last event for this session on this node, except for a possible
    /// [`Event::LateSignature`].
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::SessionComplete { .. } | Self::SessionAborted { .. })
    }
}

/// What failed in a session. Programs match on the variants; [`Display`](core::fmt::Display) is for
/// people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The engine made nonces or a signature that do not verify. None of them left this node.
    #[error("the engine computed something that does not verify: suspect the machine")]
    ComputingFault,
    /// All partial signatures verify, but the final signature does not.
    #[error("all partial signatures verify, but their sum does not: suspect the machine")]
    AggregationFault,
}
