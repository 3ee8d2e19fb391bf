//! Frames of sessions that are not known yet: kept a moment, few, while the announcement is asked for.

use crate::ids::{SessionId, Source};
use crate::time::Timestamp;
use crate::wire::frame::Frame;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

const MAX_SESSIONS: usize = 64;
const MAX_SESSIONS_PER_SOURCE: usize = 8;
const MAX_FRAMES: usize = 16;
const MAX_ASKED: usize = 2;
const MAX_BYTES: usize = 1 << 20;
const LIFETIME: Duration = Duration::from_secs(30);

/// At most [`MAX_SESSIONS`] sessions, [`MAX_FRAMES`] frames of each, [`MAX_BYTES`] bytes of encoded frames in all.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Stash {
    unknown: BTreeMap<SessionId, Unknown>,
}

#[derive(Debug, Clone, Hash)]
struct Unknown {
    since: Timestamp,
    first: Source,
    asked: BTreeSet<Source>,
    frames: Vec<(Source, usize, Frame)>,
}

/// What to do about a frame of an unknown session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stashed {
    /// Ask its sender for the announcement.
    Ask,
    /// Enough have been asked.
    Wait,
    /// There is no room for it.
    NoRoom,
}

impl Stash {
    /// Keeps a frame of `size` encoded bytes, where there is room.
    pub(crate) fn keep(&mut self, now: Timestamp, from: &Source, size: usize, frame: Frame) -> Stashed {
        self.forget(now);
        let session = frame.session;
        let bytes: usize =
            self.unknown.values().flat_map(|unknown| &unknown.frames).map(|(_, size, _)| size).sum();
        if !self.unknown.contains_key(&session) {
            let of_source = self.unknown.values().filter(|unknown| unknown.first == *from).count();
            if self.unknown.len() >= MAX_SESSIONS || of_source >= MAX_SESSIONS_PER_SOURCE {
                return Stashed::NoRoom;
            }
        }
        let unknown = self.unknown.entry(session).or_insert_with(|| Unknown {
            since: now,
            first: from.clone(),
            asked: BTreeSet::new(),
            frames: Vec::new(),
        });
        if unknown.frames.len() < MAX_FRAMES && bytes.saturating_add(size) <= MAX_BYTES {
            unknown.frames.push((from.clone(), size, frame));
        }
        if unknown.asked.len() < MAX_ASKED && unknown.asked.insert(from.clone()) {
            Stashed::Ask
        } else {
            Stashed::Wait
        }
    }

    /// Forgets what has been kept long enough.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.unknown.retain(|_, unknown| {
            // A clock that was set back must not keep them for ever.
            now >= unknown.since && now.saturating_since(unknown.since) < LIFETIME
        });
    }

    /// When there is something to forget.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.unknown.values().map(|unknown| unknown.since.saturating_add(LIFETIME)).min()
    }

    /// Takes out what was kept for a session.
    pub(crate) fn take(&mut self, session: &SessionId) -> impl Iterator<Item = (Source, Frame)> + use<> {
        let unknown = self.unknown.remove(session);
        unknown.into_iter().flat_map(|unknown| unknown.frames).map(|(from, _, frame)| (from, frame))
    }
}
