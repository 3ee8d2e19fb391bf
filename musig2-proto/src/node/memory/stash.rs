//! Frames of unknown sessions. A few are kept for a moment while this node asks for the
//! announcement.

use crate::base::ids::{SessionId, Source};
use crate::base::time::Timestamp;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

const MAX_SESSIONS: usize = 64;
const MAX_SESSIONS_PER_SOURCE: usize = 8;
const MAX_FRAMES: usize = 16;
const MAX_ASKED: usize = 2;
const MAX_BYTES: usize = 1 << 20;
const LIFETIME: Duration = Duration::from_secs(30);

/// At most [`MAX_SESSIONS`] sessions, [`MAX_FRAMES`] frames of each, and [`MAX_BYTES`] bytes of
/// frames in all. Frames are kept as they came: decoded, they can take many times as much memory.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Stash {
    unknown: BTreeMap<SessionId, Unknown>,
    /// Since when each session is kept. This field and those below follow from `unknown`.
    by_age: BTreeSet<(Timestamp, SessionId)>,
    /// How many sessions each source was the first to bring.
    of_source: BTreeMap<Source, usize>,
    /// Bytes of all frames.
    bytes: usize,
}

#[derive(Debug, Clone, Hash)]
struct Unknown {
    since: Timestamp,
    first: Source,
    asked: BTreeSet<Source>,
    frames: Vec<(Source, Box<[u8]>)>,
}

/// What to do about a frame of an unknown session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stashed {
    /// Ask its sender for the announcement.
    Ask,
    /// Enough senders have been asked.
    Wait,
    /// There is no room for the session.
    NoRoom,
}

impl Stash {
    /// Keeps a frame of this session, if there is room.
    pub(crate) fn keep(
        &mut self,
        now: Timestamp,
        from: &Source,
        session: SessionId,
        frame: Vec<u8>,
    ) -> Stashed {
        self.forget(now);
        if !self.unknown.contains_key(&session) {
            let of_source = self.of_source.get(from).copied().unwrap_or_default();
            if self.unknown.len() >= MAX_SESSIONS || of_source >= MAX_SESSIONS_PER_SOURCE {
                return Stashed::NoRoom;
            }
            self.by_age.insert((now, session));
            self.of_source.insert(from.clone(), of_source + 1);
        }
        let unknown = self.unknown.entry(session).or_insert_with(|| Unknown {
            since: now,
            first: from.clone(),
            asked: BTreeSet::new(),
            frames: Vec::new(),
        });
        if unknown.frames.len() < MAX_FRAMES && self.bytes.saturating_add(frame.len()) <= MAX_BYTES
        {
            self.bytes += frame.len();
            unknown.frames.push((from.clone(), frame.into_boxed_slice()));
        }
        if unknown.asked.len() < MAX_ASKED && unknown.asked.insert(from.clone()) {
            Stashed::Ask
        } else {
            Stashed::Wait
        }
    }

    /// Forgets what has been kept long enough.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        while let Some((since, session)) = self.by_age.first().copied()
            && now.saturating_since(since) >= LIFETIME
        {
            self.remove(&session);
        }
        // If the clock was set back, these frames would otherwise be kept for too long.
        while let Some((since, session)) = self.by_age.last().copied()
            && now < since
        {
            self.remove(&session);
        }
    }

    /// Returns when there is something to forget.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.by_age.first().map(|(since, _)| since.saturating_add(LIFETIME))
    }

    /// Takes out the frames that were kept for a session.
    pub(crate) fn take(
        &mut self,
        session: &SessionId,
    ) -> impl Iterator<Item = (Source, Box<[u8]>)> + use<> {
        self.remove(session).into_iter().flat_map(|unknown| unknown.frames)
    }

    fn remove(&mut self, session: &SessionId) -> Option<Unknown> {
        let unknown = self.unknown.remove(session)?;
        self.by_age.remove(&(unknown.since, *session));
        self.bytes -= unknown.frames.iter().map(|(_, frame)| frame.len()).sum::<usize>();
        if let Some(count) = self.of_source.get_mut(&unknown.first) {
            *count -= 1;
            if *count == 0 {
                self.of_source.remove(&unknown.first);
            }
        }
        Some(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u8) -> Source {
        Source::new([number])
    }

    /// Keeps a frame of this size for a session. Each source brings eight sessions.
    fn keep(stash: &mut Stash, now: u64, session: u8, size: usize) -> Stashed {
        stash.keep(Timestamp::from_millis(now), &source(session / 8), id(session), vec![0; size])
    }

    fn id(session: u8) -> SessionId {
        SessionId::new([session; 32])
    }

    fn kept(stash: &mut Stash, session: u8) -> usize {
        stash.take(&id(session)).count()
    }

    #[test]
    fn sixteen_frames_of_a_session_are_kept() {
        let mut stash = Stash::default();
        for _ in 0..20 {
            keep(&mut stash, 0, 1, 100);
        }
        assert_eq!(kept(&mut stash, 1), 16);
        assert_eq!(kept(&mut stash, 1), 0, "taken out");
    }

    #[test]
    fn one_mebibyte_of_frames_is_kept_for_all_sessions() {
        let mut stash = Stash::default();
        for (session, size) in [(1, 1 << 19), (2, 1 << 19), (3, 1)] {
            keep(&mut stash, 0, session, size);
        }
        assert_eq!([1, 2, 3].map(|session| kept(&mut stash, session)), [1, 1, 0]);
        // Taking frames out frees all of their room.
        for (session, size) in [(1, 1 << 19), (2, 1 << 19)] {
            keep(&mut stash, 0, session, size);
        }
        stash.forget(Timestamp::from_millis(30_000));
        keep(&mut stash, 30_000, 3, 1 << 20);
        assert_eq!([1, 2, 3].map(|session| kept(&mut stash, session)), [0, 0, 1]);
        assert_eq!((stash.bytes, stash.by_age.len(), stash.of_source.len()), (0, 0, 0));
    }

    #[test]
    fn frames_are_kept_for_64_sessions_and_8_of_each_source() {
        let mut stash = Stash::default();
        for session in 0..64 {
            assert_eq!(keep(&mut stash, 0, session, 1), Stashed::Ask);
        }
        assert_eq!(keep(&mut stash, 0, 64, 1), Stashed::NoRoom);
        assert_eq!(
            keep(&mut stash, 0, 63, 1),
            Stashed::Wait,
            "a session that has its place keeps it"
        );
        let mut stash = Stash::default();
        let mut of_one =
            |session| stash.keep(Timestamp::default(), &source(1), id(session), vec![0]);
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(&mut of_one), [Stashed::Ask; 8]);
        assert_eq!(of_one(8), Stashed::NoRoom);
    }

    #[test]
    fn frames_are_kept_for_half_a_minute_or_until_a_clock_is_set_back() {
        let kept_at = |now| {
            let mut stash = Stash::default();
            keep(&mut stash, 100_000, 1, 1);
            assert_eq!(stash.next_deadline(), Some(Timestamp::from_millis(130_000)));
            stash.forget(Timestamp::from_millis(now));
            kept(&mut stash, 1) == 1
        };
        assert!(kept_at(100_000) && kept_at(129_999));
        assert!(!kept_at(130_000) && !kept_at(99_999));
    }
}
