//! The application on top of each node: it approves, steps where stepping is manual, and writes down what it is told.

use crate::plan::{Answer, NodePlan};
use crate::time::Micros;
use musig2_proto::{Command, CommandError, Event, Report, SessionId, Stepping};
use std::collections::{BTreeMap, BTreeSet};

/// What one node's application did and was told, from one start of the node to its crash. Bounded by the plan's `step_limit`: each entry was a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Application {
    /// Each event, and when it came.
    pub events: Vec<(Micros, Event)>,
    /// Each report, and when it came.
    pub reports: Vec<(Micros, Report)>,
    /// Each order that the node refused, and when.
    pub refusals: Vec<(Micros, Command, CommandError)>,
    /// The sessions this application consented to: by making or by joining them.
    pub approved: BTreeSet<SessionId>,
    /// Those of them that have not ended here.
    pub open: BTreeSet<SessionId>,
    /// Those that a crash made the node forget and that have not ended here since, with the end of their time.
    pub forgotten: BTreeMap<SessionId, Micros>,
    /// The announcement of each session announced or joined here: the one thing that a crash does not take. Only used
    /// where the plan says that this application [resumes](NodePlan::resumes).
    pub kept: BTreeMap<SessionId, Vec<u8>>,
}

impl Application {
    /// Notes that the node carried out an order.
    pub(crate) fn ordered(&mut self, command: &Command) {
        match command {
            Command::JoinSession { session } => self.approve(*session),
            Command::ResumeSession { announcement } => {
                let resumed = self.kept.iter().find(|(_, kept)| *kept == announcement);
                if let Some(session) = resumed.map(|(session, _)| *session) {
                    self.approve(session);
                }
            }
            _ => {}
        }
    }

    /// Notes an event; answers with what to order next, and after how long.
    pub(crate) fn told(
        &mut self,
        at: Micros,
        event: Event,
        plan: &NodePlan,
        stepping: Stepping,
    ) -> Option<(Micros, Command)> {
        let session = event.session();
        let manual = stepping == Stepping::Manual;
        let (answer, command) = match &event {
            Event::SessionDiscovered { .. } => (plan.approval, Some(Command::JoinSession { session })),
            // A new attempt begins with new nonces.
            Event::SessionReady { .. } | Event::AttemptRestarted { .. } if manual => {
                (plan.stepping, Some(Command::ShareNonces { session }))
            }
            Event::NoncesComplete { .. } if manual => {
                (plan.stepping, Some(Command::SharePartialSignatures { session }))
            }
            Event::PartialSigsComplete { .. } if manual => {
                (plan.stepping, Some(Command::FinalizeSession { session }))
            }
            Event::SessionCreated { .. } => {
                self.approve(session);
                (Answer::Never, None)
            }
            event if event.is_terminal() => {
                self.open.remove(&session);
                self.forgotten.remove(&session);
                (Answer::Never, None)
            }
            _ => (Answer::Never, None),
        };
        self.events.push((at, event));
        match answer {
            Answer::After(delay) => command.map(|command| (delay, command)),
            Answer::Never => None,
        }
    }

    fn approve(&mut self, session: SessionId) {
        self.approved.insert(session);
        if self.terminal(&session).is_none() {
            self.open.insert(session);
        }
    }

    /// Notes that its node crashed, and when each of the node's sessions would have been over.
    pub(crate) fn forget(&mut self, expiries: &BTreeMap<SessionId, Micros>) {
        let approved = self.approved.iter().filter_map(|id| Some((*id, *expiries.get(id)?)));
        self.forgotten.extend(approved);
        self.open.clear();
    }

    /// What is left when its node comes back.
    pub(crate) fn next_life(&self) -> Self {
        Self { forgotten: self.forgotten.clone(), kept: self.kept.clone(), ..Self::default() }
    }

    /// When and how a session ended here, where it has.
    pub fn terminal(&self, session: &SessionId) -> Option<(Micros, &Event)> {
        self.terminals(session).next()
    }

    pub(crate) fn terminals(&self, session: &SessionId) -> impl Iterator<Item = (Micros, &Event)> {
        let session = *session;
        let ended = move |event: &Event| event.is_terminal() && event.session() == session;
        self.events.iter().filter(move |(_, event)| ended(event)).map(|(at, event)| (*at, event))
    }
}
