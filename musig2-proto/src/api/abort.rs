//! Why a session ends without signatures.

use crate::api::view::Phase;
use crate::base::bytes::Hex;
use crate::base::ids::SignerIndex;
use crate::rules::conviction::Fault;
use crate::wire::proof::Evidence;
use crate::wire::statement::{AbortReason, DeclineReason};
use core::fmt;
use serde::{Serialize, Serializer};

/// Why a node takes no further part in a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AbortCause {
    /// A signer ended its part. That signer may be this node itself.
    BySigner {
        /// The signer.
        signer: SignerIndex,
        /// Its reason.
        reason: AbortReason,
    },
    /// This node's application declined the session.
    Declined,
    /// This node's application had not decided, and all places were taken
    /// ([`max_discovered_sessions`](crate::Config::max_discovered_sessions)). The session made room
    /// for one whose author has fewer sessions waiting here. It can be discovered again.
    MadeRoom,
    /// Another signer declined this session, which this node proposed: see
    /// [`Config::on_decline`](crate::Config::on_decline). Nobody is at fault.
    SignerDeclined {
        /// The signer that declined.
        signer: SignerIndex,
        /// The reason that it stated.
        reason: DeclineReason,
    },
    /// A phase ran out of time.
    TimedOut {
        /// The phase.
        phase: Phase,
        /// The signers that were awaited. Silence proves nothing: they may be honest.
        awaiting: Vec<SignerIndex>,
    },
    /// The session expired.
    Expired {
        /// The signers that were awaited.
        awaiting: Vec<SignerIndex>,
    },
    /// A signer broke the protocol, and this proves it.
    Convicted {
        /// The signer.
        signer: SignerIndex,
        /// What it did.
        fault: Fault,
        /// The proof, which anyone can check with [`Evidence::verify`]. It can never name a signer
        /// that follows the protocol, with one exception: [`Fault::RestartLimit`] can name a signer
        /// that lost its memory nine times, and each time was told of none of its earlier joins.
        /// That signer has restarted too often.
        #[serde(serialize_with = "in_hex")]
        evidence: Box<Evidence>,
    },
    /// This node's key also signs this session elsewhere: in another process, on another machine,
    /// or in a copy of this one.
    RivalInstance,
}

impl AbortCause {
    /// Returns the cause as a word for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::BySigner { .. } => "by_signer",
            Self::Declined => "declined",
            Self::MadeRoom => "made_room",
            Self::SignerDeclined { .. } => "signer_declined",
            Self::TimedOut { .. } => "timed_out",
            Self::Expired { .. } => "expired",
            Self::Convicted { .. } => "convicted",
            Self::RivalInstance => "rival_instance",
        }
    }
}

/// Serialises the bytes of [`Evidence::to_bytes`] as hex.
fn in_hex<S: Serializer>(evidence: &Evidence, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&Hex(&evidence.to_bytes()))
}

/// The cause as a sentence for people. It names signers by their positions in the manifest. An
/// application that knows their names can say more.
impl fmt::Display for AbortCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BySigner { signer, reason } => write!(f, "signer {signer} ended it: {reason}"),
            Self::Declined => f.write_str("declined by this node's application"),
            Self::MadeRoom => f.write_str("removed to make room for another session"),
            Self::SignerDeclined { signer, reason } => {
                write!(f, "signer {signer} declined: {reason}")
            }
            Self::TimedOut { phase, awaiting } => {
                write!(f, "timed out in phase {phase}, waiting for {}", Places(awaiting))
            }
            Self::Expired { awaiting } => write!(f, "expired, waiting for {}", Places(awaiting)),
            Self::Convicted { signer, fault, .. } => {
                write!(f, "signer {signer} broke the protocol: {fault}")
            }
            Self::RivalInstance => {
                f.write_str("this node's key signs in this session elsewhere as well")
            }
        }
    }
}

struct Places<'a>(&'a [SignerIndex]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("nobody"),
            [one] => write!(f, "signer {one}"),
            [first, rest @ ..] => {
                write!(f, "signers {first}")?;
                rest.iter().try_for_each(|place| write!(f, ", {place}"))
            }
        }
    }
}
