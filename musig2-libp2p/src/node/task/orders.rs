//! What the application orders, and what is stored of it.

use super::Task;
use crate::Behaviour;
use crate::node::event::NodeEvent;
use crate::node::handle::{HandleError, Order};
use crate::node::store::{self, Approval, Store, StoreError};
use musig2_proto::{
    Command, CommandError, ManifestError, Note, Offence, Phase, SessionId, SessionView, Signature,
};

/// What the others are told when this node stops for good.
const STOPPED: &str = "this signer's node was stopped";

impl Task {
    pub(super) async fn on_order(&mut self, order: Order) {
        // An error in a reply is a caller that has stopped waiting, which does not undo its order.
        match order {
            Order::Ask(question) => question(self.signing()),
            Order::Execute { command, reply } => {
                let taken_back = self.takes_back(&command);
                let done = self.execute(command).await;
                match (&self.disk, taken_back) {
                    // Whoever is told that a session has ended relies on it: a restart must not take it up again.
                    (Some(disk), Some(session)) if done.is_ok() => {
                        let removed = disk.remove(session);
                        tokio::spawn(async move {
                            drop(reply.send(tell_removal(session, removed.await)))
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

    /// The session whose approval is void once the order is carried out.
    fn takes_back(&mut self, command: &Command) -> Option<SessionId> {
        match command {
            Command::AbortSession { session, .. } | Command::GiveUp { session } => Some(*session),
            // Of what waits for nobody's turn nothing is stored: it was not approved.
            Command::DeclineSession { session, .. } => {
                let view = self.signing().core().session(session)?;
                view.is_queued.then_some(*session)
            }
            _ => None,
        }
    }

    /// Nothing leaves while this runs: what an order made is sent when the swarm is polled again.
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

    /// The approval is on disk before the consent leaves.
    async fn approve(
        &mut self,
        approval: Option<(SessionId, Vec<u8>)>,
        command: Command,
    ) -> Result<(), HandleError> {
        let Some((session, announcement)) = approval else {
            return Ok(self.signing().execute(command)?);
        };
        let is_new = self.put(session, announcement).await.inspect_err(
            |error| tracing::error!(%session, %error, "not joined: the approval cannot be stored"),
        )?;
        let approved = self.signing().execute(command);
        if approved.is_err() && is_new {
            self.forget_ended(&session);
        }
        Ok(approved?)
    }

    /// A session of this node's own can be stored only when it is announced. Where that fails, it ends before anyone has heard of it.
    async fn keep_announced(&mut self, session: SessionId) -> Result<(), HandleError> {
        let Some(announcement) = self.signing().core().announcement(&session) else {
            return Ok(());
        };
        if let Err(error) = self.put(session, announcement).await {
            tracing::error!(%session, %error, "aborted: the approval cannot be stored");
            let reason = Note::new("this signer's disk failed");
            self.signing().execute(Command::AbortSession { session, reason })?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Stores an approval. Says whether it is new.
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

    /// Takes up what had been approved before this node was started, and knows again what had been signed.
    pub(super) fn resume(&mut self, approvals: Vec<Approval>) {
        for Approval { session, announcement, signatures, .. } in approvals {
            let is_signed = signatures.is_some();
            let resumed = self.signing().execute(match signatures {
                Some(signatures) => Command::TellSignatures { announcement, signatures },
                None => Command::ResumeSession { announcement },
            });
            match resumed {
                // The event that it is complete comes again.
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

    /// Ends this node's part in every session that goes on.
    pub(super) fn abort_all(&mut self) {
        let goes_on = |phase| !matches!(phase, Phase::Complete | Phase::Aborted);
        let views: Vec<_> =
            self.signing().core().sessions().filter(|view| goes_on(view.phase)).collect();
        for SessionView { id: session, .. } in views {
            let reason = Note::new(STOPPED);
            match self.signing().execute(Command::AbortSession { session, reason }) {
                Ok(()) => {
                    self.later(move |store| drop(tell_removal(session, store.remove(&session))))
                }
                // It was never joined, so there is nothing to end.
                Err(CommandError::NotJoined(_)) => {}
                Err(error) => tracing::warn!(%error, %session, "not aborted"),
            }
        }
    }

    /// A session has ended without signatures.
    pub(super) fn forget_ended(&self, session: &SessionId) {
        let session = *session;
        self.later(move |store| store.ended(&session));
    }

    /// A session has ended with these signatures. Perhaps nobody else has them: after a restart this node still does.
    pub(super) fn keep_signatures(&mut self, session: &SessionId, signatures: &[Signature]) {
        // Of what nobody here had approved there is none.
        let announcement = self.signing().core().announcement(session);
        match (announcement, &self.disk) {
            (Some(announcement), Some(disk)) => {
                disk.sign(*session, announcement, signatures.to_vec())
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

/// An abort holds, whether or not its approval can be deleted.
fn tell_removal(session: SessionId, removed: Result<(), StoreError>) -> Result<(), HandleError> {
    if let Err(error) = &removed {
        tracing::error!(%session, %error, "aborted, and a restart would take it up again: its approval cannot be deleted");
    }
    Ok(removed?)
}

/// Whether the session can never be taken up again.
fn is_over(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Ended(_)
            | CommandError::Announcement(Offence::Manifest(ManifestError::Over(_)))
    )
}
