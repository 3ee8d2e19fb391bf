//! Ended sessions, as many as there is room for.

use crate::ids::SessionId;
use crate::time::Timestamp;
use crate::tombstone::Tombstone;
use core::cmp::Reverse;
use std::collections::BTreeMap;

/// How much of them is kept, in bytes. Where that is too little the largest make room, the first to end first: who makes others keep
/// much, as by proofs against itself, does not make them forget anybody else's.
const MAX_BYTES: usize = 64 << 20;

/// Their tombstones.
#[derive(Clone, Hash, Default)]
pub(crate) struct Ended {
    tombstones: BTreeMap<SessionId, Tombstone>,
    /// Of all of them: kept because there may be many.
    bytes: usize,
}

impl Ended {
    /// Gives the names of those that had to make room, with their expiry.
    pub(crate) fn bury(&mut self, session: SessionId, tombstone: Tombstone) -> Vec<(SessionId, Timestamp)> {
        self.bytes += tombstone.size();
        self.tombstones.insert(session, tombstone);
        let mut gone = Vec::new();
        while self.bytes > MAX_BYTES && self.tombstones.len() > 1 {
            let rank = |tombstone: &Tombstone| (Reverse(tombstone.size()), tombstone.view().last_activity);
            let largest = self.tombstones.values().min_by_key(|tombstone| rank(tombstone));
            let Some(view) = largest.map(Tombstone::view) else { break };
            let (id, expiry) = (view.id, view.manifest.expires_at());
            self.retain(|tombstone| tombstone.view().id != id);
            gone.push((id, expiry));
        }
        gone
    }

    pub(crate) fn get(&self, session: &SessionId) -> Option<&Tombstone> {
        self.tombstones.get(session)
    }

    pub(crate) fn get_mut(&mut self, session: &SessionId) -> Option<&mut Tombstone> {
        self.tombstones.get_mut(session)
    }

    pub(crate) fn contains(&self, session: &SessionId) -> bool {
        self.tombstones.contains_key(session)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Tombstone> {
        self.tombstones.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tombstone> {
        self.tombstones.values_mut()
    }

    pub(crate) fn retain(&mut self, is_kept: impl Fn(&Tombstone) -> bool) {
        let bytes = &mut self.bytes;
        self.tombstones.retain(|_, tombstone| {
            let stays = is_kept(tombstone);
            *bytes -= if stays { 0 } else { tombstone.size() };
            stays
        });
    }
}
