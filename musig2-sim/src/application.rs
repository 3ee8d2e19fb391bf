//! The application on top of each node: it approves, steps if stepping is manual, and writes down
//! what it is told.

use crate::plan::{Answer, Disk, NodePlan};
use crate::protocol;
use crate::storage::Storage;
use crate::time::Micros;
use musig2_proto::wire::announcement::Announcement;
use musig2_proto::{
    Command, CommandError, DeclineReason, Event, ManifestError, Note, Report, SessionId, Stepping,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// What one node's application did and was told, from one start of the node to its crash. The
/// plan's `step_limit` bounds it: each entry was a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Application {
    /// Each event, and when it came.
    pub events: Vec<(Micros, Event)>,
    /// Each report, and when it came.
    pub reports: Vec<(Micros, Report)>,
    /// Each order that the node refused, and when.
    pub refusals: Vec<(Micros, Command, CommandError)>,
    /// The sessions that this application consented to, by making or joining them.
    pub approved: BTreeSet<SessionId>,
    /// Those of them that have not ended on this node.
    pub open: BTreeSet<SessionId>,
    /// The sessions that a crash made the node forget and that have not ended there since, with
    /// their expiry by the node's clock.
    pub forgotten: BTreeMap<SessionId, Timestamp>,
    /// What it stores on disk, where it may survive a crash.
    pub stored: Storage,
}

impl Application {
    /// Records that the node carried out an order.
    pub(crate) fn ordered(&mut self, now: Micros, command: &Command) {
        match command {
            Command::JoinSession { session } => self.approve(now, *session),
            Command::ResumeSession { announcement } => {
                let resumed = protocol::decode::<Announcement>(announcement);
                if let Some(session) = resumed.map(|resumed| resumed.content.manifest.id()) {
                    self.approve(now, session);
                    self.stored.announce(now, session, announcement.clone());
                }
            }
            _ => {}
        }
    }

    /// Records an event. Returns what to order next, and after how long.
    pub(crate) fn told(
        &mut self,
        at: Micros,
        clock: Timestamp,
        event: Event,
        plan: &NodePlan,
        stepping: Stepping,
    ) -> Option<(Micros, Command)> {
        let session = event.session();
        let manual = stepping == Stepping::Manual;
        let (answer, command) = match &event {
            Event::SessionDiscovered { .. } => {
                // A decision from before the crash is on disk and is not reconsidered.
                let decided = self.stored.approved().contains(&session);
                let answer = if decided { Answer::AT_ONCE } else { plan.approval };
                (answer, Some(Command::JoinSession { session }))
            }
            // A signer that cannot take part tells why, unless it tells nothing at all.
            Event::SessionRefused { error, .. } => {
                let reason = match **error {
                    ManifestError::InFuture(_) | ManifestError::Over(_) => {
                        DeclineReason::Clock { time: clock }
                    }
                    _ => DeclineReason::Unsupported,
                };
                (Answer::AT_ONCE, Some(decline(session, reason)))
            }
            // A new attempt begins with new nonces.
            Event::SessionReady { .. } | Event::AttemptRestarted { .. } if manual => {
                (plan.stepping, Some(Command::ShareNonces { session }))
            }
            Event::NoncesComplete { .. } if manual => {
                (plan.stepping, Some(Command::SharePartialSignatures { session }))
            }
            Event::PartialSigsComplete { .. } if manual => {
                (plan.finalizing, Some(Command::FinalizeSession { session }))
            }
            Event::SessionCreated { .. } => {
                self.approve(at, session);
                (Answer::Never, None)
            }
            event if event.is_terminal() => {
                self.open.remove(&session);
                self.forgotten.remove(&session);
                self.stored.end(at, session);
                (Answer::Never, None)
            }
            _ => (Answer::Never, None),
        };
        self.events.push((at, event));
        match answer {
            Answer::After(delay) => command.map(|command| (delay, command)),
            Answer::Refuses(delay) => command.map(|command| (delay, opposite(&command, session))),
            Answer::Never => None,
        }
    }

    fn approve(&mut self, now: Micros, session: SessionId) {
        self.approved.insert(session);
        self.stored.approve(now, session);
        if self.terminal(&session).is_none() {
            self.open.insert(session);
        }
    }

    /// Records that its node crashed, when each of the node's sessions would have expired, and what
    /// the disk kept.
    pub(crate) fn crash(
        &mut self,
        now: Micros,
        expiries: &BTreeMap<SessionId, Timestamp>,
        disk: Disk,
    ) {
        let approved = self.approved.iter().filter_map(|id| Some((*id, *expiries.get(id)?)));
        self.forgotten.extend(approved);
        self.open.clear();
        self.stored.crash(now, disk);
    }

    /// Returns the application as it is when its node comes back.
    pub(crate) fn next_life(&self) -> Self {
        Self { forgotten: self.forgotten.clone(), stored: self.stored.clone(), ..Self::default() }
    }

    /// Returns when and how a session ended on this node, if it has.
    pub fn terminal(&self, session: &SessionId) -> Option<(Micros, &Event)> {
        self.terminals(session).next()
    }

    pub(crate) fn terminals(&self, session: &SessionId) -> impl Iterator<Item = (Micros, &Event)> {
        let session = *session;
        let ended = move |event: &Event| event.is_terminal() && event.session() == session;
        self.events.iter().filter(move |(_, event)| ended(event)).map(|(at, event)| (*at, event))
    }
}

/// Makes the order to decline. For half of the sessions the proposer is not told, so that both ways
/// are tried.
fn decline(session: SessionId, reason: DeclineReason) -> Command {
    let is_told = session.as_bytes()[0] & 1 == 0;
    Command::DeclineSession { session, reason: is_told.then_some(reason) }
}

/// Returns what an application orders if it does not want what is asked.
fn opposite(asked: &Command, session: SessionId) -> Command {
    match asked {
        Command::JoinSession { .. } => decline(session, DeclineReason::Person),
        _ => Command::AbortSession { session, reason: Note::new("not wanted") },
    }
}
