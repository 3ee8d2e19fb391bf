//! What the network does to a message: how late it comes, whether it comes at all, and whether it comes twice.

use crate::chance::{Chance, Decision, Domain, Probability};
use crate::time::Micros;
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A node's number, from 0. Not a signer's index: that is the place of its key in a session's sorted list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(u16);

impl NodeId {
    /// From a number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// As a number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The first `count` nodes.
    pub fn first(count: u16) -> impl Iterator<Item = Self> + Clone {
        (0..count).map(Self)
    }

    pub(crate) const fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// The bytes of this node's contact and source handle.
    pub(crate) const fn address(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    pub(crate) fn from_address(address: &[u8]) -> Option<Self> {
        address.try_into().ok().map(u16::from_be_bytes).map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// The network between all nodes. [`Default`] is a calm one: 10 ms everywhere, no faults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Network {
    /// How frames travel, on each link of two nodes.
    pub frames: Link,
    /// How publications travel from their author to each other node.
    pub gossip: Link,
    /// When whom cannot reach whom.
    pub partitions: Vec<Partition>,
    /// From when on nothing is lost, duplicated, delayed, reversed or cut any more. Latency stays.
    pub heals_at: Option<Micros>,
}

/// How messages travel from one node to another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// How long a message takes. Messages overtake each other where it varies.
    pub latency: Latency,
    /// How often a message is lost.
    pub loss: Probability,
    /// How often a message that is not lost comes a second time, another latency later.
    pub duplication: Probability,
    /// How often a message takes `delay` longer.
    pub delayed: Probability,
    /// How much longer.
    pub delay: Latency,
    /// Messages sent within one window of this length arrive in the reverse of the order they were sent in.
    pub reversal: Option<Micros>,
}

/// A length of time, certain or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Latency {
    /// Always this long.
    Constant(Micros),
    /// From `least` to `most`, both included, each equally likely.
    Uniform {
        /// The shortest.
        least: Micros,
        /// The longest.
        most: Micros,
    },
}

impl Latency {
    fn draw(self, chance: &Chance, decision: Decision) -> Micros {
        match self {
            Self::Constant(latency) => latency,
            Self::Uniform { least, most } => Micros::new(chance.within(least.get(), most.get(), decision)),
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self::Constant(Micros::from_millis(10))
    }
}

/// Two groups of nodes that cannot reach each other for a time: what one sends to the other in it is lost. Nodes in
/// neither group reach everyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Partition {
    /// These.
    pub one: BTreeSet<NodeId>,
    /// And those.
    pub other: BTreeSet<NodeId>,
    /// The first moment of it.
    pub from: Micros,
    /// The first moment after it.
    pub until: Micros,
    /// How long the transport takes to notice and to say so with `Input::PeerLost`; it then also says
    /// `Input::PeerConnected` when the partition is over. `None`: it never notices.
    pub noticed_after: Option<Micros>,
}

impl Partition {
    /// Between these groups, from the beginning of the world until [`Network::heals_at`].
    pub fn new(one: impl IntoIterator<Item = NodeId>, other: impl IntoIterator<Item = NodeId>) -> Self {
        Self {
            one: one.into_iter().collect(),
            other: other.into_iter().collect(),
            from: Micros::ZERO,
            until: Micros::new(u64::MAX),
            noticed_after: None,
        }
    }

    /// From this moment until before that one.
    #[must_use]
    pub fn during(self, from: Micros, until: Micros) -> Self {
        Self { from, until, ..self }
    }

    /// Noticed by the transport after this time.
    #[must_use]
    pub fn noticed_after(self, delay: Micros) -> Self {
        Self { noticed_after: Some(delay), ..self }
    }

    fn separates(&self, from: NodeId, to: NodeId) -> bool {
        let across = |one: &BTreeSet<_>, other: &BTreeSet<_>| one.contains(&from) && other.contains(&to);
        across(&self.one, &self.other) || across(&self.other, &self.one)
    }

    fn cuts(&self, at: Micros, from: NodeId, to: NodeId) -> bool {
        (self.from..self.until).contains(&at) && self.separates(from, to)
    }

    /// Each ordered pair that it separates.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        let pairs = self.one.iter().flat_map(|&one| self.other.iter().map(move |&other| (one, other)));
        pairs.flat_map(|(one, other)| [(one, other), (other, one)])
    }
}

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// From node to node.
    Frame,
    /// On the announcement topic.
    Gossip,
}

/// What became of a message when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Lost by chance.
    Lost,
    /// Lost in a partition.
    Cut,
    /// Sent to an address that is no node's.
    Nowhere,
    /// On its way.
    Arrives {
        /// When.
        at: Micros,
        /// When once more, where it is duplicated.
        again: Option<Micros>,
        /// Whether it comes after everything else that arrives at that moment, last sent first.
        reversed: bool,
    },
}

/// Decides the fate of each message. Remembers only how many there were on each link (at most one count for each
/// channel and pair of nodes).
pub(crate) struct Router {
    network: Network,
    chance: Chance,
    sent: BTreeMap<(Channel, NodeId, NodeId), u64>,
}

impl Router {
    pub(crate) fn new(network: Network, chance: Chance) -> Self {
        Self { network, chance, sent: BTreeMap::new() }
    }

    pub(crate) fn route(&mut self, now: Micros, channel: Channel, from: NodeId, to: NodeId) -> Fate {
        let count = self.sent.entry((channel, from, to)).or_default();
        let decision = |domain| Decision { domain, from, to, counter: *count };
        let (link, domains) = match channel {
            Channel::Frame => (&self.network.frames, &FRAME),
            Channel::Gossip => (&self.network.gossip, &GOSSIP),
        };
        let faults = self.network.heals_at.is_none_or(|heal| now < heal);
        let cut = || self.network.partitions.iter().any(|partition| partition.cuts(now, from, to));
        let fate = if faults && cut() {
            Fate::Cut
        } else if faults && self.chance.happens(link.loss, decision(domains.loss)) {
            Fate::Lost
        } else {
            let latency = link.latency.draw(&self.chance, decision(domains.latency));
            let window = link.reversal.filter(|_| faults);
            let mut at = match window {
                Some(window) => reversed(now, window) + latency,
                None => now + latency,
            };
            if faults && self.chance.happens(link.delayed, decision(domains.delay)) {
                at = at + link.delay.draw(&self.chance, decision(domains.delay_length));
            }
            let twice = faults && self.chance.happens(link.duplication, decision(domains.duplication));
            let again =
                twice.then(|| at + link.latency.draw(&self.chance, decision(domains.duplicate_latency)));
            Fate::Arrives { at, again, reversed: window.is_some() }
        };
        *count += 1;
        fate
    }
}

/// As far after the end of its window as `now` is before it.
fn reversed(now: Micros, window: Micros) -> Micros {
    let window = window.get().max(1);
    let end = (now.get() / window).saturating_add(1).saturating_mul(window);
    Micros::new(end.saturating_add(end - now.get()))
}

struct Domains {
    loss: Domain,
    latency: Domain,
    duplication: Domain,
    duplicate_latency: Domain,
    delay: Domain,
    delay_length: Domain,
}

const FRAME: Domains = Domains {
    loss: Domain::FrameLoss,
    latency: Domain::FrameLatency,
    duplication: Domain::FrameDuplication,
    duplicate_latency: Domain::FrameDuplicateLatency,
    delay: Domain::FrameDelay,
    delay_length: Domain::FrameDelayLength,
};

const GOSSIP: Domains = Domains {
    loss: Domain::GossipLoss,
    latency: Domain::GossipLatency,
    duplication: Domain::GossipDuplication,
    duplicate_latency: Domain::GossipDuplicateLatency,
    delay: Domain::GossipDelay,
    delay_length: Domain::GossipDelayLength,
};

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: NodeId = NodeId::new(0);
    const BOB: NodeId = NodeId::new(1);

    fn router(network: Network) -> Router {
        Router::new(network, Chance::new(1))
    }

    fn faulty() -> Network {
        let latency = Latency::Uniform { least: Micros::from_millis(1), most: Micros::from_millis(50) };
        let frames = Link {
            latency,
            loss: Probability::percent(30),
            duplication: Probability::percent(30),
            ..Link::default()
        };
        Network { frames, ..Network::default() }
    }

    fn fates(network: Network, count: usize) -> Vec<Fate> {
        let mut router = router(network);
        (0..count).map(|_| router.route(Micros::ZERO, Channel::Frame, ALICE, BOB)).collect()
    }

    #[test]
    fn a_calm_network_delivers_everything_once_after_its_latency() {
        let at = Micros::from_millis(10);
        assert_eq!(fates(Network::default(), 3), [Fate::Arrives { at, again: None, reversed: false }; 3]);
    }

    #[test]
    fn without_loss_every_other_message_arrives_as_it_did_with_it() {
        let lossless = Link { loss: Probability::NEVER, ..faulty().frames };
        let with = fates(faulty(), 500);
        let without = fates(Network { frames: lossless, ..faulty() }, 500);
        let lost = with.iter().filter(|fate| **fate == Fate::Lost).count();
        assert!((100..200).contains(&lost), "{lost} of 500 lost at 30 %");
        for (with, without) in with.iter().zip(&without) {
            assert!(*with == Fate::Lost || with == without);
        }
    }

    #[test]
    fn a_link_does_not_depend_on_what_goes_over_others() {
        let mut router = router(faulty());
        let alone = fates(faulty(), 20);
        let among_others: Vec<_> = (0..20)
            .map(|_| {
                router.route(Micros::ZERO, Channel::Frame, BOB, ALICE);
                router.route(Micros::ZERO, Channel::Gossip, ALICE, BOB);
                router.route(Micros::ZERO, Channel::Frame, ALICE, BOB)
            })
            .collect();
        assert_eq!(alone, among_others);
    }

    #[test]
    fn a_partition_cuts_both_ways_while_it_lasts_and_healing_ends_it() {
        let [from, until] = [1, 3].map(Micros::from_secs);
        let network = Network {
            partitions: vec![Partition::new([ALICE], [BOB]).during(from, until)],
            ..Network::default()
        };
        let cut = |network: &Network, at, from, to| {
            router(network.clone()).route(at, Channel::Frame, from, to) == Fate::Cut
        };
        assert!(!cut(&network, Micros::from_millis(999), ALICE, BOB));
        assert!(cut(&network, from, ALICE, BOB) && cut(&network, from, BOB, ALICE));
        assert!(!cut(&network, from, ALICE, NodeId::new(2)));
        assert!(!cut(&network, until, ALICE, BOB));
        let healed = Network { heals_at: Some(Micros::from_secs(2)), ..network };
        assert!(cut(&healed, Micros::from_millis(1_999), ALICE, BOB));
        assert!(!cut(&healed, Micros::from_secs(2), ALICE, BOB));
    }

    #[test]
    fn within_a_window_what_is_sent_first_arrives_last() {
        let frames = Link { reversal: Some(Micros::from_millis(100)), ..Link::default() };
        let mut router = router(Network { frames, ..Network::default() });
        let arrivals: Vec<_> = [0, 40, 99, 100]
            .map(|millis| router.route(Micros::from_millis(millis), Channel::Frame, ALICE, BOB))
            .iter()
            .map(|fate| match fate {
                Fate::Arrives { at, reversed: true, .. } => at.get() / 1_000,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(arrivals, [210, 170, 111, 310]);
    }
}
