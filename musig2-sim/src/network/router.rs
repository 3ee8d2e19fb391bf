//! Decides what becomes of each message.

use super::{Network, NodeId};
use crate::chance::{Chance, Decision, Domain};
use crate::time::Micros;
use std::collections::BTreeMap;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    nodes: u16,
    chance: Chance,
    sent: BTreeMap<(Channel, NodeId, NodeId), u64>,
}

impl Router {
    /// For this many nodes.
    pub(crate) fn new(network: Network, nodes: u16, chance: Chance) -> Self {
        Self { network, nodes, chance, sent: BTreeMap::new() }
    }

    pub(crate) fn route(&mut self, now: Micros, channel: Channel, from: NodeId, to: NodeId) -> Fate {
        let count = self.sent.entry((channel, from, to)).or_default();
        let decision = |domain| Decision { domain, from, to, counter: *count };
        let (link, domains) = match channel {
            Channel::Frame => (&self.network.frames, &FRAME),
            Channel::Gossip => (&self.network.gossip, &GOSSIP),
        };
        let faults = self.network.heals_at.is_none_or(|heal| now < heal);
        let cut = || match channel {
            Channel::Frame => self.network.cuts(now, from, to),
            Channel::Gossip => self.network.separates(now, self.nodes, from, to),
        };
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
    use super::super::{Latency, Link, Partition};
    use super::*;
    use crate::chance::Probability;

    const ALICE: NodeId = NodeId::new(0);
    const BOB: NodeId = NodeId::new(1);

    fn router(network: Network) -> Router {
        Router::new(network, 3, Chance::new(1))
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
        let gossip = |network: &Network| router(network.clone()).route(from, Channel::Gossip, ALICE, BOB);
        assert_ne!(gossip(&network), Fate::Cut, "the third node carries it");
        let all = Partition::new([ALICE], [BOB, NodeId::new(2)]);
        assert_eq!(gossip(&Network { partitions: vec![all], ..Network::default() }), Fate::Cut);
        let one_way =
            Network { partitions: vec![Partition::new([ALICE], [BOB]).one_way()], ..Network::default() };
        assert!(cut(&one_way, from, ALICE, BOB) && !cut(&one_way, from, BOB, ALICE));
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
