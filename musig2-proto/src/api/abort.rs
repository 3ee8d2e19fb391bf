//! Why a session ends without signatures.

use crate::api::view::Phase;
use crate::base::ids::SignerIndex;
use crate::rules::conviction::Fault;
use crate::wire::proof::Evidence;
use crate::wire::statement::{AbortReason, DeclineReason};
use core::fmt;

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

impl AbortCause {
    /// A word for programs.
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

/// A sentence for people. Signers are named by their places in the manifest: an application that knows their names says more.
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
