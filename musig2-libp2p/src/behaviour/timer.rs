//! The core's next deadline, as something to wait for.

use super::system::now;
use futures::FutureExt;
use futures_timer::Delay;
use musig2_proto::Timestamp;
use std::task::{Context, Poll};
use std::time::Duration;

/// The longest wait before the clock is read again, as a clock may be set while we wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Runs on any executor.
#[derive(Debug, Default)]
pub(super) struct Timer {
    set: Option<(Timestamp, Delay)>,
}

impl Timer {
    /// Ready when the deadline has come. Waits for one at a time: the last asked for.
    pub(super) fn poll(&mut self, deadline: Option<Timestamp>, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline else {
            self.set = None;
            return Poll::Pending;
        };
        loop {
            let left = deadline.saturating_since(now());
            if left.is_zero() {
                self.set = None;
                return Poll::Ready(());
            }
            let (_, delay) = match self.set.take() {
                Some(set) if set.0 == deadline => self.set.insert(set),
                _ => self.set.insert((deadline, Delay::new(left.min(LONGEST_WAIT)))),
            };
            if delay.poll_unpin(context).is_pending() {
                return Poll::Pending;
            }
            self.set = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn it_is_ready_at_the_deadline_and_not_before() {
        let deadline = now().saturating_add(Duration::from_millis(30));
        let mut timer = Timer::default();
        poll_fn(|context| timer.poll(Some(deadline), context)).await;
        assert!(now() >= deadline);
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
