//! Decides what becomes of each message.

use super::capacity::Pipes;
use super::target::Targets;
use super::{Alteration, Blow, Delivery, Network, NetworkModel, Passage};
use crate::chance::{Chance, Decision, Domain};
use crate::ids::NodeId;
use crate::time::Micros;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Directly from node to node.
    Frame,
    /// On the announcement topic.
    Gossip,
}

/// What became of a message when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It was lost, by chance or because the plan says so.
    Lost,
    /// It was lost in a partition.
    Cut,
    /// It was lost in front of a link whose queue was full.
    Crowded,
    /// It was sent to an address that no node has.
    Nowhere,
    /// It is in flight.
    Arrives {
        /// When it arrives.
        at: Micros,
        /// When it arrives again, if it is duplicated.
        again: Option<Micros>,
        /// Whether it comes after everything else that arrives at that moment, the last one sent
        /// first.
        reversed: bool,
        /// How it was altered, if it was. A duplicate is altered in the same way.
        altered: Option<Alteration>,
    },
}

/// A message with its fate.
pub(crate) struct Routed {
    pub(crate) fate: Fate,
    /// The bytes as they arrive.
    pub(crate) bytes: Arc<[u8]>,
}

/// Decides the fate of each message. Remembers how many messages went over each link (one count for
/// each channel and pair of nodes), when each link is free, and how many messages matched each
/// target.
pub(crate) struct Router {
    network: Network,
    /// Decides instead of the network, if there is one.
    model: Option<Box<dyn NetworkModel>>,
    nodes: u16,
    chance: Chance,
    sent: BTreeMap<(Channel, NodeId, NodeId), u64>,
    pipes: Pipes,
    targets: Targets,
}

impl Router {
    /// Makes a router for this many nodes.
    pub(crate) fn new(network: Network, nodes: u16, chance: Chance) -> Self {
        let (sent, pipes, targets) =
            (BTreeMap::new(), Pipes::default(), Targets::new(&network.targets));
        Self { network, model: None, nodes, chance, sent, pipes, targets }
    }

    /// Lets a model decide from now on.
    pub(crate) fn follow(&mut self, model: Box<dyn NetworkModel>) {
        self.model = Some(model);
    }

    pub(crate) fn route(
        &mut self,
        now: Micros,
        channel: Channel,
        from: NodeId,
        to: NodeId,
        sent: &Arc<[u8]>,
    ) -> Routed {
        let count = self.sent.entry((channel, from, to)).or_default();
        let counter = *count;
        *count += 1;
        let decision = |domain| Decision { domain, from, to, counter };
        let domains = match channel {
            Channel::Frame => &FRAME,
            Channel::Gossip => &GOSSIP,
        };
        let mut bytes = Arc::clone(sent);
        if let Some(model) = &mut self.model {
            let rng = &mut self.chance.generator(decision(domains.model));
            let delivery = model.carry(&mut Passage {
                now,
                channel,
                from,
                to,
                bytes: sent,
                number: counter,
                rng,
            });
            return Routed { fate: fate_of(now, delivery), bytes };
        }
        let link = self.network.link(channel, from, to);
        let latency = link.latency.draw(&self.chance, decision(domains.latency));
        if self.network.heals_at.is_some_and(|heal| now >= heal) {
            let fate =
                Fate::Arrives { at: now + latency, again: None, reversed: false, altered: None };
            return Routed { fate, bytes };
        }
        let happens = |probability, domain| self.chance.happens(probability, decision(domain));
        let blows = self.targets.strike(channel, from, to, sent);
        // A message that is lost behind the link still took its place in the queue. So whether it
        // is lost changes nothing for other messages.
        let gone = match link.capacity {
            Some(capacity) => self.pipes.take(now, (channel, from, to), capacity, sent.len()),
            None => Some(now),
        };
        let cut = match channel {
            Channel::Frame => self.network.cuts(now, from, to),
            Channel::Gossip => self.network.separates(now, self.nodes, from, to),
        };
        let fate = if let (Some(gone), false) = (gone, cut) {
            if blows.contains(&Blow::Lost) || happens(link.loss, domains.loss) {
                return Routed { fate: Fate::Lost, bytes };
            }
            let mut at = link.reversal.map_or(gone, |window| reversed(gone, window)) + latency;
            if happens(link.delayed, domains.delay) {
                at += link.delay.draw(&self.chance, decision(domains.delay_length));
            }
            let mut again = happens(link.duplication, domains.duplication)
                .then(|| link.latency.draw(&self.chance, decision(domains.duplicate_latency)));
            let mut altered = happens(link.corruption, domains.corruption);
            for blow in blows {
                match blow {
                    Blow::Lost => {}
                    Blow::Delayed(delay) => at += delay,
                    Blow::Repeated(later) => again = Some(later),
                    Blow::Altered => altered = true,
                }
            }
            let altered = altered.then(|| {
                let mut other = sent.to_vec();
                let alteration =
                    Alteration::of(&mut other, &self.chance, decision(domains.alteration));
                bytes = other.into();
                alteration
            });
            let again = again.map(|later| at + later);
            Fate::Arrives { at, again, reversed: link.reversal.is_some(), altered }
        } else if cut {
            Fate::Cut
        } else {
            Fate::Crowded
        };
        Routed { fate, bytes }
    }
}

fn fate_of(now: Micros, delivery: Delivery) -> Fate {
    let (first, again) = match delivery {
        Delivery::Lost => return Fate::Lost,
        Delivery::After(first) => (first, None),
        Delivery::Twice(first, again) => (first, Some(now + again)),
    };
    Fate::Arrives { at: now + first, again, reversed: false, altered: None }
}

/// Returns the moment that is as far after the end of the window as `now` is before it.
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
    corruption: Domain,
    alteration: Domain,
    model: Domain,
}

const FRAME: Domains = Domains {
    loss: Domain::FrameLoss,
    latency: Domain::FrameLatency,
    duplication: Domain::FrameDuplication,
    duplicate_latency: Domain::FrameDuplicateLatency,
    delay: Domain::FrameDelay,
    delay_length: Domain::FrameDelayLength,
    corruption: Domain::FrameCorruption,
    alteration: Domain::FrameAlteration,
    model: Domain::FrameModel,
};

const GOSSIP: Domains = Domains {
    loss: Domain::GossipLoss,
    latency: Domain::GossipLatency,
    duplication: Domain::GossipDuplication,
    duplicate_latency: Domain::GossipDuplicateLatency,
    delay: Domain::GossipDelay,
    delay_length: Domain::GossipDelayLength,
    corruption: Domain::GossipCorruption,
    alteration: Domain::GossipAlteration,
    model: Domain::GossipModel,
};

#[cfg(test)]
mod tests;
