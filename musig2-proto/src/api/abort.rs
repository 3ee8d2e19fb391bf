//! Why a session ends without signatures.

use crate::api::view::Phase;
use crate::base::ids::SignerIndex;
use crate::rules::conviction::Fault;
use crate::wire::proof::Evidence;
use crate::wire::statement::{AbortReason, DeclineReason};

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
