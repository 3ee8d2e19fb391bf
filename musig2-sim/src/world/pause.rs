//! Nodes that stand still for a while.

use super::World;
use super::host::Stillness;
use crate::network::NodeId;
use crate::oracle::Engine;
use crate::queue::Happening;
use crate::time::Micros;
use crate::trace::Action;

impl<C: Engine> World<C> {
    /// Lets a node stand still from now on, until [`World::resume`] or a crash: it hears nothing, is not woken, and its application
    /// orders nothing. What comes meanwhile is lost where it is `deaf`, and waits where it is not. Without effect where it is not running
    /// or stands still already.
    ///
    /// # Panics
    /// Where the plan has no such node.
    pub fn pause(&mut self, node: NodeId, deaf: bool) {
        if self.node(node).is_some() && !self.is_paused(node) {
            let host = &mut self.hosts[node.as_usize()];
            host.wake = None;
            host.stillness = Some(Stillness { deaf, waiting: Vec::new() });
            self.note(node, Action::Paused { deaf });
        }
    }

    /// Lets a node that stands still go on: what waits for it comes at once, in the order in which it came. Without effect on others.
    ///
    /// # Panics
    /// Where the plan has no such node.
    pub fn resume(&mut self, node: NodeId) {
        let Some(Stillness { waiting, .. }) = self.hosts[node.as_usize()].stillness.take() else {
            return;
        };
        self.note(node, Action::Resumed);
        waiting.into_iter().for_each(|happening| self.queue.add(self.now, happening));
        self.read_clock(node);
    }

    /// Whether a node stands still.
    ///
    /// # Panics
    /// Where the plan has no such node.
    pub fn is_paused(&self, node: NodeId) -> bool {
        self.hosts[node.as_usize()].stillness.is_some()
    }

    pub(super) fn pause_as_planned(&mut self, node: NodeId, until: Micros, deaf: bool) {
        if self.node(node).is_some() && !self.is_paused(node) {
            self.pause(node, deaf);
            let starts = self.hosts[node.as_usize()].starts;
            self.queue.add(until, Happening::Resume { node, starts });
        }
    }

    /// Keeps what happens to a node that stands still for later. What its application would do waits in any case.
    pub(super) fn put_off(&mut self, happening: Happening) -> Option<Happening> {
        let Some(node) = self.concerns(&happening) else { return Some(happening) };
        let Some(stillness) = &mut self.hosts[node.as_usize()].stillness else {
            return Some(happening);
        };
        match happening {
            Happening::Arrive(arrival) if stillness.deaf => self.miss(&arrival),
            Happening::PeerLost { .. } | Happening::PeerConnected { .. } if stillness.deaf => {}
            happening => stillness.waiting.push(happening),
        }
        None
    }

    /// The node that must run for this to happen to it. (A deadline passes without one.)
    fn concerns(&self, happening: &Happening) -> Option<NodeId> {
        match happening {
            Happening::Arrive(arrival) => Some(arrival.to),
            Happening::Order { node, .. }
            | Happening::PeerLost { node, .. }
            | Happening::PeerConnected { node, .. } => Some(*node),
            Happening::Propose(session) => {
                self.plan.sessions.get(*session).map(|plan| plan.coordinator)
            }
            _ => None,
        }
    }

    /// What waited for a node is lost with it.
    pub(super) fn lose_waiting(&mut self, node: NodeId) {
        let stillness = self.hosts[node.as_usize()].stillness.take();
        for happening in stillness.into_iter().flat_map(|stillness| stillness.waiting) {
            // Nobody remembers what was to be proposed.
            if let Happening::Arrive(arrival) = happening {
                self.miss(&arrival);
            }
        }
    }
}
