//! States that last for a while.

use futures::FutureExt;
use futures_timer::Delay;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Durations come from a configuration and may be anything; a huge one would overflow an `Instant`.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A state that lasts for a while, and may be extended.
#[derive(Debug, Default)]
pub(super) struct Hold {
    until: Option<Instant>,
    timer: Option<Delay>,
}

impl Hold {
    /// Makes it last for at least this long from now on.
    pub(super) fn extend(&mut self, by: Duration) {
        let by = by.min(LONGEST);
        let until = Some(Instant::now() + by);
        if by.is_zero() || until <= self.until {
            return;
        }
        // A running timer is not reset: it fires early and is then set for the rest. So many frames
        // in a row cost one timer.
        self.until = until;
        if self.timer.is_none() {
            self.timer = Some(Delay::new(by));
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.until.is_some()
    }

    /// Ready when the time is over.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let (Some(timer), Some(until)) = (&mut self.timer, self.until) {
            if timer.poll_unpin(context).is_pending() {
                return Poll::Pending;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                *self = Self::default();
            } else {
                self.timer = Some(Delay::new(left));
            }
        }
        Poll::Ready(())
    }
}
