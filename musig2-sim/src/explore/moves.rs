//! What can happen next.

use super::call::Call;
use super::state::{Model, Pending, State};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::network::Channel;
use crate::oracle::Violation;
use crate::time::Micros;
use crate::trace;
use core::fmt;
use core::hash::Hash;
use musig2_proto::{Audience, Command, Input, Node};

/// One move: what happens, and whether the node that it happens to crashes while handling it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Move {
    /// What happens.
    pub choice: Choice,
    /// If the node crashes, after how many of the messages that it then sends.
    pub crash_after: Option<usize>,
}

/// What happens, out of everything that could.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// Node 0's application announces the session.
    Announce,
    /// A node's application consents.
    Join(NodeId),
    /// A message arrives.
    Arrives {
        /// Which message.
        letter: Letter,
        /// Whether it will arrive again.
        again: bool,
    },
    /// A message is lost, by the network's fault or because nobody is there.
    Lost(Letter),
    /// A node loses its memory between two calls.
    Crash(NodeId),
    /// A node comes back without its memory.
    Restart(NodeId),
    /// A node reaches its deadline.
    Tick {
        /// Whose deadline.
        node: NodeId,
        /// When it is.
        at: Micros,
    },
}

/// A message in flight.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Letter {
    /// To whom.
    pub to: NodeId,
    /// From whom.
    pub from: NodeId,
    /// Whether it is a frame or a publication.
    pub channel: Channel,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A state, and the move that leads to it.
pub(super) struct Next<C: Engine> {
    pub(super) step: Move,
    pub(super) state: State<C>,
}

/// A move that breaks a rule.
pub(super) struct Fault {
    pub(super) step: Move,
    pub(super) violation: Violation,
}

impl<C: Engine> Model<C>
where
    Node<C>: Clone + Hash,
{
    /// Returns every state that can come next, and how.
    pub(super) fn next_states(&self, state: &State<C>) -> Result<Vec<Next<C>>, Box<Fault>> {
        let mut nexts = Vec::new();
        for (place, pending) in state.pending.iter().enumerate() {
            // Equal messages are adjacent, and it does not matter which comes first. So only the
            // last one is tried.
            if state.pending.get(place + 1) != Some(pending) {
                self.happens(state, place, &mut nexts)?;
            }
        }
        for (node, signer) in state.signers() {
            if signer.node.is_none() {
                self.branch(state, Choice::Restart(node), node, || Call::Restart, &mut nexts)?;
            } else if state.faults.crashes > 0 {
                let mut next = state.clone();
                next.faults.crashes -= 1;
                self.crash(&mut next, node);
                let step = Move { choice: Choice::Crash(node), crash_after: None };
                nexts.push(Next { step, state: next });
            }
        }
        let may_tick = state.is_quiet() || state.faults.early_ticks > 0;
        if let Some(at) =
            self.next_deadline(state).filter(|&at| may_tick && at <= self.explorer.horizon)
        {
            let mut before = state.clone();
            before.faults.early_ticks -= u8::from(!state.is_quiet());
            before.now = at;
            for (node, _) in state.signers() {
                if self.deadline(state, node) == Some(at) {
                    let choice = Choice::Tick { node, at };
                    self.branch(&before, choice, node, || Call::Take(Input::Tick), &mut nexts)?;
                }
            }
        }
        Ok(nexts)
    }

    /// Adds every outcome of one thing in flight.
    fn happens(
        &self,
        state: &State<C>,
        place: usize,
        nexts: &mut Vec<Next<C>>,
    ) -> Result<(), Box<Fault>> {
        let mut without = state.clone();
        let pending = without.pending.remove(place);
        let node = pending.node();
        let Pending::Letter(letter) = &*pending else {
            return self.branch(
                &without,
                choice(&pending),
                node,
                || self.call_for(&pending),
                nexts,
            );
        };
        let lost = Move { choice: Choice::Lost(letter.clone()), crash_after: None };
        if state.signer(node).node.is_none() {
            nexts.push(Next { step: lost, state: without });
            return Ok(());
        }
        self.branch(&without, choice(&pending), node, || self.call_for(&pending), nexts)?;
        if state.faults.duplicates > 0 {
            let mut with = state.clone();
            with.faults.duplicates -= 1;
            let choice = Choice::Arrives { letter: letter.clone(), again: true };
            self.branch(&with, choice, node, || self.call_for(&pending), nexts)?;
        }
        if state.faults.losses > 0 {
            without.faults.losses -= 1;
            nexts.push(Next { step: lost, state: without });
        }
        Ok(())
    }

    /// Adds the outcome of a call, and of the same call cut short by a crash after each number of
    /// messages.
    fn branch(
        &self,
        before: &State<C>,
        choice: Choice,
        node: NodeId,
        call: impl Fn() -> Call,
        nexts: &mut Vec<Next<C>>,
    ) -> Result<(), Box<Fault>> {
        let mut branch = |crash_after: Option<usize>| {
            let step = Move { choice: choice.clone(), crash_after };
            let mut next = before.clone();
            next.faults.crashes -= u8::from(crash_after.is_some());
            match self.call(&mut next, node, call(), crash_after) {
                Ok(sent) => {
                    nexts.push(Next { step, state: next });
                    Ok(sent)
                }
                Err(violation) => Err(Box::new(Fault { step, violation })),
            }
        };
        let sent = branch(None)?;
        // A crash after the last message is the same as one between two calls.
        let cuts = if before.faults.crashes > 0 { sent } else { 0 };
        (0..cuts).try_for_each(|after| branch(Some(after)).map(|_| ()))
    }

    /// Returns what a node is called with when something in flight happens.
    pub(super) fn call_for(&self, pending: &Pending) -> Call {
        match pending {
            Pending::Announce => Call::Order(Command::AnnounceSession {
                session: self.session,
                audience: Audience::Everyone,
            }),
            Pending::Join(_) => Call::Order(Command::JoinSession { session: self.session }),
            Pending::Letter(letter) => {
                let (from, bytes) = (letter.from.source(), letter.bytes.clone());
                Call::Take(match letter.channel {
                    Channel::Frame => Input::Frame { from, bytes },
                    Channel::Gossip => Input::Announcement { from, bytes },
                })
            }
        }
    }

    /// Returns when a node is to be woken.
    pub(super) fn deadline(&self, state: &State<C>, node: NodeId) -> Option<Micros> {
        let deadline = state.signer(node).node.as_ref()?.next_deadline()?;
        Some(Micros::from_timestamp(deadline).max(state.now))
    }

    /// Returns when the first node is to be woken; `None` if every signer has the signatures.
    pub(super) fn next_deadline(&self, state: &State<C>) -> Option<Micros> {
        if state.is_complete() {
            return None;
        }
        state.signers().filter_map(|(node, _)| self.deadline(state, node)).min()
    }
}

fn choice(pending: &Pending) -> Choice {
    match pending {
        Pending::Announce => Choice::Announce,
        Pending::Join(node) => Choice::Join(*node),
        Pending::Letter(letter) => Choice::Arrives { letter: letter.clone(), again: false },
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.choice {
            Choice::Announce => write!(f, "{} announces the session", NodeId::new(0)),
            Choice::Join(node) => write!(f, "{node} consents"),
            Choice::Arrives { letter, again } => {
                write!(
                    f,
                    "{} gets {letter}{}",
                    letter.to,
                    if *again { ", for the first time" } else { "" }
                )
            }
            Choice::Lost(letter) => write!(f, "{} does not get {letter}", letter.to),
            Choice::Crash(node) => write!(f, "{node} crashes"),
            Choice::Restart(node) => write!(f, "{node} is back"),
            Choice::Tick { node, at } => write!(f, "{node} ticks at {at}"),
        }?;
        self.crash_after
            .map_or(Ok(()), |sent| write!(f, ", and crashes after sending {sent} messages"))
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.channel {
            Channel::Frame => {
                write!(f, "a frame from {} ({})", self.from, trace::words(&self.bytes))
            }
            Channel::Gossip => {
                write!(
                    f,
                    "a publication of {} ({})",
                    self.from,
                    trace::publication_words(&self.bytes)
                )
            }
        }
    }
}
