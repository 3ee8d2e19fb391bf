//! Discovered sessions about which the application has not decided: which have places, and which
//! make room.
//!
//! There are `max_discovered_sessions` places, of which strangers may take half. When all places
//! that a newcomer may have are taken, the author with the most sessions here makes room; if that
//! leaves a choice, with a session whose source brought the most. If the newcomer's author and
//! source would not have fewer than that, compared in the same order, the newcomer is refused. So
//! neither many sessions of a few keys nor many keys behind one connection keep out somebody new.
//!
//! A session that a key of this node joined in an earlier life takes none of these places: nobody
//! else can make such a session. There are `max_joined_sessions` places for them.

use crate::base::bytes::PublicKey;
use crate::base::ids::{SessionId, Source};
use crate::config::Config;
use std::collections::{BTreeMap, BTreeSet};

/// Who made a session, and who brought it here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) author: PublicKey,
    /// Whether this node knew the author when the session came.
    pub(super) is_known: bool,
    pub(super) source: Source,
}

/// Where a session stands with the application.
pub(super) enum Standing<'a> {
    /// It is approved, has ended, or was opened by the application.
    Decided,
    Waits(&'a Origin),
    /// It waits, and a key of this node joined it in an earlier life.
    JoinedBefore,
}

/// Whether there is a place for one more session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// Only if this session makes room.
    Of(SessionId),
    None,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Undecided {
    waiting: BTreeMap<SessionId, Origin>,
    of_author: Counts<PublicKey>,
    of_source: Counts<Source>,
    of_strangers: usize,
    joined_before: BTreeSet<SessionId>,
}

impl Undecided {
    /// Notes how a session stands now.
    pub(super) fn set(&mut self, id: SessionId, standing: &Standing<'_>) {
        match standing {
            Standing::Waits(_) if self.waiting.contains_key(&id) => {}
            Standing::Waits(origin) => {
                self.of_author.add(&origin.author);
                self.of_source.add(&origin.source);
                self.of_strangers += usize::from(!origin.is_known);
                self.waiting.insert(id, (*origin).clone());
            }
            Standing::Decided | Standing::JoinedBefore => {
                if let Some(origin) = self.waiting.remove(&id) {
                    self.of_author.remove(&origin.author);
                    self.of_source.remove(&origin.source);
                    self.of_strangers -= usize::from(!origin.is_known);
                }
            }
        }
        match standing {
            Standing::JoinedBefore => self.joined_before.insert(id),
            Standing::Decided | Standing::Waits(_) => self.joined_before.remove(&id),
        };
    }

    /// Returns whether there is a place for a session of this origin.
    pub(super) fn room(&self, origin: &Origin, config: &Config) -> Room {
        if self.of_author.of(&origin.author) >= config.max_discovered_per_author {
            return Room::None;
        }
        let is_full = self.waiting.len() >= config.max_discovered_sessions;
        let of_strangers = config.max_discovered_sessions.div_ceil(2);
        let is_crowded = !origin.is_known && self.of_strangers >= of_strangers;
        if !is_full && !is_crowded {
            return Room::Free;
        }
        // If the strangers' half is full, a stranger can only take another stranger's place.
        let rivals = self.waiting.iter().filter(|(_, rival)| !(is_crowded && rival.is_known));
        let most = rivals.map(|(id, rival)| (self.rank(rival), *id)).max();
        let (of_author, of_source) = self.rank(origin);
        match most {
            Some((rank, id)) if (of_author + 1, of_source + 1) < rank => Room::Of(id),
            _ => Room::None,
        }
    }

    /// Whether there is a place for one more session that a key of this node joined before.
    pub(super) fn has_room_for_joined(&self, config: &Config) -> bool {
        self.joined_before.len() < config.max_joined_sessions
    }

    /// Returns how many sessions this author has here, and how many this source brought.
    fn rank(&self, origin: &Origin) -> (usize, usize) {
        (self.of_author.of(&origin.author), self.of_source.of(&origin.source))
    }
}

/// Counts sessions by key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Counts<K>(BTreeMap<K, usize>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Counts<K> {
    fn add(&mut self, key: &K) {
        *self.0.entry(key.clone()).or_default() += 1;
    }

    fn remove(&mut self, key: &K) {
        if let Some(count) = self.0.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(key);
            }
        }
    }

    fn of(&self, key: &K) -> usize {
        self.0.get(key).copied().unwrap_or_default()
    }
}
