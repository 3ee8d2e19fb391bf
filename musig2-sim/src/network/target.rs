//! Faults that strike chosen messages: "lose the first partial signatures from node 0 to node 1".

use super::Channel;
use crate::ids::NodeId;
use crate::time::Micros;
use musig2_proto::wire::VERSION;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::statement::Body;
use serde::{Deserialize, Serialize};

/// Something that a message can carry. A frame often carries several of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// The announcement of a session, in a frame or published.
    Announcement,
    /// A join.
    Join,
    /// The nonces of a signer.
    Nonces,
    /// The partial signatures of a signer.
    Partials,
    /// An abort.
    Abort,
    /// The final signatures.
    Signatures,
    /// A request: for statements, or for the announcement.
    Request,
    /// The hello of a signer that lost its memory.
    Hello,
}

/// Chooses messages by what they carry and where they go.
///
/// ```
/// use musig2_sim::{Kind, Micros, NodeId, Pick, Plan};
///
/// let [alice, bob, carol] = [0, 1, 2].map(NodeId::new);
/// let plan = Plan::one_session(3)
///     .with_lost(Pick::first(Kind::Partials).from(alice).to(bob))
///     .with_crash(carol, Micros::from_millis(80), Micros::from_secs(2))
///     .with_heal_at(Micros::from_secs(5));
/// assert_eq!(plan.network.targets.len(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pick {
    /// What the messages carry.
    pub kind: Kind,
    /// Who sends them; anyone if `None`.
    pub from: Option<NodeId>,
    /// To whom they go; anyone if `None`.
    pub to: Option<NodeId>,
    /// Which one of those that match, from 1, in the order of sending; all if `None`.
    pub number: Option<u64>,
}

impl Pick {
    /// Picks every message that carries this.
    pub const fn every(kind: Kind) -> Self {
        Self { kind, from: None, to: None, number: None }
    }

    /// Picks the first message that carries this.
    pub const fn first(kind: Kind) -> Self {
        Self::nth(kind, 1)
    }

    /// Picks the message with this number, from 1, among those that carry this.
    pub const fn nth(kind: Kind, number: u64) -> Self {
        Self { number: Some(number), ..Self::every(kind) }
    }

    /// Restricts the choice to messages from this node.
    #[must_use]
    pub const fn from(self, node: NodeId) -> Self {
        Self { from: Some(node), ..self }
    }

    /// Restricts the choice to messages to this node.
    #[must_use]
    pub const fn to(self, node: NodeId) -> Self {
        Self { to: Some(node), ..self }
    }

    fn fits(&self, channel: Channel, from: NodeId, to: NodeId, bytes: &[u8]) -> bool {
        self.from.is_none_or(|node| node == from)
            && self.to.is_none_or(|node| node == to)
            && self.kind.is_in(channel, bytes)
    }
}

/// A fault, and the messages that it strikes before the network heals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Target {
    /// Which messages.
    pub pick: Pick,
    /// What happens to them.
    pub blow: Blow,
}

/// What happens to a chosen message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Blow {
    /// It is lost.
    Lost,
    /// It takes this much longer.
    Delayed(Micros),
    /// It arrives a second time, this much later.
    Repeated(Micros),
    /// It arrives altered.
    Altered,
}

/// The targets of a network, and how many messages have matched each.
pub(super) struct Targets(Vec<(Target, u64)>);

impl Targets {
    pub(super) fn new(targets: &[Target]) -> Self {
        Self(targets.iter().map(|target| (*target, 0)).collect())
    }

    /// Returns what happens to a message that is being sent.
    pub(super) fn strike(
        &mut self,
        channel: Channel,
        from: NodeId,
        to: NodeId,
        bytes: &[u8],
    ) -> Vec<Blow> {
        let mut blows = Vec::new();
        for (Target { pick, blow }, seen) in &mut self.0 {
            if pick.fits(channel, from, to, bytes) {
                *seen += 1;
                if pick.number.is_none_or(|number| number == *seen) {
                    blows.push(*blow);
                }
            }
        }
        blows
    }
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Announcement,
        Self::Join,
        Self::Nonces,
        Self::Partials,
        Self::Abort,
        Self::Signatures,
        Self::Request,
        Self::Hello,
    ];

    /// Returns whether a message carries this. Bytes that are not a message carry nothing.
    fn is_in(self, channel: Channel, bytes: &[u8]) -> bool {
        let Some((&VERSION, content)) = bytes.split_first() else { return false };
        match channel {
            Channel::Frame => {
                postcard::from_bytes(content).is_ok_and(|frame| self.is_in_frame(&frame))
            }
            Channel::Gossip => match postcard::from_bytes(content) {
                Ok(Publication::Announcement { .. }) => self == Self::Announcement,
                Ok(Publication::Hello { .. }) => self == Self::Hello,
                Err(_) => false,
            },
        }
    }

    fn is_in_frame(self, frame: &Frame) -> bool {
        let says =
            |is: fn(&Body) -> bool| frame.statements.iter().any(|statement| is(&statement.body));
        match self {
            Self::Announcement => frame.announcement.is_some(),
            Self::Join => says(|body| matches!(body, Body::Join(_))),
            Self::Nonces => says(|body| matches!(body, Body::Nonces(_))),
            Self::Partials => says(|body| matches!(body, Body::Partials(_))),
            Self::Abort => says(|body| matches!(body, Body::Abort(_))),
            Self::Signatures => frame.signatures.is_some(),
            Self::Request => frame.request != Request::Nothing,
            Self::Hello => false,
        }
    }
}
