//! What the application orders, and what is stored of it.

use super::Task;
use crate::Behaviour;
use crate::node::event::NodeEvent;
use crate::node::handle::{HandleError, Order};
use crate::node::store::{self, Approval, Store, StoreError};
use musig2_proto::{Command, CommandError, ManifestError, Note, Offence, Phase, SessionId};

/// What the others are told when this node stops for good.
const STOPPED: &str = "this signer's node was stopped";

impl Task {
    pub(super) async fn on_order(&mut self, order: Order) {
        // An error in a reply is a caller that has stopped waiting, which does not undo its order.
        match order {
            Order::Ask(question) => question(self.signing()),
            Order::Execute { command, reply } => drop(reply.send(self.execute(command).await)),
            Order::Create { proposal, reply } => {
                drop(reply.send(self.signing().create_session(proposal).map_err(HandleError::from)));
            }
            Order::Signers { signers, reply } => drop(reply.send(self.signers(&signers))),
            Order::Stop { reply } => drop(reply),
        }
    }

    /// Nothing leaves while this runs: what an order made is sent when the swarm is polled again.
    async fn execute(&mut self, command: Command) -> Result<(), HandleError> {
        match command {
            Command::JoinSession { session } => {
                let announcement = self.signing().core().announcement(&session);
                self.approve(announcement.map(|announcement| (session, announcement)), command).await
            }
            Command::ResumeSession { ref announcement } => {
                let session = store::session_of(announcement, self.signing().core().config().max_frame_size);
                self.approve(session.ok().map(|session| (session, announcement.clone())), command).await
            }
            Command::AnnounceSession { session, .. } => {
                self.signing().execute(command)?;
                self.keep_announced(session).await
            }
            Command::AbortSession { session, .. } => {
                self.with_store(move |store| store.remove(&session)).await?;
                Ok(self.signing().execute(command)?)
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
        let Some((session, announcement)) = approval else { return Ok(self.signing().execute(command)?) };
        let is_new = self.with_store(move |store| store.put(&session, &announcement)).await.inspect_err(
            |error| tracing::error!(%session, %error, "not joined: the approval cannot be stored"),
        )?;
        let approved = self.signing().execute(command);
        if approved.is_err() && is_new == Some(true) {
            self.with_store(move |store| store.remove(&session)).await?;
        }
        Ok(approved?)
    }

    /// A session of this node's own can be stored only when it is announced. Where that fails, it ends before anyone has heard of it.
    async fn keep_announced(&mut self, session: SessionId) -> Result<(), HandleError> {
        let Some(announcement) = self.signing().core().announcement(&session) else { return Ok(()) };
        let kept = self.with_store(move |store| store.put(&session, &announcement)).await;
        if let Err(error) = kept {
            tracing::error!(%session, %error, "aborted: the approval cannot be stored");
            let reason = Note::new("this signer's disk failed");
            self.signing().execute(Command::AbortSession { session, reason })?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Takes up what had been approved before this node was started.
    pub(super) fn resume(&mut self, approvals: Vec<Approval>) {
        for Approval { session, announcement, .. } in approvals {
            let resumed = self.signing().execute(Command::ResumeSession { announcement });
            self.events.send(match resumed {
                Ok(()) => NodeEvent::Resumed { session },
                Err(error) => {
                    if is_over(&error) {
                        self.forget_ended(&session);
                    }
                    NodeEvent::NotResumed { session, error: error.to_string() }
                }
            });
        }
    }

    /// Ends this node's part in every session that goes on.
    pub(super) async fn abort_all(&mut self) {
        let goes_on = |phase| !matches!(phase, Phase::Complete | Phase::Aborted);
        let views: Vec<_> = self.signing().core().sessions().filter(|view| goes_on(view.phase)).collect();
        for view in views {
            let reason = Note::new(STOPPED);
            match self.execute(Command::AbortSession { session: view.id, reason }).await {
                // It was never joined, so there is nothing to end.
                Ok(()) | Err(HandleError::Command(CommandError::NotJoined(_))) => {}
                Err(error) => tracing::warn!(%error, session = %view.id, "not aborted"),
            }
        }
    }

    pub(super) fn forget_ended(&self, session: &SessionId) {
        if let Some(store) = &self.store {
            store.ended(session);
        }
    }

    /// `None` where nothing is stored. Waits for the disk without holding up the runtime.
    fn with_store<T, W>(&self, work: W) -> impl Future<Output = Result<Option<T>, StoreError>> + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    {
        let store = self.store.clone();
        async move {
            let Some(store) = store else { return Ok(None) };
            let path = store.folder().to_owned();
            match tokio::task::spawn_blocking(move || work(&store)).await {
                Ok(worked) => worked.map(Some),
                Err(error) => Err(StoreError::Io { path, reason: error.to_string() }),
            }
        }
    }

    pub(super) fn signing(&mut self) -> &mut Behaviour {
        &mut self.swarm.behaviour_mut().signing
    }
}

/// Whether the session can never be taken up again.
fn is_over(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Ended(_) | CommandError::Announcement(Offence::Manifest(ManifestError::Over(_)))
    )
}
