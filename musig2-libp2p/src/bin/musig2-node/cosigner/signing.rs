//! A node that stays up and signs what is approved: what `cosign` and `run` have in common.

use super::unwritten::{STORE, Unwritten};
use crate::approval::{Approver, Decision};
use crate::failure::Failure;
use crate::network::Network;
use crate::report::{Console, Line};
use crate::result::SessionResult;
use crate::results::record::Approval;
use crate::results::trail::Trail;
use crate::steps::{Session, Step};
use musig2_libp2p::musig2_proto::{AbortCause, Command, CommandError, Event, SessionId, SessionView};
use musig2_libp2p::{HandleError, NodeEvent};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// A node, and who decides what it signs.
pub(crate) struct Cosigner<'a> {
    pub(crate) network: Network,
    pub(crate) approver: Approver,
    pub(crate) console: &'a Console,
    /// Where proofs against signers are kept.
    pub(crate) evidence_dir: Option<PathBuf>,
    /// What is kept of sessions.
    pub(crate) trail: Option<Trail>,
    /// Sessions that somebody was asked about: as many as the node keeps undecided (`max_discovered_sessions`).
    pub(crate) asked: BTreeMap<SessionId, Box<SessionView>>,
    /// Who decides from now on, if that changes.
    pub(crate) approvers: Option<mpsc::Receiver<Approver>>,
    /// What the disk did not take.
    pub(super) unwritten: Unwritten,
}

impl<'a> Cosigner<'a> {
    /// That keeps nothing.
    pub(crate) fn new(network: Network, approver: Approver, console: &'a Console) -> Self {
        Self {
            network,
            approver,
            console,
            evidence_dir: None,
            trail: None,
            asked: BTreeMap::new(),
            approvers: None,
            unwritten: Unwritten::default(),
        }
    }

    /// Returns when the node cannot go on.
    pub(crate) async fn run(&mut self) -> Result<(), Failure> {
        loop {
            let disk_due = self.unwritten.due();
            tokio::select! {
                () = disk_due => self.write_again().await?,
                event = self.network.next() => {
                    let event = event?;
                    self.trace_restart(&event).await?;
                    match self.network.digest(event, self.console).await? {
                        Some((event, Some(view))) => self.take(&event, &view).await?,
                        Some((event, None)) => self.take_of_forgotten(&event).await,
                        None => {}
                    }
                }
                Some(approver) = replaced(&mut self.approvers) => self.decide_again(approver).await?,
                (session, answer) = self.approver.answer() => {
                    let view = self.asked.remove(&session);
                    match answer {
                        Ok(approval) => self.join(session, view.as_deref(), approval).await?,
                        Err(reason) => self.decline(session, view.as_deref(), reason).await?,
                    }
                }
            }
        }
    }

    async fn take(&mut self, event: &Event, view: &SessionView) -> Result<(), Failure> {
        let is_shown_later = matches!(event, Event::SessionDiscovered { .. }) && self.approver.shows_terms();
        if !is_shown_later || self.console.is_json() {
            self.console.step(None, &Step::of(event, view, &self.network.labels))?;
        }
        match event {
            // At once, or some time after it was approved: see `SessionQueued`.
            Event::SignerJoined { session, signer } if *signer == view.me && !view.is_coordinator() => {
                self.console.step(None, &Step::SessionJoined(Session { session: *session }))?;
            }
            Event::SessionDiscovered { session } if self.was_signed(session) => {
                self.pass_over(*session).await?;
            }
            Event::SessionDiscovered { .. } => self.decide(view).await?,
            // Its result was told before this node was started again.
            Event::SessionComplete { session, .. } | Event::LateSignature { session, .. }
                if self.was_signed(session) => {}
            Event::SessionComplete { signatures, .. } | Event::LateSignature { signatures, .. } => {
                self.ended(view).await;
                self.console.show(&Line::Result(&SessionResult::of(view, signatures)))?;
            }
            // Not declined: it keeps its place among those that wait, so that its proposer asks no more than others.
            Event::SessionWithdrawn { session, .. } => {
                self.approver.forget(*session);
                if self.asked.remove(session).is_some() {
                    self.declined(Some(view), "it was withdrawn before anybody had decided").await;
                }
            }
            Event::SessionAborted { session, cause, .. } => {
                self.approver.forget(*session);
                self.asked.remove(session);
                self.ended(view).await;
                if let AbortCause::Convicted { evidence, .. } = cause {
                    self.keep(*session, evidence)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn decide(&mut self, view: &SessionView) -> Result<(), Failure> {
        match self.approver.decide(view, &self.network.labels) {
            Decision::Join(approval) => self.join(view.id, Some(view), approval).await,
            Decision::Decline(reason) => self.decline(view.id, Some(view), reason).await,
            Decision::Asked => {
                self.asked.insert(view.id, Box::new(view.clone()));
                Ok(())
            }
        }
    }

    /// By another policy, also on those sessions that somebody was asked about by the former one and has not answered yet.
    async fn decide_again(&mut self, approver: Approver) -> Result<(), Failure> {
        self.approver = approver;
        for view in std::mem::take(&mut self.asked).into_values() {
            self.decide(&view).await?;
        }
        Ok(())
    }

    /// Nothing is left of a session that ended undecided.
    async fn take_of_forgotten(&mut self, event: &Event) {
        if let Event::SessionAborted { session, .. } = event {
            self.approver.forget(*session);
            if let Some(view) = self.asked.remove(session) {
                self.declined(Some(&view), "it ended before anybody had decided").await;
            }
        }
    }

    async fn join(
        &mut self,
        session: SessionId,
        view: Option<&SessionView>,
        approval: Approval,
    ) -> Result<(), Failure> {
        self.approved(view, approval).await;
        self.try_join(session).await
    }

    pub(super) async fn try_join(&mut self, session: SessionId) -> Result<(), Failure> {
        let joined = self.network.handle.execute(Command::JoinSession { session }).await;
        let was_unwritten = match &joined {
            Err(HandleError::Store(error)) => {
                self.network.works(STORE, Some(format!("sessions are not joined: {error}")));
                !self.unwritten.approvals.insert(session)
            }
            _ => self.unwritten.approvals.remove(&session),
        };
        self.tell_problems();
        let step = match joined {
            // The event says when it is joined, or that it waits for its turn.
            Ok(()) => return Ok(()),
            // What came with the announcement ended it: of that the application hears by itself.
            Err(HandleError::Command(CommandError::Ended(_))) => return Ok(()),
            Err(HandleError::Command(
                error @ (CommandError::AlreadyJoined(_) | CommandError::UnknownSession(_)),
            )) => Step::SessionError { session: Session { session }, error: format!("cannot join: {error}") },
            // Left undecided, it would keep others from being discovered until it expires.
            Err(HandleError::Command(error)) => {
                let reason = format!("cannot join: {error}");
                self.took_up(session, None, Some(reason.clone())).await;
                return self.decline(session, None, reason).await;
            }
            Err(HandleError::Store(_)) if was_unwritten => return Ok(()),
            Err(HandleError::Store(error)) => Step::SessionError {
                session: Session { session },
                error: format!("not joined, and tried again while it is open: {error}"),
            },
            Err(stopped) => return Err(stopped.into()),
        };
        self.console.step(None, &step)
    }

    async fn decline(
        &mut self,
        session: SessionId,
        view: Option<&SessionView>,
        reason: String,
    ) -> Result<(), Failure> {
        tracing::info!(%session, reason, "declined");
        self.declined(view, &reason).await;
        match self.network.handle.execute(Command::DeclineSession { session }).await {
            // One that the core forgot by itself meanwhile is declined as well.
            Ok(()) | Err(HandleError::Command(_)) => {}
            Err(stopped) => return Err(stopped.into()),
        }
        self.console.step(None, &Step::SessionDeclined { session: Session { session }, reason })
    }

    /// This node signed it before it was started again, and nobody need be asked again: what it takes up beside is others' sessions.
    async fn pass_over(&self, session: SessionId) -> Result<(), Failure> {
        tracing::info!(%session, "signed before this node was started again: not asked again");
        match self.network.handle.execute(Command::DeclineSession { session }).await {
            Ok(()) | Err(HandleError::Command(_)) => Ok(()),
            Err(stopped) => Err(stopped.into()),
        }
    }
}

/// Who decides from now on. Cancel-safe.
async fn replaced(approvers: &mut Option<mpsc::Receiver<Approver>>) -> Option<Approver> {
    match approvers {
        Some(approvers) => approvers.recv().await,
        None => None,
    }
}

/// What is kept of sessions.
impl Cosigner<'_> {
    async fn approved(&self, view: Option<&SessionView>, approval: Approval) {
        if let (Some(trail), Some(view)) = (&self.trail, view) {
            trail.approved(view, approval).await;
        }
    }

    async fn declined(&self, view: Option<&SessionView>, reason: &str) {
        if let (Some(trail), Some(view)) = (&self.trail, view) {
            trail.declined(view, reason.into()).await;
        }
    }

    /// A session that had been approved, and goes on or does not.
    async fn took_up(&self, session: SessionId, view: Option<SessionView>, problem: Option<String>) {
        if let Some(trail) = &self.trail {
            trail.took_up(session, view, problem).await;
        }
    }

    async fn trace_restart(&self, event: &NodeEvent) -> Result<(), Failure> {
        match event {
            NodeEvent::Resumed { session } => {
                let view = self.network.handle.session(*session).await?;
                self.took_up(*session, view, None).await;
            }
            NodeEvent::NotResumed { session, error } => {
                self.took_up(*session, None, Some(error.clone())).await;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether its signatures were recorded before this node was started.
    fn was_signed(&self, session: &SessionId) -> bool {
        self.trail.as_ref().is_some_and(|trail| trail.was_signed(session))
    }

    async fn ended(&self, view: &SessionView) {
        if let Some(trail) = &self.trail {
            trail.ended(view).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyfile;
    use crate::labels::Labels;
    use crate::questions::Questions;
    use musig2_libp2p::NodeConfig;
    use std::cell::RefCell;

    thread_local! {
        static SAID: RefCell<String> = const { RefCell::new(String::new()) };
    }

    #[tokio::test]
    async fn a_question_is_taken_back_when_its_session_ends_undecided() {
        let session = SessionId::new([1; 32]);
        let say = |text: &str| SAID.with_borrow_mut(|said| said.push_str(text));
        let (secret, _) = keyfile::generate().unwrap();
        let config = NodeConfig::default().with_listen([]);
        let network = Network::start(config, secret, Labels::default()).unwrap();
        let approver = Approver::Person(Questions::asking(session, say));
        let console = Console::new(true);
        let mut cosigner = Cosigner::new(network, approver, &console);
        let cause = AbortCause::Expired { awaiting: Vec::new() };
        cosigner.take_of_forgotten(&Event::SessionAborted { session, cause, released: false }).await;
        assert_eq!(SAID.take(), "Session 01010101 has ended: no answer is needed.\n");
    }
}
