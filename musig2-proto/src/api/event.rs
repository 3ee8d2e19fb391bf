//! What a node tells its application.

use crate::api::abort::AbortCause;
use crate::api::view::Phase;
use crate::base::bytes::{PublicKey, Signature};
use crate::base::ids::{SessionId, SignerIndex};
use crate::rules::agreement::ManifestError;
use crate::wire::statement::DeclineReason;

/// What happens in a session. The first ten are the reference system's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session was made here.
    SessionCreated {
        /// Its name.
        session: SessionId,
    },
    /// A session with a key of this node was announced. Look at it with [`Node::session`](crate::Node::session), then join or decline.
    SessionDiscovered {
        /// Its name.
        session: SessionId,
    },
    /// The application approved a session, or made one, and it waits for others of its coordinator to end. It is joined by itself when its turn comes, and
    /// one made here is announced then.
    SessionQueued {
        /// Its name.
        session: SessionId,
    },
    /// All signers have joined.
    SessionReady {
        /// Where.
        session: SessionId,
    },
    /// A signer's nonces for the current attempt came (this node's own included).
    NonceReceived {
        /// Where.
        session: SessionId,
        /// Whose.
        signer: SignerIndex,
    },
    /// All nonces of the current attempt are there.
    NoncesComplete {
        /// Where.
        session: SessionId,
    },
    /// A signer's partial signatures for the current attempt came. They have not been verified: the final signature is.
    PartialSigReceived {
        /// Where.
        session: SessionId,
        /// Whose.
        signer: SignerIndex,
    },
    /// All partial signatures of the current attempt are there.
    PartialSigsComplete {
        /// Where.
        session: SessionId,
    },
    /// The end: every item is signed, and every signature verified under its tweaked aggregate key.
    ///
    /// It says nothing about consent to this session. It is also told of a session that was discovered here and not joined in this life: a signer that
    /// lost its memory learns in this way what it had signed. And the signatures of one session end every other session of the same signers over the
    /// same messages, of which only the name is kept if nobody here joined it. Who needs to know what it consented to keeps
    /// what it joined.
    SessionComplete {
        /// Where.
        session: SessionId,
        /// A signature for each item, in the manifest's order.
        signatures: Vec<Signature>,
    },
    /// The end: this node takes no further part.
    SessionAborted {
        /// Where.
        session: SessionId,
        /// Why.
        cause: AbortCause,
        /// Whether this node's partial signatures are out, so that the others may still finish.
        released: bool,
    },
    /// A session that was discovered here, and that the application has not approved, is over: a signer, its proposer or another, has ended its part, so
    /// nobody can finish it. No answer is needed. Told once.
    ///
    /// The session keeps its place among those that wait for the application until it is declined here or its time is over: who takes back what it asked
    /// may ask no more than others. A person's question is best closed without declining; [`Event::SessionAborted`] follows.
    SessionWithdrawn {
        /// Which.
        session: SessionId,
        /// Who ended it, and why.
        cause: AbortCause,
    },
    /// A session that a key of this node is to sign, and that its proposer signed, cannot be taken up here. With
    /// [`ManifestError::InFuture`] it was created later than now: the proposer's clock is ahead of this node's, by that much at least, or this node's is
    /// behind; the session is taken up when this node's clock has come near. With [`ManifestError::Over`] its time is over by this node's clock,
    /// which is ahead of the proposer's, or somebody repeats what the proposer announced long ago: only the proposer can tell which. Any other error
    /// says which limit of this node's configuration the session exceeds.
    ///
    /// [`Command::DeclineSession`](crate::Command::DeclineSession) tells the proposer within a minute from now. Told once a minute of each session, of
    /// eight sessions of one proposer, and of 256 together.
    SessionRefused {
        /// Which.
        session: SessionId,
        /// Who proposed it.
        proposer: PublicKey,
        /// Why.
        error: Box<ManifestError>,
    },
    /// Something failed that should not have. The session goes on.
    SessionError {
        /// Where.
        session: SessionId,
        /// What.
        error: SessionError,
    },
    /// A signer joined.
    SignerJoined {
        /// Where.
        session: SessionId,
        /// Who.
        signer: SignerIndex,
    },
    /// A signer does not take part. Nobody is to blame for that. Unless it joins after all, the session cannot be signed.
    SignerDeclined {
        /// Where.
        session: SessionId,
        /// Who.
        signer: SignerIndex,
        /// Why, by its own word.
        reason: DeclineReason,
    },
    /// Half of a phase's time is over. Nobody is to blame for being slow.
    Stalled {
        /// Where.
        session: SessionId,
        /// In which phase.
        phase: Phase,
        /// Who is awaited.
        awaiting: Vec<SignerIndex>,
    },
    /// Signers lost their memory and joined again, or run twice; everyone starts anew with fresh nonces.
    AttemptRestarted {
        /// Where.
        session: SessionId,
        /// How many restarts there have been.
        attempt: u32,
        /// Whose, since this was last told.
        signers: Vec<SignerIndex>,
    },
    /// A join of this node's own key came that this node did not make, in a session created after this node was started (by more than `clock_skew`, so
    /// that no earlier life can have made it): another process, or a copy of this one, signs with the same key. Nobody but who has the key can bring this
    /// about. (If this node's clock was set back, before its start or since, the join may be its own after all, of an earlier life or of a session that it has forgotten.) Two nodes with one key end each other's sessions, and restarts of both count as those of one signer.
    KeyInUseElsewhere {
        /// Where.
        session: SessionId,
    },
    /// The signatures arrived after this node's part had ended. They are valid.
    LateSignature {
        /// Where.
        session: SessionId,
        /// A signature for each item, in the manifest's order.
        signatures: Vec<Signature>,
    },
}

impl Event {
    /// What kind of event it is: a word for programs.
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

    /// Which session this is about.
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

    /// Whether nothing but a [`Event::LateSignature`] follows for this session on this node.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::SessionComplete { .. } | Self::SessionAborted { .. })
    }
}

/// What failed. Codes for programs; [`Display`](core::fmt::Display) for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The engine made nonces or a signature that do not verify. Nothing of it left this node.
    #[error("the engine computed something that does not verify: suspect the machine")]
    ComputingFault,
    /// All partial signatures verify, and the final signature does not.
    #[error("all partial signatures verify, but their sum does not: suspect the machine")]
    AggregationFault,
}
