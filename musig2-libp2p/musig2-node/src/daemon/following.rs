//! Follows a session that was ordered over the socket until it ends. When the order's time is over,
//! this node ends its part.

use super::control::send;
use crate::failure::Failure;
use crate::model::ending::Ending;
use crate::model::labels::Labels;
use crate::model::result::SessionResult;
use crate::model::state::Summary;
use crate::model::words::Reply;
use crate::node::Reach;
use crate::node::patience::{give_up, has_ended};
use crate::node::roster::Roster;
use crate::results::trail::Trail;
use musig2_libp2p::Handle;
use musig2_libp2p::musig2_proto::{SessionId, SessionView};
use std::time::Duration;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

/// A session that is waited for.
pub(super) struct Following {
    pub(super) handle: Handle,
    pub(super) session: SessionId,
    pub(super) labels: Labels,
    pub(super) roster: Roster,
    pub(super) changes: broadcast::Receiver<SessionId>,
    pub(super) reach: watch::Receiver<Reach>,
    pub(super) trail: Trail,
    /// How long to wait for it, and until when.
    pub(super) timeout: Duration,
    pub(super) deadline: Instant,
}

impl Following {
    /// Reports the session's state whenever it changes, until the session ends.
    pub(super) async fn tell(&mut self, client: &mut OwnedWriteHalf) -> Result<(), Failure> {
        let mut told: Option<Summary> = None;
        loop {
            let view = self.view().await?;
            let summary = Summary::of(&view, &self.labels);
            if !told.as_ref().is_some_and(|told| summary.state.says_the_same_as(&told.state)) {
                send(client, &Reply::Session(summary.clone())).await?;
                told = Some(summary);
            }
            if let Some(signatures) = &view.signatures {
                // Record the result before reporting it, if the disk allows.
                self.trail.ended(&view);
                self.trail.settled().await;
                return send(client, &Reply::Result(SessionResult::of(&view, signatures))).await;
            }
            if let Some(cause) = &view.cause {
                return Err(self
                    .failed(Ending::of(&view, cause, view.released, &self.labels))
                    .await);
            }
            if let Some(ending) = self.change().await? {
                return Err(self.failed(ending).await);
            }
        }
    }

    /// Waits on after the client has left the session running here: the order's time limit still
    /// applies.
    pub(super) async fn outlive(mut self) {
        loop {
            match self.view().await {
                Ok(view) if !has_ended(&view) => {}
                _ => return,
            }
            if !matches!(self.change().await, Ok(None)) {
                return;
            }
        }
    }

    /// Returns when something has happened in the session. If its time was over, returns how this
    /// node ended its part.
    async fn change(&mut self) -> Result<Option<Ending>, Failure> {
        loop {
            tokio::select! {
                // Changes of other sessions arrive, too. A receiver that was too slow to get all of
                // them looks again.
                change = self.changes.recv() => {
                    if !matches!(change, Ok(other) if other != self.session) {
                        return Ok(None);
                    }
                }
                () = sleep_until(self.deadline) => {
                    return give_up(&self.handle, self.session, self.timeout, &self.labels).await;
                }
            }
        }
    }

    async fn failed(&self, ending: Ending) -> Failure {
        let is_alone = || {
            let reach = self.reach.borrow();
            reach.peers.is_empty().then(|| match reach.why_unreached() {
                Some(why) => format!("the daemon is not connected to any peer: {why}"),
                None => "the daemon is not connected to any peer: set `bootstrap` in its configuration to a running node's address".into(),
            })
        };
        let hint = match is_alone() {
            None => self.roster.why_missing(&self.handle, &self.labels, ending.awaited()).await,
            alone => alone,
        };
        self.roster.gave_up(&ending);
        Failure::Session { ending: Box::new(ending), hint }
    }

    async fn view(&self) -> Result<SessionView, Failure> {
        self.handle.session(self.session).await?.ok_or(Failure::Forgotten(self.session))
    }
}
