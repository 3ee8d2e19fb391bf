//! How a node that signs is stopped: what it signed until then is kept.

use super::Cosigner;
use crate::failure::Failure;
use futures::FutureExt;
use musig2_libp2p::NodeEvent;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long each part of a stop takes at most: longer than a node whose disk does not answer.
const STOP: Duration = Duration::from_secs(6);

impl Cosigner<'_> {
    /// Signs until this ends, or until the node cannot go on. Then the node stops, and every session that it completed until then has been taken
    /// down.
    pub(crate) async fn run_until(
        &mut self,
        others: impl Future<Output = Result<(), Failure>>,
    ) -> Result<(), Failure> {
        let (stop, stopped) = oneshot::channel();
        let mut others = pin!(others);
        let outcome = {
            let mut signing = pin!(self.sign(stopped));
            tokio::select! {
                outcome = &mut signing => outcome,
                outcome = &mut others => {
                    drop(stop);
                    // It ends with the event that it has in hand.
                    if let Ok(signed) = timeout(STOP, signing).await { outcome.and(signed) } else { outcome }
                }
            }
        };
        let stopped = self.stop().await;
        outcome.and(stopped)
    }

    async fn stop(&mut self) -> Result<(), Failure> {
        self.is_stopping = true;
        let mut outcome = Ok(());
        // While the node can be asked.
        while let (true, Some(Ok(event))) = (outcome.is_ok(), self.network.next().now_or_never()) {
            outcome = self.follow(event).await;
        }
        let handle = self.network.handle.clone();
        if timeout(STOP, handle.stop()).await.is_err() {
            tracing::warn!("the node did not stop within {} seconds", STOP.as_secs());
        }
        // What came in that moment. The last one ends with the node.
        while let Some(Ok(event)) = self.network.next().now_or_never() {
            if let NodeEvent::Session(event) = event {
                self.take_of_forgotten(&event);
            }
        }
        if let Some(trail) = &self.trail
            && !trail.settled().await
        {
            tracing::error!("the disk does not answer: what was signed last is not in the results");
        }
        outcome
    }
}
