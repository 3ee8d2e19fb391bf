//! Offences: what a peer should not have sent.

use crate::base::codec::DecodeError;
use crate::base::ids::Source;
use crate::rules::agreement::ManifestError;
use core::fmt;
use core::time::Duration;

/// A peer sent something it should not have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The peer that it came from, as the transport says. It may only have relayed it.
    pub source: Source,
    /// What was wrong.
    pub offence: Offence,
}

impl Report {
    /// Makes a report, for tests of adapters.
    pub const fn new(source: Source, offence: Offence) -> Self {
        Self { source, offence }
    }
}

/// What was wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Offence {
    /// It is larger than `max_frame_size`.
    #[error("{size} bytes; at most {max} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest that is allowed.
        max: usize,
    },
    /// It is in another version of the protocol.
    #[error("protocol version {0}; this node speaks {own}", own = crate::base::codec::VERSION)]
    Version(u8),
    /// It is not a message, or not in its one canonical encoding.
    #[error("malformed")]
    Malformed,
    /// It names a signer that the session does not have, or has lists of the wrong length for the
    /// session.
    #[error("does not fit the session's manifest")]
    Misfit,
    /// A signature on a statement or announcement does not verify.
    #[error("a signature does not verify")]
    BadSignature,
    /// An announcement's manifest breaks a rule.
    #[error("manifest refused: {0}")]
    Manifest(#[from] ManifestError),
    /// The final signatures do not verify.
    #[error("final signatures that do not verify")]
    FalseSignatures,
    /// A hello's time is too far from this node's clock: the clocks differ, or someone is repeating
    /// it.
    #[error("its timestamp is {0:?} off this node's clock")]
    Stale(Duration),
    /// A statement bears this node's own key and boot, but this node never made it.
    #[error("a statement in the name of this node's own life that this node did not make")]
    Impersonation,
    /// An abort contains a proof that proves nothing.
    #[error("a proof that proves nothing")]
    FalseProof,
    /// The source asks for more signature checks than one source is allowed.
    #[error("more signatures to check than one source is allowed")]
    TooMany,
    /// There are more publications to check than there is time for. The source only passed them on.
    #[error("more publications to check than one relay is allowed")]
    Busy,
    /// There is no room for more discovered sessions.
    #[error("no room for more sessions")]
    NoRoom,
    /// It is about a session that this node does not know.
    #[error("unknown session")]
    UnknownSession,
}

/// How bad an offence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Honest peers do this occasionally: a late message, a different configuration.
    Benign,
    /// An honest relay may pass this on, but rarely.
    Suspicious,
    /// No correct implementation sends this.
    Malicious,
}

impl Severity {
    /// Returns the severity as a word for programs.
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
    /// Returns the offence as a word for programs.
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

    /// Returns how bad the offence is. An adapter can use this to score, slow down or disconnect a
    /// peer.
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
