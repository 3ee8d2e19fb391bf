//! What a peer should not have sent.

use crate::base::codec::DecodeError;
use crate::base::ids::Source;
use crate::rules::agreement::ManifestError;
use core::fmt;
use core::time::Duration;

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
    #[error("{size} bytes; at most {max} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest.
        max: usize,
    },
    /// Another version of the protocol.
    #[error("protocol version {0}; this node speaks {own}", own = crate::base::codec::VERSION)]
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
    Manifest(#[from] ManifestError),
    /// Final signatures that do not verify.
    #[error("final signatures that do not verify")]
    FalseSignatures,
    /// A hello from another time than now: clocks differ, or someone repeats it.
    #[error("its timestamp is {0:?} off this node's clock")]
    Stale(Duration),
    /// A statement under this node's own key and life that this node never made.
    #[error("a statement in the name of this node's own life that this node did not make")]
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

impl Severity {
    /// A word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Benign => "benign",
            Self::Suspicious => "suspicious",
            Self::Malicious => "malicious",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Offence {
    /// A word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Version(_) => "version",
            Self::Malformed => "malformed",
            Self::Misfit => "misfit",
            Self::BadSignature => "bad_signature",
            Self::Manifest(_) => "manifest",
            Self::FalseSignatures => "false_signatures",
            Self::Stale(_) => "stale",
            Self::Impersonation => "impersonation",
            Self::FalseProof => "false_proof",
            Self::TooMany => "too_many",
            Self::Busy => "busy",
            Self::NoRoom => "no_room",
            Self::UnknownSession => "unknown_session",
        }
    }

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

impl From<DecodeError> for Offence {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLarge { size, max } => Self::TooLarge { size, max },
            DecodeError::Version(version) => Self::Version(version),
            DecodeError::Malformed => Self::Malformed,
        }
    }
}
