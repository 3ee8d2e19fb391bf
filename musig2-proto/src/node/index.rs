//! Finds sessions by signer or by peer, so that an input about one of these never makes the node
//! look at the sessions of others.

use crate::base::ids::SessionId;
use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that one session takes here for each signer: its id in a tree, and its share of a tree
/// with few ids.
pub(crate) const BYTES_PER_SIGNER: usize = 96;

/// The ids of some sessions, by signer or by whatever else they are found by.
#[derive(Debug, Clone, Hash)]
pub(crate) struct SessionsBy<K>(BTreeMap<K, BTreeSet<SessionId>>);

impl<K> Default for SessionsBy<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> SessionsBy<K> {
    pub(crate) fn insert(&mut self, session: SessionId, keys: &[K]) {
        for key in keys {
            self.0.entry(key.clone()).or_default().insert(session);
        }
    }

    pub(crate) fn remove(&mut self, session: &SessionId, keys: &[K]) {
        for key in keys {
            if let Some(sessions) = self.0.get_mut(key) {
                sessions.remove(session);
                if sessions.is_empty() {
                    self.0.remove(key);
                }
            }
        }
    }

    /// Returns the sessions of this key in order of their ids, from the one after `after` on.
    pub(crate) fn of(&self, key: &K, after: Option<SessionId>) -> impl Iterator<Item = SessionId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let sessions = self.0.get(key).into_iter();
        sessions.flat_map(move |sessions| sessions.range((from, Bound::Unbounded)).copied())
    }
}
