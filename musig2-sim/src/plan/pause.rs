//! Pauses: nodes that stand still for a while.

use super::Plan;
use crate::ids::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// A pause. The node stands still, as a stopped process or a sleeping machine does: it hears
/// nothing, is not woken, and its application orders nothing. Then it continues where it was, with
/// whatever its clock shows by then. A crash ends a pause, and so does the healing of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Pause {
    /// Who pauses. A pause of a node that is not running, or is paused already, has no effect.
    pub node: NodeId,
    /// When it begins.
    pub from: Micros,
    /// When it ends: the first moment at which the node runs again.
    pub until: Micros,
    /// Whether messages that arrive meanwhile are lost. Otherwise they wait, and the node hears
    /// them first when it continues.
    pub deaf: bool,
}

impl Plan {
    /// Pauses a node from one moment until another. Messages that arrive meanwhile wait.
    #[must_use]
    pub fn with_pause(self, node: NodeId, from: Micros, until: Micros) -> Self {
        self.add_pause(Pause { node, from, until, deaf: false })
    }

    /// Pauses a node from one moment until another. Messages that arrive meanwhile are lost.
    #[must_use]
    pub fn with_deaf_pause(self, node: NodeId, from: Micros, until: Micros) -> Self {
        self.add_pause(Pause { node, from, until, deaf: true })
    }

    fn add_pause(mut self, pause: Pause) -> Self {
        self.pauses.push(pause);
        self
    }
}
