//! Carries out the application's orders, and stores approvals and signatures.

use super::Task;
use crate::Behaviour;
use crate::node::event::NodeEvent;
use crate::node::handle::{HandleError, Order};
use crate::node::store::{self, Approval, Store, StoreError};
use musig2_proto::{
    Command, CommandError, ManifestError, Note, Offence, Phase, SessionId, SessionView, Signature,
};

/// What other signers are told when this node stops for good.
const STOPPED: &str = "this signer's node was stopped";

impl Task {
    pub(super) async fn on_order(&mut self, order: Order) {
        // If a reply cannot be sent, the caller has stopped waiting. That does not undo its order.
        match order {
            Order::Ask(question) => question(self.signing()),
            Order::Execute { command, reply } => {
                let taken_back = self.takes_back(&command);
                let done = self.execute(command).await;
                match (&self.disk, taken_back) {
                    // Reply only after the removal: a caller that is told that a session has ended
                    // relies on a restart not resuming it.
                    (Some(disk), Some(session)) if done.is_ok() => {
                        let removed = disk.remove(session);
                        tokio::spawn(async move {
                            drop(reply.send(tell_removal(session, removed.await)));
                        });
                    }
                    _ => drop(reply.send(done)),
                }
            }
            Order::Create { proposal, reply } => {
                drop(
                    reply.send(self.signing().create_session(proposal).map_err(HandleError::from)),
                );
            }
            Order::Signers { signers, reply } => drop(reply.send(self.signers(&signers))),
            Order::Stop { reply } => drop(reply),
        }
    }

    /// Returns the session whose approval is void once the order is carried out.
    fn takes_back(&mut self, command: &Command) -> Option<SessionId> {
        match command {
            Command::AbortSession { session, .. } | Command::GiveUp { session } => Some(*session),
            // Only a queued session has an approval on disk; any other that can still be declined
            // was not approved.
            Command::DeclineSession { session, .. } => {
                let view = self.signing().core().session(session)?;
                view.is_queued.then_some(*session)
            }
            _ => None,
        }
    }

    /// Carries out an order. Nothing leaves the node while this runs: frames that the order
    /// produced are sent when the swarm is next polled.
    async fn execute(&mut self, command: Command) -> Result<(), HandleError> {
        match command {
            Command::JoinSession { session } => {
                let announcement = self.signing().core().announcement(&session);
                self.approve(announcement.map(|announcement| (session, announcement)), command)
                    .await
            }
            Command::ResumeSession { ref announcement } => {
                let session =
                    store::session_of(announcement, self.signing().core().config().max_frame_size);
                self.approve(session.ok().map(|session| (session, announcement.clone())), command)
                    .await
            }
            Command::AnnounceSession { session, .. } => {
                self.signing().execute(command)?;
                self.keep_announced(session).await
            }
            command => Ok(self.signing().execute(command)?),
        }
    }

    /// Stores the approval before carrying out the order, so that it is on disk before the consent
    /// leaves.
    async fn approve(
        &mut self,
        approval: Option<(SessionId, Vec<u8>)>,
        command: Command,
    ) -> Result<(), HandleError> {
        let Some((session, announcement)) = approval else {
            return Ok(self.signing().execute(command)?);
        };
        let is_new = self.put(session, announcement).await.inspect_err(
            |error| tracing::error!(%session, %error, "did not join a session: cannot store its approval"),
        )?;
        let approved = self.signing().execute(command);
        if approved.is_err() && is_new {
            self.forget_ended(&session);
        }
        Ok(approved?)
    }

    /// Stores the approval of a session that this node announces; it cannot be stored earlier. If
    /// that fails, the session ends before anyone has heard of it.
    async fn keep_announced(&mut self, session: SessionId) -> Result<(), HandleError> {
        let Some(announcement) = self.signing().core().announcement(&session) else {
            return Ok(());
        };
        if let Err(error) = self.put(session, announcement).await {
            tracing::error!(%session, %error, "aborted a session: cannot store its approval");
            let reason = Note::new("this signer's disk failed");
            self.signing().execute(Command::AbortSession { session, reason })?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Stores an approval. Returns whether it is new.
    fn put(
        &self,
        session: SessionId,
        announcement: Vec<u8>,
    ) -> impl Future<Output = Result<bool, StoreError>> + use<> {
        let put = self.disk.as_ref().map(|disk| disk.put(session, announcement));
        async move {
            match put {
                Some(put) => put.await,
                None => Ok(false),
            }
        }
    }

    /// Resumes sessions that were approved before this node started, and restores those that were
    /// signed.
    pub(super) fn resume(&mut self, approvals: Vec<Approval>) {
        for Approval { session, announcement, signatures, .. } in approvals {
            let is_signed = signatures.is_some();
            let resumed = self.signing().execute(match signatures {
                Some(signatures) => Command::TellSignatures { announcement, signatures },
                None => Command::ResumeSession { announcement },
            });
            match resumed {
                // The core reports again that the session is complete.
                Ok(()) if is_signed => {}
                Ok(()) => self.events.send(NodeEvent::Resumed { session }),
                Err(error) if is_signed && is_over(&error) => {
                    self.later(move |store| store.expired(&session));
                }
                Err(error) => {
                    if is_over(&error) {
                        self.forget_ended(&session);
                    }
                    self.events.send(NodeEvent::NotResumed { session, error: error.to_string() });
                }
            }
        }
    }

    /// Ends this node's part in every session that is still open.
    pub(super) fn abort_all(&mut self) {
        let goes_on = |phase| !matches!(phase, Phase::Complete | Phase::Aborted);
        let views: Vec<_> =
            self.signing().core().sessions().filter(|view| goes_on(view.phase)).collect();
        for SessionView { id: session, .. } in views {
            let reason = Note::new(STOPPED);
            match self.signing().execute(Command::AbortSession { session, reason }) {
                Ok(()) => {
                    self.later(move |store| drop(tell_removal(session, store.remove(&session))));
                }
                // This node never joined it, so there is nothing to end.
                Err(CommandError::NotJoined(_)) => {}
                Err(error) => {
                    tracing::warn!(%error, %session, "cannot end this node's part in a session");
                }
            }
        }
    }

    /// Deletes the approval of a session that has ended without signatures.
    pub(super) fn forget_ended(&self, session: &SessionId) {
        let session = *session;
        self.later(move |store| store.ended(&session));
    }

    /// Stores the signatures with which a session ended. Perhaps nobody else has them; then this
    /// node still does after a restart.
    pub(super) fn keep_signatures(&mut self, session: &SessionId, signatures: &[Signature]) {
        // A session that this node never approved has no announcement.
        let announcement = self.signing().core().announcement(session);
        match (announcement, &self.disk) {
            (Some(announcement), Some(disk)) => {
                disk.sign(*session, announcement, signatures.to_vec());
            }
            _ => self.forget_ended(session),
        }
    }

    fn later(&self, work: impl FnOnce(&mut Store) + Send + 'static) {
        if let Some(disk) = &self.disk {
            disk.later(work);
        }
    }

    pub(super) fn signing(&mut self) -> &mut Behaviour {
        &mut self.swarm.behaviour_mut().signing
    }
}

/// Logs a removal that failed, and returns the error. The abort stands whether or not its approval
/// can be deleted.
fn tell_removal(session: SessionId, removed: Result<(), StoreError>) -> Result<(), HandleError> {
    if let Err(error) = &removed {
        tracing::error!(%session, %error, "aborted a session, but cannot delete its approval: a restart would resume it");
    }
    Ok(removed?)
}

/// Returns whether the session can never be resumed.
fn is_over(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Ended(_)
            | CommandError::Announcement(Offence::Manifest(ManifestError::Over(_)))
    )
}
