//! Stops a node that signs, and keeps what it signed until then.

use super::Cosigner;
use crate::failure::Failure;
use futures::FutureExt;
use musig2_libp2p::NodeEvent;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The longest time for each part of a stop: longer than it takes a node whose disk does not
/// respond.
const STOP: Duration = Duration::from_secs(6);

impl Cosigner<'_> {
    /// Signs until `others` ends, or until the node cannot go on. Then stops the node. By the time
    /// this returns, every session that it completed has been recorded.
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
                    // Signing ends once it has handled the event that it is working on.
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
        // Handle the remaining events while the node can still be asked.
        while let (true, Some(Ok(event))) = (outcome.is_ok(), self.network.next().now_or_never()) {
            outcome = self.follow(event).await;
        }
        let handle = self.network.handle.clone();
        if timeout(STOP, handle.stop()).await.is_err() {
            tracing::warn!("the node did not stop within {} seconds", STOP.as_secs());
        }
        // Take events that came during the stop. The stream ends with the node.
        while let Some(Ok(event)) = self.network.next().now_or_never() {
            if let NodeEvent::Session { event, .. } = event {
                self.take_of_forgotten(&event);
            }
        }
        if let Some(trail) = &self.trail
            && !trail.settled().await
        {
            tracing::error!(
                "the disk does not respond: the latest signatures are not in the results"
            );
        }
        outcome
    }
}
