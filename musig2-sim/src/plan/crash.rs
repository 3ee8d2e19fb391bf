//! Crashes: a node loses its memory, and comes back with whatever its disk kept.

use super::Plan;
use crate::ids::NodeId;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// A crash. The node loses its memory, including outputs that had not left it yet; messages that
/// arrive while it is down are lost. It comes back with the same key and a fresh random generator,
/// and says hello. Its application knows only what is on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Crash {
    /// Who crashes. A crash of a node that is not running has no effect.
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
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum CrashMoment {
    /// At this moment.
    At(Micros),
    /// As soon as it has given out this many outputs (frames, publications, events, reports),
    /// counted over all its lives. What the same call would have given out after that is lost.
    AfterOutput(u64),
}

/// What a crash leaves of what an application [stored](crate::Storage): the announcements of its
/// sessions, its approvals, and the contacts of other signers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Disk {
    /// Nothing.
    #[default]
    Empty,
    /// Everything.
    Kept,
    /// What was on it this long before the crash: a restored backup or machine snapshot.
    RolledBack(Micros),
}

impl Plan {
    /// Crashes a node at `at` and brings it back at `back_at`, with an empty disk.
    #[must_use]
    pub fn with_crash(self, node: NodeId, at: Micros, back_at: Micros) -> Self {
        let down_for = back_at.saturating_sub(at);
        self.add_crash(Crash { node, when: CrashMoment::At(at), down_for, disk: Disk::Empty })
    }

    /// Crashes a node right after the output with this number, counted from 1 over all its lives,
    /// with an empty disk.
    #[must_use]
    pub fn with_crash_after_output(self, node: NodeId, output: u64, down_for: Micros) -> Self {
        let when = CrashMoment::AfterOutput(output);
        self.add_crash(Crash { node, when, down_for, disk: Disk::Empty })
    }

    /// Sets what the crashes added up to now leave on the disk.
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
