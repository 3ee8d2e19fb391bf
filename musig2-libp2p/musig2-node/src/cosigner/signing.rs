//! A node that stays up and signs what is approved: the part that `cosign` and `run` share.

use super::unwritten::{STORE, Unwritten};
use crate::approval::{Approver, Decision};
use crate::console::Console;
use crate::failure::Failure;
use crate::model::ending::Ending;
use crate::model::line::Line;
use crate::model::record::Approval;
use crate::model::result::SessionResult;
use crate::model::steps::{InSession, Step};
use crate::node::RunningNode;
use crate::node::patience::has_ended;
use crate::results::trail::Trail;
use crate::text::time::now_ms;
use musig2_libp2p::musig2_proto::{
    AbortCause, Command, CommandError, DeclineReason, Event, ManifestError, Phase, PublicKey,
    SessionId, SessionView, Timestamp,
};
use musig2_libp2p::{HandleError, NodeEvent};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio::sync::{mpsc, oneshot};

/// A node, and the approver that decides what it signs.
pub(crate) struct Cosigner<'a> {
    pub(crate) network: RunningNode,
    pub(crate) approver: Approver,
    pub(crate) console: &'a Console,
    /// The folder for proofs against signers.
    pub(crate) evidence_dir: Option<PathBuf>,
    /// The trail of the node's sessions.
    pub(crate) trail: Option<Trail>,
    /// Sessions that somebody has been asked about: at most as many as the node keeps undecided
    /// (`max_discovered_sessions`).
    pub(crate) asked: BTreeMap<SessionId, Box<SessionView>>,
    /// Receives a new approver whenever it changes.
    pub(crate) approvers: Option<mpsc::Receiver<Approver>>,
    /// What the disk did not take.
    pub(super) unwritten: Unwritten,
    /// The node is stopping, and decides on nothing any more.
    pub(super) is_stopping: bool,
}

impl<'a> Cosigner<'a> {
    /// Makes a cosigner that keeps nothing.
    pub(crate) fn new(network: RunningNode, approver: Approver, console: &'a Console) -> Self {
        Self {
            network,
            approver,
            console,
            evidence_dir: None,
            trail: None,
            asked: BTreeMap::new(),
            approvers: None,
            unwritten: Unwritten::default(),
            is_stopping: false,
        }
    }

    /// Signs until it is told to stop, or the node cannot go on. It stops only between two events.
    pub(super) async fn sign(&mut self, mut stop: oneshot::Receiver<()>) -> Result<(), Failure> {
        loop {
            let (disk_due, ignored_due) = (self.unwritten.due(), self.network.ignored.due());
            tokio::select! {
                // Dropping the sender is how a stop is ordered, so this is an error.
                _ = &mut stop => return Ok(()),
                () = disk_due => self.write_again().await?,
                // A remark can wait: nothing that can should come between a question and its
                // answer.
                () = ignored_due, if !self.approver.is_asking() => {
                    let told = self.network.ignored.take();
                    self.console.remark(&told)?;
                }
                event = self.network.next() => self.follow(event?).await?,
                Some(approver) = replaced(&mut self.approvers) => self.decide_again(approver).await?,
                (session, answer) = self.approver.answer() => {
                    let view = self.asked.remove(&session);
                    match answer {
                        Ok(approval) => self.join(session, view.as_deref(), approval).await?,
                        Err(why) => {
                            let reason = self.approver.decliner();
                            self.decline(session, view.as_deref(), reason, why).await?;
                        }
                    }
                }
            }
        }
    }

    /// Handles an event.
    pub(super) async fn follow(&mut self, event: NodeEvent) -> Result<(), Failure> {
        self.trace_restart(&event).await?;
        let has_missed = matches!(event, NodeEvent::Missed { .. });
        match self.network.digest(event, self.console).await? {
            Some((Event::SessionRefused { session, proposer, error }, _)) => {
                self.answer_refused(session, &proposer, &error).await?;
            }
            Some((event, Some(view))) => self.take(&event, &view).await?,
            Some((event, None)) => self.take_of_forgotten(&event),
            None => {}
        }
        if has_missed {
            self.catch_up().await?;
        }
        Ok(())
    }

    async fn take(&mut self, event: &Event, view: &SessionView) -> Result<(), Failure> {
        // The end of this session was reported before this node was restarted.
        if is_signed(event) && self.was_signed(&view.id) {
            return Ok(());
        }
        let is_shown_later =
            matches!(event, Event::SessionDiscovered { .. }) && self.approver.shows_terms();
        if !is_shown_later || self.console.is_json() {
            self.console.step(None, &Step::of(event, view, &self.network.labels))?;
        }
        self.withdraw(event, Some(view));
        match event {
            // The node joins at once, or some time after the approval: see `SessionQueued`.
            Event::SignerJoined { session, signer }
                if *signer == view.me && !view.is_coordinator() =>
            {
                self.console.step(None, &Step::SessionJoined(InSession { session: *session }))?;
            }
            Event::SessionDiscovered { .. } => self.consider(view).await?,
            Event::SessionComplete { signatures, .. } | Event::LateSignature { signatures, .. } => {
                self.ended(view);
                self.console.show(&Line::Result(&SessionResult::of(view, signatures)))?;
            }
            // Not declined: it keeps its place among the undecided, so that its proposer gets no
            // more questions in than others.
            Event::SessionWithdrawn { session, cause, .. } => {
                let reason = self.why_ended(cause, view);
                self.approver.forget(*session, &reason);
                if self.asked.remove(session).is_some() {
                    self.declined(Some(view), "it was withdrawn before anybody decided");
                }
            }
            Event::SessionAborted { session, cause, .. } => {
                self.ended(view);
                if let AbortCause::Convicted { evidence, .. } = cause {
                    self.keep(*session, evidence)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Withdraws the question about a session that has ended, with or without signatures. Returns
    /// the session if somebody was asked about it.
    fn withdraw(&mut self, event: &Event, view: Option<&SessionView>) -> Option<Box<SessionView>> {
        if !event.is_terminal() {
            return None;
        }
        let asked = self.asked.remove(&event.session());
        let reason = match (event, view.or(asked.as_deref())) {
            (Event::SessionAborted { cause, .. }, Some(view)) => self.why_ended(cause, view),
            (Event::SessionComplete { .. }, _) => "it is signed".into(),
            _ => "it is over".into(),
        };
        self.approver.forget(event.session(), &reason);
        asked
    }

    /// Says for the person who was asked why a session ended.
    fn why_ended(&self, cause: &AbortCause, view: &SessionView) -> String {
        Ending::of(view, cause, false, &self.network.labels).to_string()
    }

    /// Considers all sessions that are there: events about them may have been lost.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        for view in self.network.handle.sessions().await? {
            self.consider(&view).await?;
        }
        Ok(())
    }

    /// Decides on a session, unless that has been done.
    async fn consider(&mut self, view: &SessionView) -> Result<(), Failure> {
        let is_decided = view.phase != Phase::Proposed || view.is_coordinator() || view.is_queued;
        if self.is_stopping
            || is_decided
            || self.asked.contains_key(&view.id)
            || self.unwritten.approvals.contains(&view.id)
        {
            return Ok(());
        }
        match self.was_signed(&view.id) {
            true => self.pass_over(view.id).await,
            false => self.decide(view).await,
        }
    }

    async fn decide(&mut self, view: &SessionView) -> Result<(), Failure> {
        let proposer = view.manifest.signer(view.manifest.coordinator());
        let is_known = proposer.is_some_and(|proposer| self.network.roster.knows(proposer));
        match self.approver.decide(view, &self.network.labels, is_known) {
            Decision::Join(approval) => self.join(view.id, Some(view), approval).await,
            Decision::Decline(why) => {
                self.decline(view.id, Some(view), DeclineReason::Policy, why).await
            }
            Decision::Asked => {
                self.asked.insert(view.id, Box::new(view.clone()));
                Ok(())
            }
        }
    }

    /// Decides by another policy from now on, including on sessions that the former one asked
    /// somebody about and got no answer yet.
    async fn decide_again(&mut self, approver: Approver) -> Result<(), Failure> {
        self.approver = approver;
        for view in std::mem::take(&mut self.asked).into_values() {
            self.decide(&view).await?;
        }
        Ok(())
    }

    /// Records the signatures of a session of which the node has no view, because it ended
    /// undecided.
    pub(super) fn take_of_forgotten(&mut self, event: &Event) {
        if let (
            Some(trail),
            Event::SessionComplete { session, signatures }
            | Event::LateSignature { session, signatures },
        ) = (&self.trail, event)
        {
            trail.signed(session, signatures);
        }
        if let Some(view) = self.withdraw(event, None) {
            self.declined(Some(&view), "it ended before anybody decided");
        }
    }

    async fn join(
        &mut self,
        session: SessionId,
        view: Option<&SessionView>,
        approval: Approval,
    ) -> Result<(), Failure> {
        self.approved(view, approval);
        self.try_join(session).await
    }

    pub(super) async fn try_join(&mut self, session: SessionId) -> Result<(), Failure> {
        let joined = self.network.handle.execute(Command::JoinSession { session }).await;
        let was_unwritten = match &joined {
            Err(HandleError::Store(error)) => {
                self.network.works(STORE, Some(format!("cannot join sessions: {error}")));
                !self.unwritten.approvals.insert(session)
            }
            _ => self.unwritten.approvals.remove(&session),
        };
        self.tell_problems();
        let step = match joined {
            // An event reports that it has joined, or that it waits for its turn.
            Ok(()) => return Ok(()),
            // Either something that came with the announcement ended the session, and an event
            // reports that; or the session ended before it was approved, and no event follows.
            Err(HandleError::Command(CommandError::Ended(_))) => return self.over(session).await,
            Err(HandleError::Command(
                error @ (CommandError::AlreadyJoined(_) | CommandError::UnknownSession(_)),
            )) => {
                self.over(session).await?;
                Step::SessionError {
                    session: InSession { session },
                    error: format!("cannot join: {error}"),
                }
            }
            // If it stayed undecided, it would keep other sessions from being discovered until it
            // expires.
            Err(HandleError::Command(error)) => {
                let why = format!("cannot join: {error}");
                self.gave_up(session, why.clone());
                return self.decline(session, None, hindrance(&error), why).await;
            }
            Err(HandleError::Store(_)) if was_unwritten => return Ok(()),
            Err(HandleError::Store(error)) => Step::SessionError {
                session: InSession { session },
                error: format!("not joined yet, retrying while the session is open: {error}"),
            },
            Err(stopped) => return Err(stopped.into()),
        };
        self.console.step(None, &step)
    }

    async fn decline(
        &mut self,
        session: SessionId,
        view: Option<&SessionView>,
        reason: DeclineReason,
        why: String,
    ) -> Result<(), Failure> {
        tracing::info!(%session, reason = why, "declined");
        self.declined(view, &why);
        let told = match view {
            Some(view) => self.network.told.reason_in(view, reason),
            None => {
                let view = self.network.handle.session(session).await?;
                view.and_then(|view| self.network.told.reason_in(&view, reason))
            }
        };
        self.order_decline(session, told).await?;
        self.console
            .step(None, &Step::SessionDeclined { session: InSession { session }, reason: why })
    }

    /// Handles a session that the node cannot take part in; its proposer may be told the reason.
    async fn answer_refused(
        &self,
        session: SessionId,
        proposer: &PublicKey,
        error: &ManifestError,
    ) -> Result<(), Failure> {
        let reason = match error {
            ManifestError::InFuture(_) | ManifestError::Over(_) => {
                DeclineReason::Clock { time: Timestamp::from_millis(now_ms()) }
            }
            _ => DeclineReason::Unsupported,
        };
        match self.network.told.reason(proposer, reason) {
            None => Ok(()),
            told => self.order_decline(session, told).await,
        }
    }

    async fn order_decline(
        &self,
        session: SessionId,
        reason: Option<DeclineReason>,
    ) -> Result<(), Failure> {
        match self.network.handle.execute(Command::DeclineSession { session, reason }).await {
            // A session that the core has forgotten meanwhile counts as declined as well. If an
            // approval could not be deleted, the log says so.
            Ok(()) | Err(HandleError::Command(_) | HandleError::Store(_)) => Ok(()),
            Err(stopped) => Err(stopped.into()),
        }
    }

    /// Declines, without asking anybody, a session that this node signed before it was restarted.
    /// What it resumes besides that is other signers' sessions.
    async fn pass_over(&self, session: SessionId) -> Result<(), Failure> {
        tracing::info!(%session, "signed before this node restarted: not asking again");
        self.order_decline(session, None).await
    }
}

/// Returns the reason, for the proposer, why this node cannot join what was approved.
fn hindrance(error: &CommandError) -> DeclineReason {
    match error {
        CommandError::QueueFull(_) | CommandError::TooManyJoined(_) => DeclineReason::Busy,
        _ => DeclineReason::Unsupported,
    }
}

/// Waits for a new approver. Cancel-safe.
async fn replaced(approvers: &mut Option<mpsc::Receiver<Approver>>) -> Option<Approver> {
    match approvers {
        Some(approvers) => approvers.recv().await,
        None => None,
    }
}

/// Returns whether the event brings signatures.
fn is_signed(event: &Event) -> bool {
    matches!(event, Event::SessionComplete { .. } | Event::LateSignature { .. })
}

/// What the trail is told.
impl Cosigner<'_> {
    fn approved(&self, view: Option<&SessionView>, approval: Approval) {
        if let (Some(trail), Some(view)) = (&self.trail, view) {
            trail.approved(view, approval);
        }
    }

    fn declined(&self, view: Option<&SessionView>, reason: &str) {
        if let (Some(trail), Some(view)) = (&self.trail, view) {
            trail.declined(view, reason.into());
        }
    }

    /// Records that an approved session does not continue.
    fn gave_up(&self, session: SessionId, problem: String) {
        if let Some(trail) = &self.trail {
            trail.gave_up(&session, problem);
        }
    }

    /// Records the end of an approved session that is over or forgotten, so that it does not stay
    /// open in the trail.
    pub(super) async fn over(&self, session: SessionId) -> Result<(), Failure> {
        match self.network.handle.session(session).await? {
            Some(view) if has_ended(&view) => self.ended(&view),
            Some(_) => {}
            None => self.gave_up(session, "it ended before it could be joined".into()),
        }
        Ok(())
    }

    async fn trace_restart(&self, event: &NodeEvent) -> Result<(), Failure> {
        match event {
            NodeEvent::Resumed { session } => {
                let view = self.network.handle.session(*session).await?;
                if let (Some(trail), Some(view)) = (&self.trail, view) {
                    trail.took_up(&view);
                }
            }
            NodeEvent::NotResumed { session, error } => self.gave_up(*session, error.clone()),
            _ => {}
        }
        Ok(())
    }

    /// Returns whether its signatures were recorded before this node started.
    fn was_signed(&self, session: &SessionId) -> bool {
        self.trail.as_ref().is_some_and(|trail| trail.was_signed(session))
    }

    fn ended(&self, view: &SessionView) {
        if let Some(trail) = &self.trail {
            trail.ended(view);
        }
    }
}

#[cfg(test)]
mod tests;
