//! Nodes that stand still for a while.

use super::World;
use super::host::Stillness;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::queue::Happening;
use crate::time::Micros;
use crate::trace::Action;

impl<C: Engine> World<C> {
    /// Pauses a node from now on, until [`World::resume`] or a crash: it hears nothing, is not
    /// woken, and its application orders nothing. If `deaf`, messages that arrive meanwhile are
    /// lost; otherwise they wait. Has no effect if the node is not running or is paused already.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn pause(&mut self, node: NodeId, deaf: bool) {
        if self.node(node).is_some() && !self.is_paused(node) {
            let host = &mut self.hosts[node.as_usize()];
            host.wake = None;
            host.stillness = Some(Stillness { deaf, waiting: Vec::new() });
            self.note(node, Action::Paused { deaf });
        }
    }

    /// Lets a paused node continue: everything that waits for it happens at once, in its order of
    /// arrival. Has no effect if the node is not paused.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn resume(&mut self, node: NodeId) {
        let Some(Stillness { waiting, .. }) = self.hosts[node.as_usize()].stillness.take() else {
            return;
        };
        self.note(node, Action::Resumed);
        waiting.into_iter().for_each(|happening| self.queue.add(self.now, happening));
        self.read_clock(node);
    }

    /// Returns whether a node is paused.
    ///
    /// # Panics
    /// If the plan has no such node.
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

    /// Puts off what happens to a paused node. Messages to a deaf node are lost; what its
    /// application would do waits in any case.
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

    /// Returns the node that must be running for this to happen. (A deadline simply passes while
    /// its node is paused.)
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

    /// Drops what waited for a paused node when the node crashes.
    pub(super) fn lose_waiting(&mut self, node: NodeId) {
        let stillness = self.hosts[node.as_usize()].stillness.take();
        for happening in stillness.into_iter().flat_map(|stillness| stillness.waiting) {
            // Proposals and orders vanish: after a crash, nobody remembers them.
            if let Happening::Arrive(arrival) = happening {
                self.miss(&arrival);
            }
        }
    }
}
