//! A plan from a seed alone.

use super::{Plan, SessionPlan};
use crate::chance::{Chance, Decision, Domain, Probability};
use crate::network::{Latency, NodeId, Partition};
use crate::time::Micros;
use musig2_proto::{Config, Item, Message, Topology, Tweak};

impl Plan {
    /// A plan of two to five nodes and one to three sessions on a faulty network that heals after 20 s at the latest.
    /// Every signer is honest, approves everything and starts within 5 s, so that every session must complete.
    pub fn from_seed(seed: u64) -> Self {
        let mut draw = Draws { chance: Chance::new(seed), drawn: 0 };
        let nodes = draw.small(2, 5);
        let topology = if draw.small(0, 3) == 0 { Topology::Hub } else { Topology::Mesh };
        let mut plan = Self::new(nodes)
            .with_seed(seed)
            .with_config(Config::default().with_topology(topology))
            .with_latency(Latency::Uniform { least: draw.millis(1, 20), most: draw.millis(20, 400) })
            .with_loss(draw.probability(250_000))
            .with_duplication(draw.probability(250_000))
            .with_delays(
                draw.probability(100_000),
                Latency::Uniform { least: draw.millis(100, 1_000), most: draw.millis(1_000, 5_000) },
            )
            .with_heal_at(draw.millis(0, 20_000));
        plan.known_contacts = draw.small(0, 1) == 0;
        for node in NodeId::first(nodes) {
            if draw.small(0, 5) == 0 {
                plan = plan.with_late_start(node, draw.millis(0, 5_000));
            }
        }
        if draw.small(0, 2) == 0 {
            let split = draw.small(1, nodes - 1);
            let from = draw.millis(0, 2_000);
            let partition =
                Partition::new(NodeId::first(split), NodeId::first(nodes).filter(|node| node.get() >= split));
            plan = plan.with_partition(partition.during(from, from + draw.millis(0, 10_000)));
        }
        for _ in 0..draw.small(1, 3) {
            plan = plan.with_session(draw.session(nodes));
        }
        plan
    }
}

struct Draws {
    chance: Chance,
    drawn: u64,
}

impl Draws {
    fn number(&mut self, least: u64, most: u64) -> u64 {
        let decision = Decision::of_node(Domain::Plan, NodeId::new(0), self.drawn);
        self.drawn += 1;
        self.chance.within(least, most, decision)
    }

    fn small(&mut self, least: u16, most: u16) -> u16 {
        u16::try_from(self.number(least.into(), most.into())).unwrap_or(most)
    }

    fn millis(&mut self, least: u64, most: u64) -> Micros {
        Micros::new(self.number(least * 1_000, most * 1_000))
    }

    fn probability(&mut self, most: u32) -> Probability {
        Probability::per_million(u32::try_from(self.number(0, most.into())).unwrap_or(most))
    }

    fn session(&mut self, nodes: u16) -> SessionPlan {
        let signers = self.small(2, nodes);
        let coordinator = NodeId::new(self.small(0, signers - 1));
        let items = (0..self.small(1, 3)).map(|_| self.item()).collect::<Vec<_>>();
        SessionPlan::new(NodeId::first(signers))
            .proposed_by(coordinator)
            .at(self.millis(5_000, 8_000))
            .with_items(items)
    }

    fn item(&mut self) -> Item {
        let [high, low] = [self.small(0, u16::MAX), self.small(0, u16::MAX)].map(u16::to_be_bytes);
        let mut message = [0; 32];
        for (place, byte) in message.iter_mut().zip([high, low].concat()) {
            *place = byte;
        }
        let item = Item::new(Message::new(message));
        match self.small(0, 1) {
            0 => item,
            // One tweak is within every limit.
            _ => item.clone().with_tweaks(vec![Tweak::BIP86]).unwrap_or(item),
        }
    }
}
