//! What a node tells its application and its adapter.

use crate::agreement::ManifestError;
use crate::bytes::{PublicKey, Signature};
use crate::evidence::Fault;
use crate::ids::{Contact, SessionId, SignerIndex, Source};
use crate::wire::evidence::Evidence;
use crate::wire::statement::{AbortReason, DeclineReason};
use core::time::Duration;

/// Something from outside the node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A frame that another node sent to this one.
    Frame {
        /// Whom the transport says it came from.
        from: Source,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A publication on the announcement topic.
    Announcement {
        /// Whom the transport says it came from: the last hop, not the author.
        from: Source,
        /// The publication.
        bytes: Vec<u8>,
    },
    /// A peer became reachable, perhaps again: what was sent to it before may be lost.
    PeerConnected(Source),
    /// A peer is no longer reachable.
    PeerLost(Source),
    /// Somebody began to listen on the announcement topic, who has missed what was published before.
    AudienceGrew,
    /// Only time has passed.
    Tick,
}

/// Something for the adapter to do, or the application to know, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Publish this to everybody on the announcement topic.
    Publish(Vec<u8>),
    /// Send this frame. Losing it costs time and nothing else.
    Send {
        /// To whom.
        to: Destination,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// For the application.
    Event(Event),
    /// A peer sent something it should not have.
    Report(Report),
}

/// Where a frame goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// To a signer, by the contact it or the application gave.
    Contact(Contact),
    /// Back to where something came from.
    Source(Source),
}

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

/// How far a session is. Derived from what has arrived, not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Waiting for this node's application: announce it, or join or decline it.
    Proposed,
    /// Waiting for signers to join.
    Joining,
    /// Waiting for nonces.
    Nonces,
    /// Waiting for partial signatures.
    PartialSignatures,
    /// Everything is there; waiting for this node's application to finalise.
    Finalizing,
    /// Ended with signatures.
    Complete,
    /// Ended without.
    Aborted,
}

/// Why a node takes no further part in a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AbortCause {
    /// A signer, or this node itself, ended its part.
    BySigner {
        /// Who.
        signer: SignerIndex,
        /// Why.
        reason: AbortReason,
    },
    /// This node's application declined it.
    Declined,
    /// This node's application had not decided, and there was no place left
    /// ([`max_discovered_sessions`](crate::Config::max_discovered_sessions)): it made room for a session of somebody who had fewer waiting here.
    /// It can be discovered again.
    MadeRoom,
    /// Another signer declined this session of the node's own: see [`Config::on_decline`](crate::Config::on_decline). That is no fault.
    SignerDeclined {
        /// Who.
        signer: SignerIndex,
        /// Why, by its own word.
        reason: DeclineReason,
    },
    /// A phase ran out of time.
    TimedOut {
        /// Which.
        phase: Phase,
        /// Who was awaited. Silence proves nothing: they may be honest.
        awaiting: Vec<SignerIndex>,
    },
    /// The session's own time is over.
    Expired {
        /// Who was awaited.
        awaiting: Vec<SignerIndex>,
    },
    /// A signer broke the protocol, and this proves it.
    Convicted {
        /// Who.
        signer: SignerIndex,
        /// What it did.
        fault: Fault,
        /// For anyone to check with [`Evidence::verify`]. No signer that follows the protocol can be named by it, but for
        /// [`Fault::RestartLimit`]: one that loses its memory nine times, and is told each time of none before, has restarted too often.
        evidence: Box<Evidence>,
    },
    /// This node's key signs in this session elsewhere as well: another process, another machine, a copy of this one.
    RivalInstance,
}

/// What failed. Codes for programs; [`Display`](core::fmt::Display) for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The engine made nonces or a signature that do not verify. Nothing of it left this node.
    #[error("the engine computed something that does not verify: suspect the machine")]
    ComputingFault,
    /// All partial signatures verify, and the final signature does not.
    #[error("all partial signatures verify, and their sum does not: suspect the machine")]
    AggregationFault,
}

/// A peer sent something it should not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whom the transport says it came from. It may be only a relay.
    pub source: Source,
    /// What was wrong.
    pub offence: Offence,
}

/// What was wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Offence {
    /// Larger than `max_frame_size`.
    #[error("{size} bytes, and at most {max} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest.
        max: usize,
    },
    /// Another version of the protocol.
    #[error("version {0} of the protocol")]
    Version(u8),
    /// Not a message, or not in its one canonical encoding.
    #[error("malformed")]
    Malformed,
    /// Names a signer that the session does not have, or has lists of a length that does not fit it.
    #[error("does not fit the session's manifest")]
    Misfit,
    /// A signature on a statement or announcement does not verify.
    #[error("a signature does not verify")]
    BadSignature,
    /// An announcement's manifest breaks a rule.
    #[error("manifest refused: {0}")]
    Manifest(#[from] crate::agreement::ManifestError),
    /// Final signatures that do not verify.
    #[error("final signatures that do not verify")]
    FalseSignatures,
    /// A hello from another time than now: clocks differ, or someone repeats it.
    #[error("said {0:?} from now")]
    Stale(Duration),
    /// A statement under this node's own key and life that this node never made.
    #[error("a statement of this node's own life that it did not make")]
    Impersonation,
    /// An abort with a proof that proves nothing.
    #[error("a proof that proves nothing")]
    FalseProof,
    /// More signatures to check than the source is allowed.
    #[error("more signatures to check than one source is allowed")]
    TooMany,
    /// More publications to check than there is time for. The source only passed them on.
    #[error("more publications to check than one relay is allowed")]
    Busy,
    /// More discovered sessions than there is room for.
    #[error("no room for more sessions")]
    NoRoom,
    /// For a session that is not known here.
    #[error("unknown session")]
    UnknownSession,
}

/// How bad an offence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Honest peers do this now and then: a late message, another configuration.
    Benign,
    /// An honest relay may pass this on, seldom.
    Suspicious,
    /// No correct implementation sends this.
    Malicious,
}

impl Offence {
    /// How bad it is, for an adapter to score, slow down or disconnect by.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Version(_)
            | Self::Manifest(_)
            | Self::Busy
            | Self::Stale(_)
            | Self::NoRoom
            | Self::UnknownSession => Severity::Benign,
            Self::TooLarge { .. } | Self::Impersonation | Self::TooMany => Severity::Suspicious,
            Self::Malformed
            | Self::Misfit
            | Self::BadSignature
            | Self::FalseProof
            | Self::FalseSignatures => Severity::Malicious,
        }
    }
}
