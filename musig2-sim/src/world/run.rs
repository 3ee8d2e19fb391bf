//! One step of the simulation, and what follows from it.

use super::{OrderError, RunError, World};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::network::{Channel, Fate, Routed};
use crate::oracle::{Call, Cause};
use crate::queue::{Arrival, Happening};
use crate::time::Micros;
use crate::trace::{Action, MessageId, Step};
use musig2_proto::{Command, Destination, Event, Input, Output};
use std::sync::Arc;

/// A node that is woken more often than this at one moment is not moving its deadline on.
const MAX_TICKS_AT_ONCE: u32 = 1_000;

/// How long it may take until a node notices that its clock was set.
const CLOCK_IS_READ: Micros = Micros::from_secs(5);

impl<C: Engine> World<C> {
    /// Lets the next thing happen. Returns `false` if nothing is left to happen.
    ///
    /// # Errors
    /// If the plan's step limit is reached, a node is stuck, or something happens that must not
    /// happen.
    pub fn step(&mut self) -> Result<bool, RunError> {
        let Some((at, happening)) = self.queue.pop() else { return Ok(false) };
        self.now = self.now.max(at);
        let Some(happening) = self.put_off(happening) else { return self.after_step() };
        match happening {
            Happening::Start(node) => self.start_first(node)?,
            Happening::Crash(crash) => self.crash_as_planned(crash),
            Happening::Restart(node) => self.restart(node)?,
            Happening::Pause { node, until, deaf } => self.pause_as_planned(node, until, deaf),
            Happening::Resume { node, starts } if self.hosts[node.as_usize()].starts == starts => {
                self.resume(node);
            }
            Happening::Resume { .. } => {}
            Happening::Jump(node, by) => self.turn_clock(node, by),
            Happening::Propose(session) => self.propose(session),
            Happening::Arrive(arrival) => self.arrive(arrival),
            Happening::Order { node, starts, .. }
                if self.hosts[node.as_usize()].starts != starts => {}
            Happening::Order { node, command, .. } => {
                // A refusal is recorded in the application's notes and in the trace, where the
                // oracles find it.
                let _ = self.order(node, command);
            }
            Happening::PeerLost { node, peer } => {
                self.tell(node, Action::PeerLost(peer), Input::PeerLost(peer.source()));
            }
            Happening::PeerConnected { node, peer } => {
                self.tell(node, Action::PeerConnected(peer), Input::PeerConnected(peer.source()));
            }
            Happening::Wake(node) => self.wake(node, at)?,
        }
        self.after_step()
    }

    fn after_step(&self) -> Result<bool, RunError> {
        self.check_safety().map_err(RunError::Violated)?;
        let limit = self.plan.step_limit;
        if self.trace.steps() > limit {
            return Err(RunError::TooManySteps { limit, at: self.now, open: self.open() });
        }
        Ok(true)
    }

    pub(super) fn order(&mut self, node: NodeId, command: Command) -> Result<(), OrderError> {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(node.as_usize()) else {
            return Err(OrderError::NotStarted(node));
        };
        // This is an order of the test itself, which can try again. Orders of the application were
        // put off in `step`.
        if host.stillness.is_some() {
            return Err(OrderError::Paused(node));
        }
        let answer = host
            .execute(now, command.clone(), &mut self.pot)
            .ok_or(OrderError::NotStarted(node))?;
        self.note(node, Action::Ordered(command.clone()));
        let application = &mut self.hosts[node.as_usize()].application;
        match answer {
            Ok(outputs) => {
                application.ordered(now, &command);
                self.store_announcement(node, &command);
                // The watch sees the node as the call left it. Carrying out the outputs may crash
                // the node.
                self.witness(node, Cause::Ordered(&command), &outputs);
                self.absorb(node, outputs);
                Ok(())
            }
            Err(error) => {
                application.refusals.push((now, command, error.clone()));
                let clock = self.hosts[node.as_usize()].clock(now);
                // Even a refused order tells the node the time, so phases age.
                self.watch.told_time(node, clock);
                self.note(node, Action::Refused(error.clone()));
                Err(OrderError::Refused { node, error })
            }
        }
    }

    /// Starts a node for the first time: its application learns the contacts that the plan gives
    /// it.
    fn start_first(&mut self, node: NodeId) -> Result<(), RunError> {
        if self.plan.known_contacts {
            for other in self.plan.node_ids().filter(|&other| other != node) {
                let signer = self.public_key(other);
                let stored = &mut self.hosts[node.as_usize()].application.stored;
                stored.meet(self.now, signer, other.contact());
            }
        }
        self.start(node, Action::Started)
    }

    pub(super) fn start(&mut self, node: NodeId, action: Action) -> Result<(), RunError> {
        let config = self.plan.config_of(node);
        let cannot = |reason| RunError::CannotStart { node, reason };
        self.hosts[node.as_usize()].start(&self.chance, config).map_err(cannot)?;
        self.note(node, action);
        let known = self.application(node).stored.contacts().into_iter();
        let known =
            known.map(|(signer, contact)| Command::AddContact { signer, contact: contact.clone() });
        let orders: Vec<_> =
            core::iter::once(Command::SetContact(node.contact())).chain(known).collect();
        for order in orders {
            self.order(node, order).map_err(|error| cannot(error.to_string()))?;
        }
        Ok(())
    }

    /// Makes a session and announces it. If the node refuses, the application's notes and the trace
    /// record it.
    fn propose(&mut self, session: usize) {
        let Some(plan) = self.plan.sessions.get(session) else { return };
        let (node, audience) = (plan.coordinator, plan.audience());
        let proposal = plan.proposal(self.sorted_keys(session));
        let known = self.application(node).events.len();
        if self.order(node, Command::CreateSession(proposal)).is_err() {
            return;
        }
        let told = self.application(node).events.iter().skip(known);
        let id = told.into_iter().find_map(|(_, event)| match event {
            Event::SessionCreated { session } => Some(*session),
            _ => None,
        });
        self.sessions[session] = id;
        if let Some(session) = id {
            let _ = self.order(node, Command::AnnounceSession { session, audience });
        }
    }

    /// Counts and records a message that nobody hears.
    pub(super) fn miss(&mut self, arrival: &Arrival) {
        self.counters.lost += 1;
        self.note(arrival.to, Action::Missed { message: arrival.message, from: arrival.from });
    }

    fn arrive(&mut self, arrival: Arrival) {
        let deaf = arrival.channel == Channel::Gossip
            && self
                .plan
                .nodes
                .get(arrival.to.as_usize())
                .is_none_or(|plan| self.now < plan.listens_at);
        if deaf || self.node(arrival.to).is_none() {
            return self.miss(&arrival);
        }
        let Arrival { message, channel, from, to, bytes } = arrival;
        self.counters.received += 1;
        let (from_handle, bytes) = (from.source(), bytes.to_vec());
        let input = match channel {
            Channel::Frame => Input::Frame { from: from_handle, bytes },
            Channel::Gossip => Input::Announcement { from: from_handle, bytes },
        };
        self.tell(to, Action::Received { message, from }, input);
    }

    fn wake(&mut self, node: NodeId, at: Micros) -> Result<(), RunError> {
        let host = &mut self.hosts[node.as_usize()];
        // An outdated deadline. A pause clears the deadline too, and the node is woken when it
        // continues.
        if host.wake != Some(at) {
            return Ok(());
        }
        host.wake = None;
        host.ticks = if host.ticks.0 == at { (at, host.ticks.1 + 1) } else { (at, 1) };
        let ticks = host.ticks.1;
        if ticks > MAX_TICKS_AT_ONCE {
            return Err(RunError::StuckDeadline { node, at, ticks });
        }
        self.tell(node, Action::Ticked, Input::Tick);
        Ok(())
    }

    /// Gives a node an input, if it has started.
    fn tell(&mut self, node: NodeId, action: Action, input: Input) {
        let now = self.now;
        let size = match &input {
            Input::Frame { bytes, .. } | Input::Announcement { bytes, .. } => bytes.len(),
            _ => 0,
        };
        let kept = self.watch.is_close().then(|| input.clone());
        let Some(outputs) = self.hosts[node.as_usize()].handle(now, input, &mut self.pot) else {
            return;
        };
        self.note(node, action);
        self.witness(node, Cause::Heard { size, input: kept.as_ref() }, &outputs);
        self.absorb(node, outputs);
    }

    /// Stores a session's announcement before anything of the session leaves the node. Otherwise
    /// the application could not resume the session after a crash.
    fn store_announcement(&mut self, node: NodeId, command: &Command) {
        let (Command::AnnounceSession { session, .. } | Command::JoinSession { session }) = command
        else {
            return;
        };
        if let Some(bytes) = self.node(node).and_then(|running| running.announcement(session)) {
            self.hosts[node.as_usize()].application.stored.announce(self.now, *session, bytes);
        }
    }

    /// Sets a node's clock forward by this many milliseconds; a negative number sets it back.
    fn turn_clock(&mut self, node: NodeId, by: i64) {
        self.hosts[node.as_usize()].dial.turn(by);
        self.clock_is_set(node);
    }

    pub(super) fn clock_is_set(&mut self, node: NodeId) {
        let ahead = self.hosts[node.as_usize()].dial.ahead(self.now).div_euclid(1_000);
        // The plan limits its own settings to a year, but a test may set any value.
        self.note(node, Action::ClockSet { ahead: i64::try_from(ahead).unwrap_or(i64::MAX) });
        self.read_clock(node);
    }

    /// Makes a node read its clock soon, because the clock may have been set. A driver that sleeps
    /// until a deadline would oversleep if the clock were set back meanwhile.
    pub(super) fn read_clock(&mut self, node: NodeId) {
        self.wake_by(node, Some(self.now + CLOCK_IS_READ));
    }

    /// Lets the watch check what a node just did.
    pub(crate) fn witness(&mut self, node: NodeId, cause: Cause<'_>, outputs: &[Output]) {
        let host = &self.hosts[node.as_usize()];
        let Some(state) = host.node() else { return };
        let clock = host.clock(self.now);
        self.watch.witness(&Call { node, clock, cause, outputs, state });
    }

    /// Carries out what a node returned, in order. A crash after an output loses the rest.
    fn absorb(&mut self, node: NodeId, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Publish(bytes) => self.publish(node, &bytes.into()),
                Output::Send { to, bytes } => self.send(node, &to, &bytes.into()),
                Output::Event(event) => self.event(node, event),
                Output::Report(report) => {
                    self.note(node, Action::Reported(report.clone()));
                    let now = self.now;
                    self.hosts[node.as_usize()].application.reports.push((now, report));
                }
                // Names every Output.
                other => unreachable!("the simulator does not know the output {other:?}"),
            }
            if self.crashes_after_output(node) {
                return;
            }
        }
        self.schedule_wake(node);
    }

    fn publish(&mut self, from: NodeId, bytes: &Arc<[u8]>) {
        let message = self.next_message();
        self.counters.publications += 1;
        self.note(from, Action::Published { message, bytes: Arc::clone(bytes) });
        for to in self.plan.node_ids().filter(|&to| to != from) {
            let routed = self.router.route(self.now, Channel::Gossip, from, to, bytes);
            self.note(from, Action::Spread { message, to, fate: routed.fate });
            self.carry(message, Channel::Gossip, from, to, routed);
        }
    }

    fn send(&mut self, from: NodeId, to: &Destination, bytes: &Arc<[u8]>) {
        let message = self.next_message();
        self.counters.frames += 1;
        self.counters.frame_bytes += bytes.len() as u64;
        let to = NodeId::of_destination(to).filter(|to| to.as_usize() < self.hosts.len());
        let routed =
            to.map(|to| (to, self.router.route(self.now, Channel::Frame, from, to, bytes)));
        let fate = routed.as_ref().map_or(Fate::Nowhere, |(_, routed)| routed.fate);
        self.note(from, Action::Sent { message, to, bytes: Arc::clone(bytes), fate });
        match routed {
            Some((to, routed)) => self.carry(message, Channel::Frame, from, to, routed),
            None => self.counters.lost += 1,
        }
    }

    /// Puts a message on its way.
    fn carry(
        &mut self,
        message: MessageId,
        channel: Channel,
        from: NodeId,
        to: NodeId,
        routed: Routed,
    ) {
        let Routed { fate, bytes } = routed;
        let Fate::Arrives { at, again, reversed, altered } = fate else {
            self.counters.lost += 1;
            return;
        };
        self.counters.altered += u64::from(altered.is_some());
        let arrival =
            || Happening::Arrive(Arrival { message, channel, from, to, bytes: Arc::clone(&bytes) });
        if reversed {
            self.queue.add_reversed(at, arrival());
        } else {
            self.queue.add(at, arrival());
        }
        if let Some(again) = again {
            self.counters.duplicated += 1;
            self.queue.add(again, arrival());
        }
    }

    fn event(&mut self, node: NodeId, event: Event) {
        self.note(node, Action::Event(event.clone()));
        let Some(plan) = self.plan.nodes.get(node.as_usize()) else { return };
        let clock = self.hosts[node.as_usize()].clock(self.now);
        let application = &mut self.hosts[node.as_usize()].application;
        let answer = application.told(self.now, clock, event, plan, self.plan.config.stepping);
        if let Some((delay, command)) = answer {
            let starts = self.hosts[node.as_usize()].starts;
            self.queue.add(self.now + delay, Happening::Order { node, starts, command });
        }
    }

    /// Makes sure that the node is woken at its current deadline.
    pub(super) fn schedule_wake(&mut self, node: NodeId) {
        self.wake_by(node, None);
    }

    /// Does the same, but no later than `latest`.
    fn wake_by(&mut self, node: NodeId, latest: Option<Micros>) {
        let host = &mut self.hosts[node.as_usize()];
        let wake = host.deadline().map(|deadline| {
            let due = host.dial.when(deadline).max(self.now);
            latest.map_or(due, |latest| due.min(latest))
        });
        if host.wake == wake || host.stillness.is_some() {
            return;
        }
        host.wake = wake;
        if let Some(at) = wake {
            self.queue.add(at, Happening::Wake(node));
        }
    }

    fn next_message(&self) -> MessageId {
        MessageId(self.counters.frames + self.counters.publications)
    }

    pub(super) fn note(&mut self, node: NodeId, action: Action) {
        self.watch.note(node, &action);
        self.trace.add(Step { at: self.now, node, action });
        if self.trace.is_recorded() {
            let sessions =
                self.node(node).map(|node| node.sessions().collect()).unwrap_or_default();
            self.trace.remember(node, sessions);
        }
    }
}
