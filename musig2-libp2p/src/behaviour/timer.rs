//! The core's next deadline, as something to wait for.

use super::system::now;
use futures::FutureExt;
use futures_timer::Delay;
use musig2_proto::Timestamp;
use std::task::{Context, Poll};
use std::time::Duration;

/// The longest wait for a deadline. A clock that is set back moves deadlines away, and the core keeps its pauses as long as they were only if it
/// is told.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Runs on any executor.
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
    /// Ready when the deadline has come, or before it, when the core is to be told the time. Waits for one at a time: the last asked for.
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

    /// As it seems where the clock was set back by an hour.
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
