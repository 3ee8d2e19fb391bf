//! Which approved sessions this node takes part in now, and which wait.
//!
//! Every node of a session has to join it before any of them can finish it, so nodes that hand out their places as sessions come can wait for one
//! another for ever: each holds places for sessions that the others have no place for. Three rules make that impossible:
//!
//! 1. **A coordinator has a share of its own**: `max_concurrent_sessions`. One coordinator's sessions do not take the places of another's, unless
//!    many together reach `max_joined_sessions`.
//! 2. **Whatever waits, waits in one order**: by the time at which a session was created, then by its name. Both are in the manifest, so all nodes
//!    agree on the order.
//! 3. **A session that precedes all others of its coordinator that were joined here is joined, whatever the share** (but for [`RESERVE`]).
//!
//! So of all sessions that are open anywhere, the first one is joined by each of its signers that approved it: whatever its coordinator has joined there
//! comes after it. It finishes, or its time runs out; then the next one is the first. Shares may differ from node to node.

use crate::bytes::PublicKey;
use crate::config::Config;
use crate::ids::SessionId;
use crate::manifest::Manifest;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How many sessions of one coordinator rule 3 lets a node join beyond the share: those that overtook each other on their way. Only a coordinator that sets
/// its clock back again and again has more, and it only keeps its own sessions waiting.
const RESERVE: usize = 16;

/// A session's place in the order that all nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Turn {
    created_at: Timestamp,
    session: SessionId,
}

/// The approved sessions that have not ended, by who proposed them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Admission {
    coordinators: BTreeMap<PublicKey, Share>,
    /// Over all coordinators.
    joined: usize,
    waiting: usize,
    /// Of these something changed that may let a session in.
    changed: BTreeSet<PublicKey>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Share {
    joined: BTreeSet<Turn>,
    waiting: BTreeSet<Turn>,
}

impl Share {
    /// Whether the session with this turn may be joined, while `joined` are over all coordinators.
    fn admits(&self, turn: &Turn, joined: usize, config: &Config) -> bool {
        let is_first = self.joined.first().is_none_or(|first| turn < first);
        let has_place =
            self.joined.len() < config.max_concurrent_sessions && joined < config.max_joined_sessions;
        let has_reserve = self.joined.len() < config.max_concurrent_sessions.saturating_add(RESERVE)
            && joined < config.max_joined_sessions.saturating_mul(2);
        has_place || (is_first && has_reserve)
    }
}

impl Admission {
    /// Whether this session may be joined now. It may not while an earlier one of the same coordinator waits.
    pub(super) fn admits(&self, manifest: &Manifest, id: SessionId, config: &Config) -> bool {
        let turn = turn(manifest, id);
        match coordinator(manifest).and_then(|key| self.coordinators.get(&key)) {
            Some(share) => {
                share.waiting.first().is_none_or(|first| turn <= *first)
                    && share.admits(&turn, self.joined, config)
            }
            None => Share::default().admits(&turn, self.joined, config),
        }
    }

    /// How many sessions are joined or wait.
    pub(super) fn approved(&self) -> usize {
        self.joined + self.waiting
    }

    /// Whether one more session of this coordinator may wait: of what is left of the queue it may have as much as it leaves to the others.
    pub(super) fn has_room_to_wait(&self, manifest: &Manifest, config: &Config) -> bool {
        let share = coordinator(manifest).and_then(|key| self.coordinators.get(&key));
        let of_coordinator = share.map_or(0, |share| share.waiting.len());
        of_coordinator < config.max_queued_sessions.saturating_sub(self.waiting)
    }

    /// How many sessions wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The application approved it, and it is to wait.
    pub(super) fn wait(&mut self, manifest: &Manifest, id: SessionId) {
        let Some(key) = coordinator(manifest) else { return };
        let new = self.coordinators.entry(key).or_default().waiting.insert(turn(manifest, id));
        self.waiting += usize::from(new);
        self.changed.insert(key);
    }

    /// This node joined it.
    pub(super) fn join(&mut self, manifest: &Manifest, id: SessionId) {
        let Some(key) = coordinator(manifest) else { return };
        let share = self.coordinators.entry(key).or_default();
        self.waiting -= usize::from(share.waiting.remove(&turn(manifest, id)));
        self.joined += usize::from(share.joined.insert(turn(manifest, id)));
        // There may be room for another.
        self.changed.insert(key);
    }

    /// It has ended, or its join failed.
    pub(super) fn leave(&mut self, manifest: &Manifest, id: SessionId, config: &Config) {
        let Some(key) = coordinator(manifest) else { return };
        let Some(share) = self.coordinators.get_mut(&key) else { return };
        let was_full = self.joined >= config.max_joined_sessions;
        self.waiting -= usize::from(share.waiting.remove(&turn(manifest, id)));
        self.joined -= usize::from(share.joined.remove(&turn(manifest, id)));
        if share.joined.is_empty() && share.waiting.is_empty() {
            self.coordinators.remove(&key);
        } else {
            self.changed.insert(key);
        }
        if was_full {
            // The place that became free is anybody's.
            self.changed.extend(
                self.coordinators.iter().filter(|(_, share)| !share.waiting.is_empty()).map(|(key, _)| *key),
            );
        }
    }

    /// The next session that is to be joined. Ask until there is none.
    pub(super) fn next(&mut self, config: &Config) -> Option<SessionId> {
        while let Some(key) = self.changed.first().copied() {
            let next = self.coordinators.get(&key).and_then(|share| {
                let first = share.waiting.first()?;
                share.admits(first, self.joined, config).then_some(first.session)
            });
            if next.is_some() {
                return next;
            }
            self.changed.remove(&key);
        }
        None
    }

    /// What it must hold for these sessions: manifest, name, whether it was joined. The rest of its state only says what to look at.
    pub(super) fn agrees_with<'a>(
        &self,
        approved: impl Iterator<Item = (&'a Manifest, SessionId, bool)>,
    ) -> bool {
        let mut derived = Self::default();
        for (manifest, id, is_joined) in approved {
            if is_joined { derived.join(manifest, id) } else { derived.wait(manifest, id) }
        }
        (&derived.coordinators, derived.joined, derived.waiting)
            == (&self.coordinators, self.joined, self.waiting)
    }
}

fn turn(manifest: &Manifest, session: SessionId) -> Turn {
    Turn { created_at: manifest.created_at(), session }
}

fn coordinator(manifest: &Manifest) -> Option<PublicKey> {
    manifest.signer(manifest.coordinator()).copied()
}
