//! Waits for the core's next deadline.

use super::system::now;
use futures::FutureExt;
use futures_timer::Delay;
use musig2_proto::Timestamp;
use std::task::{Context, Poll};
use std::time::Duration;

/// The longest wait for a deadline. If the clock is set back, deadlines move away; the core keeps
/// its pauses as long as they were only if it is told the time meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A timer that runs on any executor.
#[derive(Debug)]
pub(super) struct Timer {
    longest: Duration,
    set: Option<(Timestamp, Delay)>,
}

impl Default for Timer {
    fn default() -> Self {
        Self { longest: LONGEST_WAIT, set: None }
    }
}

impl Timer {
    /// Returns ready when the deadline has come, or earlier if it is time to tell the core the
    /// time. Waits for one deadline only: the last one asked for.
    pub(super) fn poll(
        &mut self,
        deadline: Option<Timestamp>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else {
            self.set = None;
            return Poll::Pending;
        };
        let left = deadline.saturating_since(now());
        let (_, delay) = match self.set.take() {
            Some(set) if set.0 == deadline => self.set.insert(set),
            _ => self.set.insert((deadline, Delay::new(left.min(self.longest)))),
        };
        if !left.is_zero() && delay.poll_unpin(context).is_pending() {
            return Poll::Pending;
        }
        self.set = None;
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn the_timer_is_ready_at_the_deadline_and_not_before() {
        let deadline = now().saturating_add(Duration::from_millis(30));
        let mut timer = Timer::default();
        poll_fn(|context| timer.poll(Some(deadline), context)).await;
        assert!(now() >= deadline);
    }

    /// A clock that was set back by an hour looks like this.
    #[tokio::test]
    async fn the_timer_fires_meanwhile_if_the_deadline_is_far_away() {
        let deadline = now().saturating_add(Duration::from_secs(3600));
        let mut timer = Timer { longest: Duration::from_millis(10), ..Timer::default() };
        for _ in 0..3 {
            poll_fn(|context| timer.poll(Some(deadline), context)).await;
        }
        assert!(now() < deadline);
    }

    #[tokio::test]
    async fn an_earlier_deadline_replaces_a_later_one() {
        let mut timer = Timer::default();
        let later = now().saturating_add(Duration::from_secs(3600));
        assert!(futures::poll!(poll_fn(|context| timer.poll(Some(later), context))).is_pending());
        let sooner = now().saturating_add(Duration::from_millis(10));
        poll_fn(|context| timer.poll(Some(sooner), context)).await;
        assert!(now() < later);
    }
}
