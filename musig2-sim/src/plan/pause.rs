//! Pauses: nodes that stand still for a while.

use super::Plan;
use crate::network::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// A node stands still, as a stopped process or a sleeping machine does: it hears nothing, is not woken, and its application orders
/// nothing. Then it goes on where it was, by whatever its clock shows by then. A crash ends it, and so does the network's healing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pause {
    /// Who. Without effect while it is not running or stands still already.
    pub node: NodeId,
    /// The first moment of it.
    pub from: Micros,
    /// The first moment after it.
    pub until: Micros,
    /// Whether what comes meanwhile is lost; else it waits, and is heard first when the node goes on.
    pub deaf: bool,
}

impl Plan {
    /// Lets a node stand still from one moment until another. What comes meanwhile waits.
    #[must_use]
    pub fn with_pause(self, node: NodeId, from: Micros, until: Micros) -> Self {
        self.add_pause(Pause { node, from, until, deaf: false })
    }

    /// Lets a node stand still from one moment until another. What comes meanwhile is lost.
    #[must_use]
    pub fn with_deaf_pause(self, node: NodeId, from: Micros, until: Micros) -> Self {
        self.add_pause(Pause { node, from, until, deaf: true })
    }

    fn add_pause(mut self, pause: Pause) -> Self {
        self.pauses.push(pause);
        self
    }
}
