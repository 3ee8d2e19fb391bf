//! Limits how often anybody can bring something forward, for instance by connecting and
//! disconnecting. The more often that happens, the longer the next pause.

use crate::base::time::Timestamp;
use core::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Something that is done sooner because somebody came.
#[derive(Debug, Clone, Hash)]
pub(super) struct Haste {
    /// When it is to be done.
    at: Option<Timestamp>,
    /// It is not done before this time.
    next: Timestamp,
    /// The pause after the next time that it is done; doubles each time.
    pause: Duration,
}

impl Default for Haste {
    fn default() -> Self {
        Self { at: None, next: Timestamp::default(), pause: FIRST_PAUSE }
    }
}

impl Haste {
    /// Schedules it for this time, or for the earliest time after it that the pause allows.
    pub(super) fn bring_forward(&mut self, to: Timestamp) {
        self.at = self.at.or(Some(to.max(self.next)));
    }

    /// Returns when it is to be done.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.at
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.at.is_some_and(|at| now >= at)
    }

    /// Notes that it is done now.
    pub(super) fn done(&mut self, now: Timestamp, longest: Duration) {
        *self = Self {
            at: None,
            next: now.saturating_add(self.pause),
            pause: self.pause.saturating_mul(2).min(longest.max(FIRST_PAUSE)),
        };
    }

    /// Makes the pauses short again, because it was worth doing.
    pub(super) fn reward(&mut self, now: Timestamp) {
        self.next = self.next.min(now.saturating_add(FIRST_PAUSE));
        self.at = self.at.map(|at| at.min(self.next));
        self.pause = FIRST_PAUSE;
    }

    /// Cancels it: there is nothing to do any more.
    pub(super) fn forget(&mut self) {
        self.at = None;
    }

    /// Moves pauses back when the caller's clock was set back.
    pub(super) fn set_back(&mut self, by: Duration) {
        self.at = self.at.map(|at| at.saturating_sub(by));
        self.next = self.next.saturating_sub(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns when it is done if it is brought forward every 10 ms.
    fn done(haste: &mut Haste, from: u64, until: u64) -> Vec<u64> {
        let mut done = Vec::new();
        for now in (from..until).step_by(10) {
            let at = Timestamp::from_millis(now);
            haste.bring_forward(at);
            if haste.is_due(at) {
                haste.done(at, Duration::from_secs(2));
                done.push(now);
            }
        }
        done
    }

    #[test]
    fn work_brought_forward_slows_down_until_it_is_rewarded() {
        let mut haste = Haste::default();
        assert_eq!(done(&mut haste, 1_000, 8_000), [1_000, 1_250, 1_750, 2_750, 4_750, 6_750]);
        haste.reward(Timestamp::from_millis(8_000));
        assert_eq!(done(&mut haste, 8_000, 10_000), [8_250, 8_500, 9_000]);
    }
}
