//! Ended sessions, as many as there is room for.

use crate::bytes::PublicKey;
use crate::ids::SessionId;
use crate::index::SessionsBy;
use crate::time::Timestamp;
use crate::tombstone::Tombstone;
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How much memory they may take, in bytes. Where that is too little the largest make room, the first to end first: who makes others keep
/// much, as by proofs against itself, does not make them forget anybody else's.
const MAX_BYTES: usize = 64 << 20;

/// What is left of those that the application approved. Beside them their names are remembered, even if they had to make room.
#[derive(Clone, Hash, Default)]
pub(crate) struct Ended {
    tombstones: BTreeMap<SessionId, Tombstone>,
    /// Of all of them. This and what is below follows from them.
    bytes: usize,
    by_size: BTreeSet<(Reverse<usize>, Timestamp, SessionId)>,
    by_expiry: BTreeSet<(Timestamp, SessionId)>,
    /// Those of which the signatures are asked for: when that is, by session and in order.
    asks: BTreeMap<SessionId, Timestamp>,
    by_ask: BTreeSet<(Timestamp, SessionId)>,
    by_signer: SessionsBy<PublicKey>,
}

impl Ended {
    pub(crate) fn bury(&mut self, session: SessionId, tombstone: Tombstone) {
        self.remove(&session);
        self.bytes += tombstone.size();
        self.by_size.insert(rank(&tombstone));
        self.by_expiry.insert((tombstone.forget_at(), session));
        self.by_signer.insert(session, tombstone.view().manifest.signers());
        self.tombstones.insert(session, tombstone);
        self.schedule(&session);
        while self.bytes > MAX_BYTES
            && self.tombstones.len() > 1
            && let Some((.., largest)) = self.by_size.first().copied()
        {
            self.remove(&largest);
        }
    }

    fn remove(&mut self, session: &SessionId) {
        let Some(tombstone) = self.tombstones.remove(session) else { return };
        self.bytes -= tombstone.size();
        self.by_size.remove(&rank(&tombstone));
        self.by_expiry.remove(&(tombstone.forget_at(), *session));
        self.by_signer.remove(session, tombstone.view().manifest.signers());
        self.schedule(session);
    }

    /// Puts a session that may have changed in its place in the order of asking.
    pub(crate) fn schedule(&mut self, session: &SessionId) {
        let next = self.tombstones.get(session).and_then(Tombstone::asks_at);
        let before = match next {
            Some(next) => self.asks.insert(*session, next),
            None => self.asks.remove(session),
        };
        before.into_iter().for_each(|before| _ = self.by_ask.remove(&(before, *session)));
        self.by_ask.extend(next.map(|next| (next, *session)));
    }

    /// When the first is to be asked for.
    pub(crate) fn next_to_ask(&self) -> Option<Timestamp> {
        self.by_ask.first().map(|(at, _)| *at)
    }

    /// Those that are to be asked for now.
    pub(crate) fn to_ask(&self, now: Timestamp) -> Vec<SessionId> {
        self.by_ask.iter().take_while(|(at, _)| now >= *at).map(|(_, session)| *session).collect()
    }

    /// The caller's clock was set back.
    pub(crate) fn set_back(&mut self, by: Duration) {
        for session in self.asks.keys().copied().collect::<Vec<_>>() {
            if let Some(tombstone) = self.tombstones.get_mut(&session) {
                tombstone.set_back(by);
            }
            self.schedule(&session);
        }
    }

    pub(crate) fn get(&self, session: &SessionId) -> Option<&Tombstone> {
        self.tombstones.get(session)
    }

    /// Whoever changes it has it [scheduled](Self::schedule) afterwards.
    pub(crate) fn get_mut(&mut self, session: &SessionId) -> Option<&mut Tombstone> {
        self.tombstones.get_mut(session)
    }

    pub(crate) fn contains(&self, session: &SessionId) -> bool {
        self.tombstones.contains_key(session)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tombstone> {
        self.tombstones.values()
    }

    /// Those that this key was to sign, by name, from the one after `after` on.
    pub(crate) fn of(&self, signer: &PublicKey, after: Option<SessionId>) -> impl Iterator<Item = SessionId> {
        self.by_signer.of(signer, after)
    }

    /// When the first can be forgotten.
    pub(crate) fn next_to_forget(&self) -> Option<Timestamp> {
        self.by_expiry.first().map(|(at, _)| *at)
    }

    /// Forgets those that no laggard can ask for any more.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        while let Some((at, session)) = self.by_expiry.first().copied()
            && now >= at
        {
            self.remove(&session);
        }
    }
}

/// The first is the first to make room.
fn rank(tombstone: &Tombstone) -> (Reverse<usize>, Timestamp, SessionId) {
    let view = tombstone.view();
    (Reverse(tombstone.size()), view.last_activity, view.id)
}
