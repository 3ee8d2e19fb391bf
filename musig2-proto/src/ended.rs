//! Ended sessions, as many as there is room for.

use crate::ids::SessionId;
use crate::time::Timestamp;
use crate::tombstone::Tombstone;
use std::collections::BTreeMap;

/// How much of them is kept, in bytes as they would be sent.
const MAX_BYTES: usize = 64 << 20;

/// Their tombstones.
#[derive(Clone, Hash, Default)]
pub(crate) struct Ended {
    tombstones: BTreeMap<SessionId, Tombstone>,
    bytes: usize,
}

impl Ended {
    /// Gives the names of those that had to make room: the ones that ended first.
    pub(crate) fn bury(&mut self, session: SessionId, tombstone: Tombstone) -> Vec<(SessionId, Timestamp)> {
        self.bytes += tombstone.size();
        self.tombstones.insert(session, tombstone);
        let mut gone = Vec::new();
        while self.bytes > MAX_BYTES && self.tombstones.len() > 1 {
            let first = self.tombstones.iter().min_by_key(|(_, tombstone)| tombstone.view().last_activity);
            let Some((id, expiry)) = first.map(|(id, first)| (*id, first.view().manifest.expires_at()))
            else {
                break;
            };
            self.retain(|other, _| *other != id);
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

    pub(crate) fn retain(&mut self, is_kept: impl Fn(&SessionId, &Tombstone) -> bool) {
        let bytes = &mut self.bytes;
        self.tombstones.retain(|session, tombstone| {
            let stays = is_kept(session, tombstone);
            *bytes -= if stays { 0 } else { tombstone.size() };
            stays
        });
    }
}
