//! Three honest nodes in one room, the messages between them, and what their applications know.

mod mail;
mod time;

use super::seat::{BEGINNING, Seat};
use crate::engine::{Engine, Recording};
use mail::Letter;
use musig2_proto::wire::statement::Note;
use musig2_proto::{
    AbortCause, Audience, Command, Config, DeclineReason, Event, Input, Item, Message, Proposal,
    SessionId, SessionView, Timestamp, Topology, Tweak,
};
use std::collections::{BTreeMap, BTreeSet};

/// How many sessions a run may have, and how many lives a signer: few enough to stay under the
/// protocol's limits.
const MAX_SESSIONS: usize = 3;
const MAX_LIVES: u8 = 8;

type Nodes<C> = Seat<Recording<C>>;

/// What an application stored and was told. A crash of its node takes none of it away, except open
/// questions.
#[derive(Default)]
struct Application {
    up: bool,
    /// How far its node's clock is ahead, in milliseconds.
    clock_ahead: i64,
    /// The announcements of the sessions that it consented to.
    kept: BTreeMap<SessionId, Vec<u8>>,
    /// The sessions that wait for its answer.
    asked: BTreeSet<SessionId>,
    complete: BTreeSet<SessionId>,
}

pub(super) struct Room<C: Engine> {
    seats: Vec<Nodes<C>>,
    applications: Vec<Application>,
    /// The messages in flight, oldest first.
    mail: Vec<Letter>,
    now: Timestamp,
    known_contacts: bool,
    /// The sessions that were proposed, and when.
    sessions: BTreeMap<SessionId, Timestamp>,
    /// The sessions that some application ended.
    given_up: BTreeSet<SessionId>,
    /// Whether time did anything but pass slowly, so that timeouts are excused.
    untimely: bool,
    /// Whether everyone is up, and applications answer at once.
    healed: bool,
    /// Every session, as it was proposed.
    views: Vec<SessionView>,
    /// Every frame that was sent, if frames are recorded.
    frames: Option<Vec<Vec<u8>>>,
}

impl<C: Engine> Room<C> {
    pub(super) fn new(configuration: u8) -> Self {
        Recording::<C>::begin();
        let hub = configuration & 1 != 0;
        let topology = if hub { Topology::Hub } else { Topology::Mesh };
        let config = Config::default().with_topology(topology);
        let mut room = Self {
            seats: (0..3).map(|number| Seat::new(number, config.clone())).collect(),
            applications: (0..3)
                .map(|_| Application { up: true, ..Application::default() })
                .collect(),
            mail: Vec::new(),
            now: BEGINNING,
            known_contacts: configuration & 2 != 0,
            sessions: BTreeMap::new(),
            given_up: BTreeSet::new(),
            untimely: false,
            healed: false,
            views: Vec::new(),
            frames: None,
        };
        // Clocks differ by up to 24 s; the configuration allows 30 s.
        for (number, application) in room.applications.iter_mut().enumerate() {
            application.clock_ahead =
                [0, 12_000, -12_000][(usize::from(configuration >> 2) * number) % 3];
        }
        (0..3).for_each(|seat| room.introduce(seat));
        room
    }

    /// Records all frames.
    pub(super) fn recorded(mut self) -> Self {
        self.frames = Some(Vec::new());
        self
    }

    pub(super) fn frames(&self) -> &[Vec<u8>] {
        self.frames.as_deref().unwrap_or_default()
    }

    pub(super) fn views(&self) -> &[SessionView] {
        &self.views
    }

    pub(super) fn propose(&mut self, seat: usize, items: u8) {
        if self.sessions.len() == MAX_SESSIONS || !self.applications[seat].up {
            return;
        }
        let tweaked = |number| {
            let item = Item::new(Message::new([number; 32]));
            if number % 2 == 0 {
                item
            } else {
                item.clone().with_tweaks(vec![Tweak::BIP86]).unwrap_or(item)
            }
        };
        let keys = self.seats.iter().map(|seat| seat.key);
        let proposal =
            (0..1 + items % 3).map(tweaked).fold(Proposal::new(keys), Proposal::with_item);
        self.order(seat, Command::CreateSession(proposal));
    }

    pub(super) fn crash(&mut self, seat: usize) {
        if self.seats[seat].lives() < MAX_LIVES {
            self.applications[seat].up = false;
            self.applications[seat].asked.clear();
        }
    }

    /// Brings a crashed node back. It knows nothing but its key, says hello, and resumes what its
    /// application kept.
    pub(super) fn start(&mut self, seat: usize) {
        if self.applications[seat].up {
            return;
        }
        self.applications[seat].up = true;
        let now = self.clock(seat);
        self.seats[seat].restart(now);
        self.introduce(seat);
        self.order(seat, Command::SayHello);
        let Application { kept, complete, .. } = &self.applications[seat];
        let unfinished = kept.iter().filter(|(session, _)| !complete.contains(session));
        for announcement in
            unfinished.map(|(_, announcement)| announcement.clone()).collect::<Vec<_>>()
        {
            self.order(seat, Command::ResumeSession { announcement });
        }
    }

    /// Lets an application consent to everything that it was asked.
    pub(super) fn answer(&mut self, seat: usize) {
        for session in core::mem::take(&mut self.applications[seat].asked) {
            self.order(seat, Command::JoinSession { session });
        }
    }

    pub(super) fn reach(&mut self, seat: usize, peer: usize, lost: bool) {
        let peer = self.seats[peer].source();
        self.give(seat, if lost { Input::PeerLost(peer) } else { Input::PeerConnected(peer) });
        if !lost {
            self.give(seat, Input::AudienceGrew);
        }
    }

    pub(super) fn abort(&mut self, seat: usize) {
        if let Some(session) = self.running(seat) {
            self.given_up.insert(session);
            self.order(seat, Command::AbortSession { session, reason: Note::new("enough") });
        }
    }

    pub(super) fn decline(&mut self, seat: usize) {
        if let Some(session) = self.applications[seat].asked.pop_first() {
            self.given_up.insert(session);
            self.order(
                seat,
                Command::DeclineSession { session, reason: Some(DeclineReason::Policy) },
            );
        }
    }

    pub(super) fn clean_up(&mut self, seat: usize) {
        self.order(seat, Command::Cleanup);
    }

    pub(super) fn say_hello(&mut self, seat: usize) {
        self.order(seat, Command::SayHello);
    }

    /// Returns a session that this node has joined and that is not complete here.
    fn running(&self, seat: usize) -> Option<SessionId> {
        let application = &self.applications[seat];
        let running = |session: &&SessionId| {
            application.kept.contains_key(session) && !application.complete.contains(session)
        };
        self.sessions.keys().find(running).filter(|_| application.up).copied()
    }

    fn introduce(&mut self, seat: usize) {
        if !self.known_contacts {
            return;
        }
        for other in (0..3).filter(|&other| other != seat) {
            let (signer, contact) = (self.seats[other].key, self.seats[other].contact());
            self.order(seat, Command::AddContact { signer, contact });
        }
    }

    fn tell(&mut self, seat: usize, event: &Event) {
        let session = event.session();
        match event {
            Event::SessionCreated { .. } => {
                self.sessions.insert(session, self.now);
                self.views.extend(self.seats[seat].node.session(&session));
                self.order(
                    seat,
                    Command::AnnounceSession { session, audience: Audience::Everyone },
                );
            }
            Event::SessionDiscovered { .. } if self.healed => {
                self.order(seat, Command::JoinSession { session });
            }
            Event::SessionDiscovered { .. } => {
                self.applications[seat].asked.insert(session);
            }
            Event::SessionComplete { .. } | Event::LateSignature { .. } => {
                self.applications[seat].complete.insert(session);
            }
            Event::SessionAborted { cause, .. } => {
                // Honest nodes may end a session only if an application gave up on it, or if time
                // ran out for a reason.
                let excused = match cause {
                    AbortCause::BySigner { .. }
                    | AbortCause::Declined
                    | AbortCause::SignerDeclined { .. } => self.given_up.contains(&session),
                    AbortCause::TimedOut { .. } | AbortCause::Expired { .. } => {
                        self.untimely || self.given_up.contains(&session)
                    }
                    _ => false,
                };
                assert!(excused, "three honest nodes, and one ends with {cause:?}");
            }
            _ => {}
        }
    }
}
