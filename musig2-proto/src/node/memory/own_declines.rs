//! Declines that this node stated, kept for coordinators that did not hear them.

use crate::api::output::Destination;
use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use crate::session::board::Filed;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many are kept. Beyond that, the oldest makes room, and its coordinator is not told again: it
/// has had the most time to hear. (If the one that expires first made room instead, a stranger's
/// long sessions would push out everybody else's.)
const MAX_DECLINES: usize = 1024;

/// A coordinator is told again at most once in this time, however often anyone asks.
const PAUSE: Duration = Duration::from_secs(1);

/// This node's declines, each kept until its session expires.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct OwnDeclines {
    told: BTreeMap<SessionId, Kept>,
    /// These two follow from `told`.
    by_expiry: BTreeSet<(Timestamp, SessionId)>,
    by_age: BTreeSet<(u64, SessionId)>,
    /// How many were ever kept.
    count: u64,
}

/// What a coordinator was told.
#[derive(Debug, Clone, Hash)]
pub(crate) struct OwnDecline {
    pub(crate) statement: Arc<Filed>,
    /// Where the coordinator is.
    pub(crate) to: Destination,
    /// When it was last sent.
    pub(crate) sent_at: Timestamp,
    /// When the session expires.
    pub(crate) forget_at: Timestamp,
}

/// An own decline, and how many were kept before it.
#[derive(Debug, Clone, Hash)]
struct Kept {
    decline: OwnDecline,
    number: u64,
}

impl OwnDeclines {
    pub(crate) fn keep(&mut self, session: SessionId, decline: OwnDecline) {
        self.remove(&session);
        let number = self.count;
        self.count = number.saturating_add(1);
        self.by_expiry.insert((decline.forget_at, session));
        self.by_age.insert((number, session));
        self.told.insert(session, Kept { decline, number });
        if self.told.len() > MAX_DECLINES
            && let Some((_, oldest)) = self.by_age.first().copied()
        {
            self.remove(&oldest);
        }
    }

    pub(crate) fn contains(&self, session: &SessionId) -> bool {
        self.told.contains_key(session)
    }

    /// Returns what to send to a coordinator again, and where to; `None` if it was sent just now,
    /// or if the session is over.
    pub(crate) fn repeat(
        &mut self,
        now: Timestamp,
        session: &SessionId,
    ) -> Option<(Destination, Arc<Filed>)> {
        let Kept { decline, .. } = self.told.get_mut(session)?;
        if now >= decline.forget_at || now < decline.sent_at.saturating_add(PAUSE) {
            return None;
        }
        decline.sent_at = now;
        Some((decline.to.clone(), Arc::clone(&decline.statement)))
    }

    pub(crate) fn remove(&mut self, session: &SessionId) {
        if let Some(Kept { decline, number }) = self.told.remove(session) {
            self.by_expiry.remove(&(decline.forget_at, *session));
            self.by_age.remove(&(number, *session));
        }
    }

    pub(crate) fn forget(&mut self, now: Timestamp) {
        while let Some((at, session)) = self.by_expiry.first().copied()
            && now >= at
        {
            self.remove(&session);
        }
    }

    /// Moves pauses back when the caller's clock was set back.
    pub(crate) fn set_back(&mut self, by: Duration) {
        let declines = self.told.values_mut().map(|kept| &mut kept.decline);
        declines.for_each(|decline| decline.sent_at = decline.sent_at.saturating_sub(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::bytes::Signature;
    use crate::base::ids::{SignerIndex, Source};
    use crate::wire::statement::{Body, Decline, DeclineReason, Statement};

    fn session(number: u16) -> SessionId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&number.to_be_bytes());
        SessionId::new(id)
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn keep(declines: &mut OwnDeclines, number: u16, forget_at: u64) {
        let body = Body::Decline(Decline { reason: DeclineReason::Busy });
        let statement =
            Statement { author: SignerIndex::new(0), body, signature: Signature::new([0; 64]) };
        let statement = Arc::new(Filed { statement, hash: [0; 32], arrived: at(0) });
        let (to, sent_at, forget_at) =
            (Destination::Source(Source::new([1])), at(10_000), at(forget_at));
        declines.keep(session(number), OwnDecline { statement, to, sent_at, forget_at });
    }

    #[test]
    fn beyond_the_bound_the_oldest_decline_makes_room() {
        let mut declines = OwnDeclines::default();
        keep(&mut declines, 7, 3);
        (0..1024).for_each(|number| keep(&mut declines, number, if number == 9 { 1 } else { 2 }));
        assert!((0..1024).all(|number| declines.contains(&session(number))));
        keep(&mut declines, 1024, 2);
        assert!((0..1025).all(|number| declines.contains(&session(number)) == (number != 0)));
        declines.forget(at(2));
        assert!(
            declines.told.is_empty() && declines.by_expiry.is_empty() && declines.by_age.is_empty()
        );
    }

    #[test]
    fn a_decline_is_not_sent_again_once_its_session_is_over() {
        let mut declines = OwnDeclines::default();
        keep(&mut declines, 1, 20_000);
        assert!(declines.repeat(at(20_000), &session(1)).is_none());
        assert!(declines.repeat(at(19_999), &session(1)).is_some());
    }

    #[test]
    fn a_decline_is_sent_again_once_a_second_even_if_a_clock_is_set_back() {
        let mut declines = OwnDeclines::default();
        keep(&mut declines, 1, 1_000_000);
        let mut is_sent = |millis| declines.repeat(at(millis), &session(1)).is_some();
        assert_eq!([10_999, 11_000, 11_999, 12_000].map(&mut is_sent), [false, true, false, true]);
        declines.set_back(Duration::from_secs(10));
        let mut is_sent = |millis| declines.repeat(at(millis), &session(1)).is_some();
        assert_eq!([2_999, 3_000].map(&mut is_sent), [false, true]);
    }
}
