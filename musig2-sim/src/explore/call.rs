//! One call of a node, and what its application does with the outputs.

use super::moves::Letter;
use super::signer::{Dice, Signer};
use super::state::{Model, Pending, Place, State, keypair};
use crate::engine::{Engine, NonceRecord};
use crate::ids::NodeId;
use crate::network::Channel;
use crate::oracle::{self, Cause, Violation};
use crate::time::Micros;
use core::hash::Hash;
use musig2_proto::{Command, Event, Input, Node, Output};
use std::sync::Arc;

/// What a node is called with.
pub(super) enum Call {
    Order(Command),
    Take(Input),
    /// It starts again after a crash.
    Restart,
}

impl<C: Engine> Model<C>
where
    Node<C>: Clone + Hash,
{
    /// Calls a node and carries out what it returns, up to a crash after `crash_after` of the
    /// messages that it sends. Returns how many it sent.
    pub(super) fn call(
        &self,
        state: &mut State<C>,
        node: NodeId,
        call: Call,
        crash_after: Option<usize>,
    ) -> Result<usize, Violation> {
        let mut signer = state.signer(node).clone();
        // The record is per thread, but each branch of the search has its own history.
        NonceRecord::put(NonceRecord::clone(&state.nonces));
        let outputs = match call {
            Call::Order(command) => self.order(state, node, &mut signer, command),
            Call::Take(input) => self.handle(state, node, &mut signer, input),
            Call::Restart => self.restart(state, node, &mut signer),
        };
        state.nonces = Arc::new(NonceRecord::take());
        if let Some(violation) = state.watch.violation() {
            return Err(violation.clone());
        }
        let mut sent = 0;
        for output in outputs {
            if crash_after == Some(sent)
                && matches!(output, Output::Publish(_) | Output::Send { .. })
            {
                break;
            }
            sent += self.carry_out(state, node, &mut signer, output);
        }
        state.places[node.as_usize()] = Arc::new(Place::of(signer));
        if crash_after.is_some() {
            self.crash(state, node);
        }
        Ok(sent)
    }

    /// Crashes a node: it loses its memory, and its application loses the answers that it was about
    /// to give.
    pub(super) fn crash(&self, state: &mut State<C>, node: NodeId) {
        let Signer { life, kept, .. } = state.signer(node);
        let signer = Signer { node: None, life: life.next(), end: None, kept: kept.clone() };
        state.places[node.as_usize()] = Arc::new(Place::of(signer));
        state.pending.retain(|pending| !pending.is_answer() || pending.node() != node);
        Arc::make_mut(&mut state.watch).crashed(node);
    }

    /// Starts a new node with its key, and tells it its own contact and the contacts that it is to
    /// know.
    pub(super) fn start(&self, id: NodeId, signer: &mut Signer<C>) {
        let explorer = &self.explorer;
        let mut node = Node::<C>::with_engine(explorer.config.clone())
            .unwrap_or_else(|error| panic!("{error}"));
        let key = node.add_key(&keypair::<C>(&self.chance, id).0);
        assert!(key.is_ok(), "a new node takes its key");
        let others =
            NodeId::first(explorer.signers).filter(|&other| explorer.known_contacts && other != id);
        let others = others.map(|other| Command::AddContact {
            signer: self.public_keys[other.as_usize()],
            contact: other.contact(),
        });
        let mut dice = Dice { chance: &self.chance, node: id, life: &mut signer.life };
        for command in [Command::SetContact(id.contact())].into_iter().chain(others) {
            let told = node.execute(Micros::ZERO.to_timestamp(), &mut dice, command);
            assert!(told.is_ok(), "a node is told where it and others are at any time");
        }
        signer.node = Some(node);
    }

    /// Gives a node an order of its application. A refusal changes nothing: the session may have
    /// ended meanwhile.
    pub(super) fn order(
        &self,
        state: &mut State<C>,
        node: NodeId,
        signer: &mut Signer<C>,
        command: Command,
    ) -> Vec<Output> {
        let Signer { node: Some(running), life, kept, .. } = signer else { return Vec::new() };
        let mut dice = Dice { chance: &self.chance, node, life };
        let executed = running.execute(state.now.to_timestamp(), &mut dice, command.clone());
        let Ok(outputs) = executed else {
            // Discards the engine's work for the refused order, or the next call would be charged
            // with it.
            C::work();
            return Vec::new();
        };
        if self.explorer.resumes {
            *kept = running.announcement(&self.session).map(Arc::from).or(kept.take());
        }
        self.witness(state, node, Cause::Ordered(&command), &outputs, running);
        outputs
    }

    fn handle(
        &self,
        state: &mut State<C>,
        node: NodeId,
        signer: &mut Signer<C>,
        input: Input,
    ) -> Vec<Output> {
        let Signer { node: Some(running), life, .. } = signer else { return Vec::new() };
        let size = match &input {
            Input::Frame { bytes, .. } | Input::Announcement { bytes, .. } => bytes.len(),
            _ => 0,
        };
        let mut dice = Dice { chance: &self.chance, node, life };
        let outputs = running.handle(state.now.to_timestamp(), &mut dice, input);
        self.witness(state, node, Cause::Heard { size, input: None }, &outputs, running);
        outputs
    }

    fn restart(&self, state: &mut State<C>, node: NodeId, signer: &mut Signer<C>) -> Vec<Output> {
        self.start(node, signer);
        let resume =
            signer.kept.clone().map(|kept| Command::ResumeSession { announcement: kept.to_vec() });
        let orders = resume.into_iter().chain([Command::SayHello]);
        orders.flat_map(|order| self.order(state, node, signer, order)).collect()
    }

    fn witness(
        &self,
        state: &mut State<C>,
        node: NodeId,
        cause: Cause<'_>,
        outputs: &[Output],
        after: &Node<C>,
    ) {
        let clock = state.now.to_timestamp();
        let call = oracle::Call { node, clock, cause, outputs, state: after };
        Arc::make_mut(&mut state.watch).witness(&call);
    }

    /// Carries out one output. Returns how many messages that were.
    fn carry_out(
        &self,
        state: &mut State<C>,
        from: NodeId,
        signer: &mut Signer<C>,
        output: Output,
    ) -> usize {
        let mut add =
            |to, channel, bytes| state.add(Pending::Letter(Letter { to, from, channel, bytes }));
        match output {
            Output::Publish(bytes) => {
                let others = NodeId::first(self.explorer.signers).filter(|&to| to != from);
                others.for_each(|to| add(to, Channel::Gossip, bytes.clone()));
                1
            }
            Output::Send { to, bytes } => {
                NodeId::of_destination(&to)
                    .into_iter()
                    .for_each(|to| add(to, Channel::Frame, bytes.clone()));
                1
            }
            Output::Event(Event::SessionDiscovered { .. }) => {
                state.add(Pending::Join(from));
                0
            }
            Output::Event(event) => {
                signer.end = event.is_terminal().then_some(event).or(signer.end.take());
                0
            }
            // Judging reports is the watch's job.
            _ => 0,
        }
    }
}
