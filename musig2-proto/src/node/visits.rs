//! Signers that said hello, and how far each has been told what it may have forgotten. Each is told
//! a little at a time, so that telling one signer of many ended sessions keeps nobody from signing.

use crate::base::bytes::PublicKey;
use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use crate::wire::hello::HelloContent;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// How many signers are being told, or remembered as told. Beyond that, those that have been told
/// everything make room.
const MAX_SIGNERS: usize = 1024;

/// The pause between two portions for one signer.
const PAUSE: Duration = Duration::from_secs(1);

/// An answer may be lost, so a signer that still says hello is told of ended sessions again after
/// this pause, which doubles.
const FIRST_REPEAT: Duration = Duration::from_secs(15);
const LAST_REPEAT: Duration = Duration::from_secs(60);

/// Where the next portion begins: after the session with this id, or with the first session.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub(super) struct VisitProgress {
    /// Open sessions come first. `None` once all of them were told.
    pub(super) open: Option<Option<SessionId>>,
    /// Then ended ones. `None` if they are not to be told now, or all of them were told.
    pub(super) ended: Option<Option<SessionId>>,
}

#[derive(Debug, Clone, Hash)]
struct Visit {
    hello: HelloContent,
    progress: VisitProgress,
    /// When it was told the last portion, and when it may be told the next.
    portion_at: Option<Timestamp>,
    due: Option<Timestamp>,
    /// From when on ended sessions may be told again.
    repeat_at: Timestamp,
    repeat_pause: Duration,
}

/// One visit for each signer.
#[derive(Debug, Clone, Hash, Default)]
pub(super) struct Visits {
    signers: BTreeMap<PublicKey, Visit>,
    /// Follows from `signers`.
    by_due: BTreeSet<(Timestamp, PublicKey)>,
}

impl Visits {
    /// Notes what a signer that said hello is to be told: open sessions, and ended ones unless it
    /// was told of them a moment ago.
    pub(super) fn welcome(&mut self, now: Timestamp, hello: &HelloContent) {
        let signer = hello.signer;
        if !self.signers.contains_key(&signer) && self.signers.len() >= MAX_SIGNERS {
            // Signers that are still being told keep their places. If there are only such signers,
            // the newcomer has to say hello again.
            self.signers.retain(|_, visit| visit.due.is_some());
            if self.signers.len() >= MAX_SIGNERS {
                return;
            }
        }
        let known = self.signers.get(&signer);
        // A hello less than a second after the last one is not answered.
        if known.is_some_and(|known| !hello.is_after(Some(&known.hello.time))) {
            return;
        }
        // Another life has forgotten what this one was told, so nothing of that counts except the
        // pause between portions.
        let known = known.filter(|known| known.hello.since == hello.since);
        let repeats = known.is_none_or(|known| now >= known.repeat_at);
        let repeat_pause = known.map_or(FIRST_REPEAT, |known| known.repeat_pause);
        let unfinished = known.and_then(|known| known.progress.ended);
        let portion_at = self.signers.get(&signer).and_then(|known| known.portion_at);
        let visit = Visit {
            hello: hello.clone(),
            progress: VisitProgress {
                open: Some(None),
                ended: unfinished.or(repeats.then_some(None)),
            },
            portion_at,
            due: Some(portion_at.map_or(now, |at| at.saturating_add(PAUSE).max(now))),
            repeat_at: match (known, repeats) {
                (Some(known), false) => known.repeat_at,
                _ => now.saturating_add(repeat_pause),
            },
            repeat_pause: if repeats {
                repeat_pause.saturating_mul(2).min(LAST_REPEAT)
            } else {
                repeat_pause
            },
        };
        self.put(signer, visit);
    }

    /// Sets a signer's visit and updates the index.
    fn put(&mut self, signer: PublicKey, visit: Visit) {
        let due = visit.due;
        let before = self.signers.insert(signer, visit).and_then(|before| before.due);
        if let Some(before) = before {
            self.by_due.remove(&(before, signer));
        }
        self.by_due.extend(due.map(|due| (due, signer)));
    }

    /// Returns the signers that may be told a portion now: their hellos, and what comes next.
    pub(super) fn due(&self, now: Timestamp) -> Vec<(HelloContent, VisitProgress)> {
        let due = self.by_due.iter().take_while(|(at, _)| now >= *at);
        due.filter_map(|(_, signer)| self.signers.get(signer))
            .map(|visit| (visit.hello.clone(), visit.progress))
            .collect()
    }

    /// Notes that a signer was told a portion, and what is left.
    pub(super) fn told(&mut self, now: Timestamp, signer: &PublicKey, progress: VisitProgress) {
        let Some(visit) = self.signers.get(signer).cloned() else { return };
        let is_over = progress.open.is_none() && progress.ended.is_none();
        let due = (!is_over).then(|| now.saturating_add(PAUSE));
        self.put(*signer, Visit { progress, portion_at: Some(now), due, ..visit });
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(at, _)| *at)
    }

    /// Moves pauses back when the caller's clock was set back.
    pub(super) fn set_back(&mut self, by: Duration) {
        for (signer, visit) in core::mem::take(self).signers {
            let back = |at: Timestamp| at.saturating_sub(by);
            let (portion_at, due) = (visit.portion_at.map(back), visit.due.map(back));
            self.put(signer, Visit { portion_at, due, repeat_at: back(visit.repeat_at), ..visit });
        }
    }
}
