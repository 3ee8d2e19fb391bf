//! Crashes: nodes that lose everything but their key, and come back.

use super::Plan;
use crate::network::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// A crash with an empty disk. The node is gone, and with it whatever had not left it; what reaches it while it is down
/// is lost. It comes back with the same key and another random generator, and says hello. Its application has forgotten
/// everything, unless [`NodePlan::resumes`](super::NodePlan::resumes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Crash {
    /// Who crashes. Without effect while it is not running.
    pub node: NodeId,
    /// When.
    pub when: CrashMoment,
    /// How long it is down.
    pub down_for: Micros,
}

/// When a node crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CrashMoment {
    /// At this moment.
    At(Micros),
    /// As soon as it has given out so many outputs (frames, publications, events, reports) in all its lives. What the
    /// same call would have given out after that is lost.
    AfterOutput(u64),
}

impl Plan {
    /// Crashes a node at one moment, and lets it come back at another.
    #[must_use]
    pub fn with_crash(self, node: NodeId, at: Micros, back_at: Micros) -> Self {
        let down_for = back_at.saturating_sub(at);
        self.add_crash(Crash { node, when: CrashMoment::At(at), down_for })
    }

    /// Crashes a node right after its output of this number, counted from 1 over all its lives.
    #[must_use]
    pub fn with_crash_after_output(self, node: NodeId, output: u64, down_for: Micros) -> Self {
        self.add_crash(Crash { node, when: CrashMoment::AfterOutput(output), down_for })
    }

    /// Lets every application keep the announcements of its sessions, and resume them after a crash.
    #[must_use]
    pub fn with_resuming(mut self) -> Self {
        self.nodes.iter_mut().for_each(|node| node.resumes = true);
        self
    }

    fn add_crash(mut self, crash: Crash) -> Self {
        self.crashes.push(crash);
        self
    }
}
