//! What a behaviour tells its swarm's owner.

use super::conduct::Consequence;
use crate::frames::Undelivered;
use libp2p::PeerId;
use musig2_proto::{Offence, Severity};

/// What a [`Behaviour`](crate::Behaviour) tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Publish these bytes on the topic that announcements travel on. Where nobody listens at the moment, drop them: they come again.
    Publish(Vec<u8>),
    /// Something happened in a session.
    Session(musig2_proto::Event),
    /// A peer sent something it should not have. Nothing needs to be done.
    Offence {
        /// Who: the last hop, perhaps only a relay.
        peer: PeerId,
        /// What was wrong.
        offence: Offence,
        /// What was done about it.
        consequence: Consequence,
    },
    /// A peer opens substreams faster than there is any use for. Nothing needs to be done.
    Churn {
        /// Who.
        peer: PeerId,
        /// What was done about it.
        consequence: Consequence,
    },
    /// The last connection to a co-signer of an open session is closed. It is dialled when there is something to send to it.
    ConnectionLost {
        /// Whose.
        peer: PeerId,
    },
    /// A peer that frames wait for could not be dialled. It is dialled again while they wait; if you can find other addresses
    /// of the peer, give them to [`Behaviour::add_addresses`](crate::Behaviour::add_addresses).
    DialFailed {
        /// Whom.
        peer: PeerId,
        /// Why, for people.
        error: String,
    },
    /// Frames did not reach a peer. Nothing needs to be done: the core sends again what still matters.
    Undelivered {
        /// Whom.
        peer: PeerId,
        /// How many.
        frames: usize,
        /// Why.
        reason: Undelivered,
    },
    /// All that was sent before [`Behaviour::finish`](crate::Behaviour::finish) has been read by its receivers, or is lost.
    Finished,
}

/// What to do with a published announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is well-formed, signed and timely: pass it on.
    Accept,
    /// It is of no use here, and nobody is to blame: do not pass it on.
    Ignore,
    /// No correct peer passes this on.
    Reject,
}

impl Acceptance {
    /// By the worst that the core found wrong with it.
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
