//! Which approved sessions this node takes part in now, and which wait.
//!
//! Every signer's node must join a session before any of them can finish it. If nodes gave places
//! to whatever session came first, they could wait for one another for ever: each would hold places
//! for sessions that the others have no place for. Three rules make that impossible:
//!
//! 1. **Each coordinator has a share of its own**: `max_concurrent_sessions` places. Sessions of
//!    one coordinator do not take the places of another's, unless those of all coordinators
//!    together reach `max_joined_sessions`. A coordinator joins and announces its own sessions
//!    within its share, and tells nobody of those that wait.
//! 2. **All waiting sessions are in one order**: by the time at which they were created, then by
//!    id. Both follow from the manifest, so all nodes agree on the order.
//! 3. **The earliest sessions in that order have the right to a place.** If later sessions of a
//!    coordinator hold all of its places here, an earlier one is joined beside them, from a
//!    reserve.
//!
//! Why nodes cannot wait for one another for ever: call a session *held up* if one of its signers
//! does not approve it, because a person has not decided, say, or is offline. Look at the earliest
//! of all sessions that are announced and not held up. At each of its signers, only sessions that
//! are held up precede it. If these are fewer than there are places, rule 3 admits it everywhere.
//! It finishes, and then the next one is the earliest. A session that is held up gives its place
//! back when its time to join runs out. Shares may differ from node to node.
//!
//! The reserve is finite: see [`RESERVE`].

use crate::base::bytes::PublicKey;
use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::Crypto;
use crate::session::Session;
use core::mem::take;
use std::collections::{BTreeMap, BTreeSet};

/// How many sessions of one coordinator a node joins beyond the share, for earlier sessions that
/// later ones overtook on their way. If the coordinator's share is at most this much larger than a
/// co-signer's, no order of approval exhausts the co-signer's reserve. Over all coordinators, the
/// reserve is `max_joined_sessions`.
const RESERVE: usize = 16;

/// A session's place in the order on which all nodes agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Turn {
    created_at: Timestamp,
    session: SessionId,
}

/// What admission needs to know of an approved session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    coordinator: PublicKey,
    /// Whether this node proposed it.
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

/// The approved sessions that have not ended, by coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Admission {
    coordinators: BTreeMap<PublicKey, Share>,
    /// How many sessions of all coordinators are joined.
    joined: usize,
    waiting: usize,
    /// Coordinators for which something changed that may let a session in.
    changed: BTreeSet<PublicKey>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Share {
    /// Whether this node is the coordinator.
    is_own: bool,
    joined: BTreeSet<Turn>,
    waiting: BTreeSet<Turn>,
}

impl Share {
    /// Whether the session with this turn may be joined, if all coordinators together have `joined`
    /// ones. If an earlier session may not, a later one never may.
    fn admits(&self, turn: &Turn, joined: usize, config: &Config) -> bool {
        let places = config.max_concurrent_sessions;
        // With `places` earlier ones the session is not admitted, so counting can stop there.
        let earlier = self.joined.range(..turn).take(places).count();
        // Own sessions need no reserve: nobody hears of one before it is joined here, so none is
        // overtaken on its way.
        let reserve = if self.is_own { 0 } else { RESERVE };
        earlier < places
            && has_room(self.joined.len(), places, reserve, earlier)
            && has_room(joined, config.max_joined_sessions, config.max_joined_sessions, earlier)
    }
}

/// Whether a place is free, or the reserve has one, for a session that `earlier` joined ones
/// precede. The earliest session may use all of the reserve, the second half of it, the third a
/// third. So later sessions, which come in any order, leave room for earlier ones.
fn has_room(taken: usize, places: usize, reserve: usize, earlier: usize) -> bool {
    let share_of_reserve = reserve.checked_div(earlier.saturating_add(1)).unwrap_or_default();
    taken < places.saturating_add(share_of_reserve)
}

impl Admission {
    /// Whether this session may be joined now. It may not while an earlier one of its coordinator
    /// waits.
    pub(super) fn admits(&self, claim: &Claim, config: &Config) -> bool {
        match self.coordinators.get(&claim.coordinator) {
            Some(share) => {
                share.waiting.first().is_none_or(|first| claim.turn <= *first)
                    && share.admits(&claim.turn, self.joined, config)
            }
            None => Share::default().admits(&claim.turn, self.joined, config),
        }
    }

    /// Returns how many sessions are joined or wait.
    pub(super) fn approved(&self) -> usize {
        self.joined + self.waiting
    }

    /// Whether one more session of this coordinator may wait. A coordinator may have no more
    /// waiting sessions than it leaves free places in the queue, so that no single one can fill it.
    pub(super) fn has_room_to_wait(&self, claim: &Claim, config: &Config) -> bool {
        let share = self.coordinators.get(&claim.coordinator);
        let of_coordinator = share.map_or(0, |share| share.waiting.len());
        of_coordinator < config.max_queued_sessions.saturating_sub(self.waiting)
    }

    /// Returns how many sessions wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Notes that the application approved this session and that it has to wait.
    pub(super) fn wait(&mut self, claim: &Claim) {
        let new = self.share(claim).waiting.insert(claim.turn);
        self.waiting += usize::from(new);
    }

    /// Notes that this node joined this session.
    pub(super) fn join(&mut self, claim: &Claim) {
        let share = self.share(claim);
        let (waited, new) = (share.waiting.remove(&claim.turn), share.joined.insert(claim.turn));
        self.waiting -= usize::from(waited);
        self.joined += usize::from(new);
    }

    /// Returns the share of a claim's coordinator, and marks it as changed: the caller is about to
    /// change it, which may let another session in.
    fn share(&mut self, claim: &Claim) -> &mut Share {
        self.changed.insert(claim.coordinator);
        let share = self.coordinators.entry(claim.coordinator).or_default();
        share.is_own = claim.is_own;
        share
    }

    /// Notes that this session has ended, or that its join failed.
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
            // The place that became free may go to any coordinator.
            self.changed.extend(
                self.coordinators
                    .iter()
                    .filter(|(_, share)| !share.waiting.is_empty())
                    .map(|(key, _)| *key),
            );
        }
    }

    /// Returns the next session to join: the earliest that may be joined now. Call it until there
    /// is none.
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
                // Only the earliest of these is returned, so the others are looked at again.
                self.changed.insert(key);
                next = Some(next.map_or(first, |next| next.min(first)));
            }
        }
        next.map(|turn| turn.session)
    }

    /// Whether this state is what follows from these approved sessions, each with whether it is
    /// joined. `changed` is not compared: it only says what to look at.
    pub(super) fn agrees_with(&self, approved: impl Iterator<Item = (Claim, bool)>) -> bool {
        let mut derived = Self::default();
        for (claim, is_joined) in approved {
            if is_joined { derived.join(&claim) } else { derived.wait(&claim) }
        }
        (&derived.coordinators, derived.joined, derived.waiting)
            == (&self.coordinators, self.joined, self.waiting)
    }
}
