//! The run as turns: each call of a node, with what it gave out.

use super::data::{Note, Turn};
use super::lanes::Sessions;
use super::states;
use crate::ids::NodeId;
use crate::trace::{Action, Step};
use musig2_proto::{AbortCause, Command, Event, SessionId};

/// Returns the turns, in order. [`super::messages`] later tells a turn which message it is about.
pub(super) fn of(steps: &[Step], sessions: &Sessions) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let Step { at, node, action } = step;
        match part(action) {
            Part::Input(kind) => {
                let current = turns.iter_mut().rfind(|turn| turn.node == node.get());
                match current.filter(|turn| is_of_the_start(turn, step)) {
                    Some(start) => start.notes.push(note(number, action, sessions)),
                    None => {
                        let cause = cause(&steps[..number], *node, action);
                        turns.push(Turn {
                            step: number,
                            at: at.get(),
                            node: node.get(),
                            kind,
                            text: action.to_string(),
                            message: None,
                            cause: cause.map(|cause| turn_of(&turns, node.get(), cause)),
                            session: ordered(action).and_then(|session| sessions.number(session)),
                            notes: Vec::new(),
                        });
                    }
                }
            }
            Part::Output => {
                if let Some(turn) = turns.iter_mut().rfind(|turn| turn.node == node.get()) {
                    turn.notes.push(note(number, action, sessions));
                }
            }
            Part::Message => {}
        }
    }
    turns
}

/// Returns the step of the turn to which a node's step belongs.
pub(super) fn turn_of(turns: &[Turn], node: u16, step: usize) -> usize {
    let before = turns.partition_point(|turn| turn.step <= step);
    let turn = turns[..before].iter().rfind(|turn| turn.node == node);
    turn.map_or(step, |turn| turn.step)
}

/// The part that a step plays in a turn.
enum Part {
    /// It begins a turn of this kind.
    Input(&'static str),
    /// It is something that the node said.
    Output,
    /// It is a message, drawn as an arrow.
    Message,
}

fn part(action: &Action) -> Part {
    match action {
        Action::Started => Part::Input("started"),
        Action::Restarted => Part::Input("restarted"),
        Action::Crashed { .. } => Part::Input("crashed"),
        Action::Paused { .. } => Part::Input("paused"),
        Action::Resumed => Part::Input("resumed"),
        Action::ClockSet { .. } => Part::Input("clock"),
        Action::Ordered(_) => Part::Input("ordered"),
        Action::Ticked => Part::Input("ticked"),
        Action::Received { .. } => Part::Input("received"),
        Action::Missed { .. } => Part::Input("missed"),
        Action::PeerLost(_) | Action::PeerConnected(_) => Part::Input("peer"),
        Action::Refused(_) | Action::Event(_) | Action::Reported(_) => Part::Output,
        Action::Sent { .. } | Action::Published { .. } | Action::Spread { .. } => Part::Message,
    }
}

/// Returns whether a step tells a starting node a contact. These steps are shown within the start's
/// turn, or they would crowd the picture.
fn is_of_the_start(turn: &Turn, step: &Step) -> bool {
    matches!(turn.kind, "started" | "restarted")
        && turn.at == step.at.get()
        && matches!(
            step.action,
            Action::Ordered(Command::SetContact(_) | Command::AddContact { .. })
        )
}

fn note(step: usize, action: &Action, sessions: &Sessions) -> Note {
    let (mark, session, evidence) = match action {
        Action::Event(event) => (mark(event), Some(event.session()), evidence(event)),
        Action::Refused(_) => (Some("refused"), None, None),
        Action::Reported(_) => (Some("reported"), None, None),
        _ => (None, None, None),
    };
    let session = session.and_then(|session| sessions.number(&session));
    // Evidence is shown field by field, not in the text.
    let text = match action {
        Action::Event(Event::SessionAborted {
            cause: AbortCause::Convicted { signer, fault, .. },
            ..
        }) => {
            format!("session ABORTED: signer {signer} convicted of {fault:?}")
        }
        action => action.to_string(),
    };
    Note { step, text, session, mark, evidence }
}

fn mark(event: &Event) -> Option<&'static str> {
    match event {
        Event::SessionComplete { .. } | Event::LateSignature { .. } => Some("complete"),
        Event::SessionAborted { .. } => Some("aborted"),
        Event::SessionError { .. } => Some("error"),
        Event::Stalled { .. } => Some("stalled"),
        Event::AttemptRestarted { .. } => Some("attempt"),
        _ => None,
    }
}

fn evidence(event: &Event) -> Option<super::shown::Shown> {
    match event {
        Event::SessionAborted { cause: AbortCause::Convicted { evidence, .. }, .. } => {
            Some(states::evidence(evidence))
        }
        _ => None,
    }
}

fn ordered(action: &Action) -> Option<&SessionId> {
    match action {
        Action::Ordered(
            Command::AnnounceSession { session, .. }
            | Command::JoinSession { session }
            | Command::DeclineSession { session, .. }
            | Command::ShareNonces { session }
            | Command::SharePartialSignatures { session }
            | Command::FinalizeSession { session }
            | Command::AbortSession { session, .. },
        ) => Some(session),
        _ => None,
    }
}

/// Returns the step at the same node that led to this one, if no message did: for example a crash
/// to a restart, or an event to an order.
fn cause(before: &[Step], node: NodeId, action: &Action) -> Option<usize> {
    let last = |is: &dyn Fn(&Action) -> bool| {
        before.iter().rposition(|step| step.node == node && is(&step.action))
    };
    let told = |session: &SessionId, is: fn(&Event) -> bool| {
        last(
            &|action| matches!(action, Action::Event(event) if event.session() == *session && is(event)),
        )
    };
    match action {
        Action::Restarted => last(&|action| matches!(action, Action::Crashed { .. })),
        Action::Resumed => last(&|action| matches!(action, Action::Paused { .. })),
        Action::Ordered(Command::ResumeSession { .. } | Command::SayHello) => {
            last(&|action| matches!(action, Action::Restarted))
        }
        Action::Ordered(Command::AnnounceSession { session, .. }) => {
            told(session, |event| matches!(event, Event::SessionCreated { .. }))
        }
        Action::Ordered(
            Command::JoinSession { session } | Command::DeclineSession { session, .. },
        ) => told(session, |event| matches!(event, Event::SessionDiscovered { .. })),
        Action::Ordered(Command::ShareNonces { session }) => told(session, |event| {
            matches!(event, Event::SessionReady { .. } | Event::AttemptRestarted { .. })
        }),
        Action::Ordered(Command::SharePartialSignatures { session }) => {
            told(session, |event| matches!(event, Event::NoncesComplete { .. }))
        }
        Action::Ordered(Command::FinalizeSession { session }) => {
            told(session, |event| matches!(event, Event::PartialSigsComplete { .. }))
        }
        _ => None,
    }
}
