//! Which approved sessions this node takes part in now, and which wait.
//!
//! Every node of a session has to join it before any of them can finish it, so nodes that hand out their places as sessions come can wait for one
//! another for ever: each holds places for sessions that the others have no place for. Three rules make that impossible:
//!
//! 1. **A coordinator has a share of its own**: `max_concurrent_sessions`. One coordinator's sessions do not take the places of another's, unless
//!    many together reach `max_joined_sessions`. It joins and announces its own sessions within its share, and tells nobody of those that wait.
//! 2. **Whatever waits, waits in one order**: by the time at which a session was created, then by its name. Both are in the manifest, so all nodes
//!    agree on the order.
//! 3. **A place belongs to the sessions that come first in that order.** If a coordinator's later sessions hold all of its places here, an earlier one is
//!    joined beside them, from a reserve.
//!
//! Why nodes do not wait for one another for ever: a session is *held up* if one of its signers does not approve it, because a person has not decided, say,
//! or is not there. Of all sessions that are announced and not held up, look at the earliest. At each of its signers only sessions that are held up
//! precede it. If these are fewer than there are places, rule 3 lets it in everywhere. It finishes; then the next one is the earliest. What is held
//! up gives its place back when its time to join is over. Shares may differ from node to node.
//!
//! The reserve has an end: see [`RESERVE`].

use crate::base::bytes::PublicKey;
use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::Crypto;
use crate::session::Session;
use core::mem::take;
use std::collections::{BTreeMap, BTreeSet};

/// How many sessions of one coordinator a node joins beyond the share: those that overtook each other on their way. With a coordinator whose share is at most
/// this much larger than a co-signer's, no order in which they are approved exhausts it. Over all coordinators it is `max_joined_sessions`.
const RESERVE: usize = 16;

/// A session's place in the order that all nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Turn {
    created_at: Timestamp,
    session: SessionId,
}

/// A session that was approved, as far as its admission is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    coordinator: PublicKey,
    /// This node proposed it.
    is_own: bool,
    turn: Turn,
}

impl Claim {
    pub(super) fn of<C: Crypto>(session: &Session<C>) -> Option<Self> {
        let manifest = &session.agreement().manifest;
        Some(Self {
            coordinator: *manifest.signer(manifest.coordinator())?,
            is_own: session.is_coordinator(),
            turn: Turn { created_at: manifest.created_at(), session: session.id() },
        })
    }
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
    /// This node is the coordinator.
    is_own: bool,
    joined: BTreeSet<Turn>,
    waiting: BTreeSet<Turn>,
}

impl Share {
    /// Whether the session with this turn may be joined, while `joined` are over all coordinators. A later one never may if an earlier one may not.
    fn admits(&self, turn: &Turn, joined: usize, config: &Config) -> bool {
        let places = config.max_concurrent_sessions;
        let earlier = self.joined.range(..turn).take(places).count();
        let reserve = if self.is_own { 0 } else { RESERVE };
        earlier < places
            && has_room(self.joined.len(), places, reserve, earlier)
            && has_room(joined, config.max_joined_sessions, config.max_joined_sessions, earlier)
    }
}

/// Whether a place is free, or else the reserve has one for a session that this many joined ones precede: only the earliest can use all of it, the second
/// half of it, the third a third. So later ones, which come in any order, leave room for earlier ones.
fn has_room(taken: usize, places: usize, reserve: usize, earlier: usize) -> bool {
    let share_of_reserve = reserve.checked_div(earlier.saturating_add(1)).unwrap_or_default();
    taken < places.saturating_add(share_of_reserve)
}

impl Admission {
    /// Whether this session may be joined now. It may not while an earlier one of the same coordinator waits.
    pub(super) fn admits(&self, claim: &Claim, config: &Config) -> bool {
        match self.coordinators.get(&claim.coordinator) {
            Some(share) => {
                share.waiting.first().is_none_or(|first| claim.turn <= *first)
                    && share.admits(&claim.turn, self.joined, config)
            }
            None => Share::default().admits(&claim.turn, self.joined, config),
        }
    }

    /// How many sessions are joined or wait.
    pub(super) fn approved(&self) -> usize {
        self.joined + self.waiting
    }

    /// Whether one more session of this coordinator may wait: of what is left of the queue it may have as much as it leaves to the others.
    pub(super) fn has_room_to_wait(&self, claim: &Claim, config: &Config) -> bool {
        let share = self.coordinators.get(&claim.coordinator);
        let of_coordinator = share.map_or(0, |share| share.waiting.len());
        of_coordinator < config.max_queued_sessions.saturating_sub(self.waiting)
    }

    /// How many sessions wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The application approved it, and it is to wait.
    pub(super) fn wait(&mut self, claim: &Claim) {
        let new = self.share(claim).waiting.insert(claim.turn);
        self.waiting += usize::from(new);
    }

    /// This node joined it.
    pub(super) fn join(&mut self, claim: &Claim) {
        let share = self.share(claim);
        let (waited, new) = (share.waiting.remove(&claim.turn), share.joined.insert(claim.turn));
        self.waiting -= usize::from(waited);
        self.joined += usize::from(new);
    }

    /// Where a claim's coordinator has its sessions. There may be room for another of them afterwards.
    fn share(&mut self, claim: &Claim) -> &mut Share {
        self.changed.insert(claim.coordinator);
        let share = self.coordinators.entry(claim.coordinator).or_default();
        share.is_own = claim.is_own;
        share
    }

    /// It has ended, or its join failed.
    pub(super) fn leave(&mut self, claim: &Claim, config: &Config) {
        let key = claim.coordinator;
        let Some(share) = self.coordinators.get_mut(&key) else { return };
        let was_full = self.joined >= config.max_joined_sessions;
        self.waiting -= usize::from(share.waiting.remove(&claim.turn));
        self.joined -= usize::from(share.joined.remove(&claim.turn));
        if share.joined.is_empty() && share.waiting.is_empty() {
            self.coordinators.remove(&key);
        } else {
            self.changed.insert(key);
        }
        if was_full {
            // The place that became free is anybody's.
            self.changed.extend(
                self.coordinators
                    .iter()
                    .filter(|(_, share)| !share.waiting.is_empty())
                    .map(|(key, _)| *key),
            );
        }
    }

    /// The next session that is to be joined, the earliest of those that may be. Ask until there is none.
    pub(super) fn next(&mut self, config: &Config) -> Option<SessionId> {
        let mut next: Option<Turn> = None;
        for key in take(&mut self.changed) {
            let first = self.coordinators.get(&key).and_then(|share| {
                share
                    .waiting
                    .first()
                    .copied()
                    .filter(|first| share.admits(first, self.joined, config))
            });
            if let Some(first) = first {
                // It is looked at again when another has been joined before it.
                self.changed.insert(key);
                next = Some(next.map_or(first, |next| next.min(first)));
            }
        }
        next.map(|turn| turn.session)
    }

    /// What it must hold for these sessions: each with whether it was joined. The rest of its state only says what to look at.
    pub(super) fn agrees_with(&self, approved: impl Iterator<Item = (Claim, bool)>) -> bool {
        let mut derived = Self::default();
        for (claim, is_joined) in approved {
            if is_joined { derived.join(&claim) } else { derived.wait(&claim) }
        }
        (&derived.coordinators, derived.joined, derived.waiting)
            == (&self.coordinators, self.joined, self.waiting)
    }
}
