//! What a behaviour tells its swarm's owner.

use super::conduct::Consequence;
use crate::frames::Undelivered;
use libp2p::PeerId;
use musig2_proto::{Offence, Severity};

/// What a [`Behaviour`](crate::Behaviour) tells its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BehaviourEvent {
    /// Publish these bytes on the announcement topic. If nobody listens at the moment, drop them:
    /// the core publishes them again.
    Publish(Vec<u8>),
    /// Something happened in a session.
    Session(musig2_proto::Event),
    /// A peer sent something that it should not have sent. There is nothing to do.
    Offence {
        /// The last hop, which may be only a relay.
        peer: PeerId,
        /// What was wrong.
        offence: Offence,
        /// What was done about it.
        consequence: Consequence,
    },
    /// A peer opens substreams faster than it can have any use for. There is nothing to do.
    Churn {
        /// The peer that opens them.
        peer: PeerId,
        /// What was done about it.
        consequence: Consequence,
    },
    /// The last connection to a co-signer of an open session has closed. The peer is dialled once
    /// there is something to send to it.
    ConnectionLost {
        /// The peer that the connection led to.
        peer: PeerId,
    },
    /// A peer that frames wait for could not be dialled. It is dialled again while they wait. If
    /// you can find other addresses of the peer, give them to
    /// [`Behaviour::add_addresses`](crate::Behaviour::add_addresses).
    DialFailed {
        /// The peer that was dialled.
        peer: PeerId,
        /// The cause, for people.
        error: String,
    },
    /// Frames did not reach a peer. There is nothing to do: the core resends what still matters.
    Undelivered {
        /// The peer that they were for.
        peer: PeerId,
        /// How many frames.
        frames: usize,
        /// Why they did not arrive.
        reason: Undelivered,
    },
    /// All that was sent before [`Behaviour::finish`](crate::Behaviour::finish) has been read by
    /// its receivers, or is lost.
    Finished,
}

/// What to do with a published announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is well-formed, signed and timely: relay it.
    Accept,
    /// It is of no use to this node, and nobody is to blame: do not relay it.
    Ignore,
    /// No correct peer relays this.
    Reject,
}

impl Acceptance {
    /// Decides by the worst thing that the core found wrong with it.
    pub(super) fn from_worst(severity: Option<Severity>) -> Self {
        match severity {
            None => Self::Accept,
            Some(Severity::Malicious) => Self::Reject,
            Some(_) => Self::Ignore,
        }
    }
}

#[cfg(feature = "gossipsub")]
impl From<Acceptance> for libp2p::gossipsub::MessageAcceptance {
    fn from(acceptance: Acceptance) -> Self {
        match acceptance {
            Acceptance::Accept => Self::Accept,
            Acceptance::Ignore => Self::Ignore,
            Acceptance::Reject => Self::Reject,
        }
    }
}
