//! Ended sessions, as many as there is room for.

use crate::base::bytes::PublicKey;
use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use crate::node::index::SessionsBy;
use crate::node::memory::tombstone::Tombstone;
use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How much memory they may take, in bytes. Beyond that, the coordinator whose sessions take the
/// most makes room: its largest session goes first, and of equal ones the first to end. So a
/// coordinator pushes out nobody whose sessions take less than its own, however many it has others
/// sign, and however large they are.
const MAX_BYTES: usize = 64 << 20;

/// What is left of the sessions that the application approved. `Joined` and `Declined` keep their
/// ids even if their tombstones had to make room.
#[derive(Clone, Hash, Default)]
pub(crate) struct Ended {
    tombstones: BTreeMap<SessionId, Tombstone>,
    /// Bytes that all tombstones take. This field and those below follow from the tombstones.
    bytes: usize,
    by_size: BTreeSet<Rank>,
    /// How many bytes each coordinator's sessions take, by coordinator and in order of size.
    shares: BTreeMap<PublicKey, usize>,
    by_share: BTreeSet<(usize, PublicKey)>,
    by_expiry: BTreeSet<(Timestamp, SessionId)>,
    /// When this node asks for missing signatures next, by session and in order of time.
    asks: BTreeMap<SessionId, Timestamp>,
    by_ask: BTreeSet<(Timestamp, SessionId)>,
    by_signer: SessionsBy<PublicKey>,
}

impl Ended {
    pub(crate) fn bury(&mut self, session: SessionId, tombstone: Tombstone) {
        self.remove(&session);
        self.bytes += tombstone.size();
        let rank = Rank::of(&tombstone);
        self.set_share(rank.coordinator, self.share(&rank.coordinator) + tombstone.size());
        self.by_size.insert(rank);
        self.by_expiry.insert((tombstone.forget_at(), session));
        self.by_signer.insert(session, tombstone.view().manifest.signers());
        self.tombstones.insert(session, tombstone);
        self.schedule(&session);
        while self.bytes > MAX_BYTES
            && self.tombstones.len() > 1
            && let Some(largest) = self.first_to_go()
        {
            self.remove(&largest);
        }
    }

    fn remove(&mut self, session: &SessionId) {
        let Some(tombstone) = self.tombstones.remove(session) else { return };
        self.bytes -= tombstone.size();
        let rank = Rank::of(&tombstone);
        self.set_share(
            rank.coordinator,
            self.share(&rank.coordinator).saturating_sub(tombstone.size()),
        );
        self.by_size.remove(&rank);
        self.by_expiry.remove(&(tombstone.forget_at(), *session));
        self.by_signer.remove(session, tombstone.view().manifest.signers());
        self.schedule(session);
    }

    /// Returns the next session to make room: the largest of the coordinator whose sessions take
    /// the most.
    fn first_to_go(&self) -> Option<SessionId> {
        let (_, coordinator) = *self.by_share.last()?;
        let largest = self.by_size.range(Rank::first(coordinator)..).next()?;
        (largest.coordinator == coordinator).then_some(largest.session)
    }

    fn share(&self, coordinator: &PublicKey) -> usize {
        self.shares.get(coordinator).copied().unwrap_or_default()
    }

    fn set_share(&mut self, coordinator: PublicKey, bytes: usize) {
        self.by_share.remove(&(self.share(&coordinator), coordinator));
        if bytes == 0 {
            self.shares.remove(&coordinator);
            return;
        }
        self.shares.insert(coordinator, bytes);
        self.by_share.insert((bytes, coordinator));
    }

    /// Updates a session's place in the order of asking. Must be called after each change to a
    /// session.
    pub(crate) fn schedule(&mut self, session: &SessionId) {
        let next = self.tombstones.get(session).and_then(Tombstone::asks_at);
        let before = match next {
            Some(next) => self.asks.insert(*session, next),
            None => self.asks.remove(session),
        };
        before.into_iter().for_each(|before| _ = self.by_ask.remove(&(before, *session)));
        self.by_ask.extend(next.map(|next| (next, *session)));
    }

    /// Returns when signatures are to be asked for next.
    pub(crate) fn next_to_ask(&self) -> Option<Timestamp> {
        self.by_ask.first().map(|(at, _)| *at)
    }

    /// Returns the sessions whose signatures are to be asked for now.
    pub(crate) fn to_ask(&self, now: Timestamp) -> Vec<SessionId> {
        self.by_ask.iter().take_while(|(at, _)| now >= *at).map(|(_, session)| *session).collect()
    }

    /// Moves pauses back when the caller's clock was set back.
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

    /// A caller that changes the session must [schedule](Self::schedule) it afterwards.
    pub(crate) fn get_mut(&mut self, session: &SessionId) -> Option<&mut Tombstone> {
        self.tombstones.get_mut(session)
    }

    pub(crate) fn contains(&self, session: &SessionId) -> bool {
        self.tombstones.contains_key(session)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tombstone> {
        self.tombstones.values()
    }

    /// Returns the sessions that this key was to sign, in order of their ids, from the one after
    /// `after` on.
    pub(crate) fn of(
        &self,
        signer: &PublicKey,
        after: Option<SessionId>,
    ) -> impl Iterator<Item = SessionId> {
        self.by_signer.of(signer, after)
    }

    /// Returns when the first session can be forgotten.
    pub(crate) fn next_to_forget(&self) -> Option<Timestamp> {
        self.by_expiry.first().map(|(at, _)| *at)
    }

    /// Forgets sessions that no laggard can ask for any more.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        while let Some((at, session)) = self.by_expiry.first().copied()
            && now >= at
        {
            self.remove(&session);
        }
    }
}

/// The order in which one coordinator's sessions make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Rank {
    coordinator: PublicKey,
    size: Reverse<usize>,
    ended: Timestamp,
    session: SessionId,
}

impl Rank {
    fn of(tombstone: &Tombstone) -> Self {
        let view = tombstone.view();
        // A checked manifest has its coordinator among its signers, so the zero key is never used.
        let coordinator = view.manifest.signer(view.manifest.coordinator()).copied();
        let first = Self::first(coordinator.unwrap_or(PublicKey::new([0; 33])));
        Self {
            size: Reverse(tombstone.size()),
            ended: view.last_activity,
            session: view.id,
            ..first
        }
    }

    /// Returns a rank before those of all of this coordinator's sessions.
    const fn first(coordinator: PublicKey) -> Self {
        let (ended, session) = (Timestamp::from_millis(0), SessionId::new([0; 32]));
        Self { coordinator, size: Reverse(usize::MAX), ended, session }
    }
}
