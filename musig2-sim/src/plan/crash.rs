//! Crashes: nodes that lose their memory, and come back with what is left on their disks.

use super::Plan;
use crate::network::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// A crash. The node is gone, and with it whatever had not left it; what reaches it while it is down is lost. It comes back with the
/// same key and another random generator, and says hello. Its application knows what its disk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Crash {
    /// Who crashes. Without effect while it is not running.
    pub node: NodeId,
    /// When.
    pub when: CrashMoment,
    /// How long it is down.
    pub down_for: Micros,
    /// What its application finds on its disk afterwards.
    pub disk: Disk,
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

/// What a crash leaves of what an application [stored](crate::Storage): the announcements of its sessions, what it approved, where
/// other signers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Disk {
    /// Nothing.
    #[default]
    Empty,
    /// Everything.
    Kept,
    /// What it was so long before the crash: a backup, or a snapshot of a machine.
    RolledBack(Micros),
}

impl Plan {
    /// Crashes a node at one moment, and lets it come back at another, with an empty disk.
    #[must_use]
    pub fn with_crash(self, node: NodeId, at: Micros, back_at: Micros) -> Self {
        let down_for = back_at.saturating_sub(at);
        self.add_crash(Crash { node, when: CrashMoment::At(at), down_for, disk: Disk::Empty })
    }

    /// Crashes a node right after its output of this number, counted from 1 over all its lives, with an empty disk.
    #[must_use]
    pub fn with_crash_after_output(self, node: NodeId, output: u64, down_for: Micros) -> Self {
        let when = CrashMoment::AfterOutput(output);
        self.add_crash(Crash { node, when, down_for, disk: Disk::Empty })
    }

    /// Sets what all crashes so far leave on the disk.
    #[must_use]
    pub fn with_disks(mut self, disk: Disk) -> Self {
        self.crashes.iter_mut().for_each(|crash| crash.disk = disk);
        self
    }

    fn add_crash(mut self, crash: Crash) -> Self {
        self.crashes.push(crash);
        self
    }
}
