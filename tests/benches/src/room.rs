//! Nodes that know where the others are, joined by queues, in one thread.

use crate::cpu::timed;
use crate::step::Step;
use crate::{generator, random, secret};
use musig2_proto::{
    Audience, Command, Config, Contact, Destination, Event, Input, Item, Message, Node, Output,
    Proposal, PublicKey, SecretKey, SessionId, Source, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The trip that brings the partial signatures, if all contacts are known: the announcement comes
/// in the first one, joins and nonces in the second.
const LAST_TRIP: u64 = 3;

/// How often a node is called if nothing happens. After a longer pause it takes its clock for one
/// that was set.
const PAUSE: Duration = Duration::from_secs(30);

/// Some nodes. The first one proposes all sessions.
pub struct Room {
    nodes: Vec<Node>,
    keys: Vec<PublicKey>,
    now: Timestamp,
    rng: ChaCha20Rng,
    letters: VecDeque<Letter>,
    mishap: Option<Mishap>,
}

/// What happens to frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// Each frame arrives twice.
    Repeated,
    /// No partial signatures reach the last node, so that it has to ask for them.
    Lost,
}

/// What travels.
#[derive(Debug, Clone)]
struct Letter {
    from: usize,
    to: usize,
    bytes: Vec<u8>,
    trip: u64,
}

/// What one session took.
#[derive(Debug, Default)]
pub struct Spent {
    nodes: u32,
    signed: u32,
    steps: BTreeMap<Step, Took>,
    examples: BTreeMap<Step, Vec<u8>>,
    /// How many frames were sent, by all nodes together.
    pub frames: usize,
    /// How many bytes they had.
    pub bytes: usize,
}

/// How long a step took, all times together.
#[derive(Debug, Default)]
struct Took {
    sum: Duration,
    times: u32,
}

impl Spent {
    /// Returns the processor time of one node: the mean over all of them, the coordinator included.
    pub fn cpu(&self) -> Duration {
        self.steps.values().map(|took| took.sum).sum::<Duration>() / self.nodes
    }

    /// Returns the processor time of a step: the mean over all nodes that took it, if any did.
    pub fn step(&self, step: Step) -> Option<Duration> {
        self.steps.get(&step).map(|took| took.sum / took.times)
    }

    /// Returns a frame that caused a step.
    pub(crate) fn example(&self, step: Step) -> Option<&[u8]> {
        self.examples.get(&step).map(Vec::as_slice)
    }

    fn add(&mut self, step: Step, took: Duration) {
        let step = self.steps.entry(step).or_default();
        step.sum += took;
        step.times += 1;
    }
}

impl Room {
    /// Makes nodes that have just started. A first session fills their caches.
    ///
    /// # Panics
    /// If there are fewer signers than 2 or more than a session can have.
    pub fn new(signers: usize) -> Self {
        let config = Config::default();
        let most = signers.max(config.max_signers);
        let config = config.with_max_signers(most);
        let mut room = Self {
            nodes: Vec::new(),
            keys: Vec::new(),
            now: Timestamp::from_millis(1_800_000_000_000),
            rng: generator(),
            letters: VecDeque::new(),
            mishap: None,
        };
        for seat in 0..signers {
            let mut node = Node::new(config.clone()).expect("a valid configuration");
            room.keys.push(node.add_key(&SecretKey::new(secret(seat))).expect("a valid key"));
            room.nodes.push(node);
        }
        for seat in 0..signers {
            room.order(seat, Command::SetContact(contact(seat)));
            for other in (0..signers).filter(|other| *other != seat) {
                let (signer, contact) = (room.keys[other], contact(other));
                room.order(seat, Command::AddContact { signer, contact });
            }
        }
        room
    }

    /// Sets what happens to frames from now on.
    #[must_use]
    pub const fn with_mishap(mut self, mishap: Mishap) -> Self {
        self.mishap = Some(mishap);
        self
    }

    /// Signs this many messages in one session. Afterwards, the nodes' time passes until all of
    /// them have forgotten the session; this is not counted.
    ///
    /// # Panics
    /// If a node does not sign, or reports another one.
    pub fn session(&mut self, messages: usize) -> Spent {
        let nodes = u32::try_from(self.nodes.len()).expect("few nodes");
        let mut spent = Spent { nodes, ..Spent::default() };
        self.propose(&mut spent, messages);
        while spent.signed < nodes {
            match self.letters.pop_front() {
                Some(letter) => self.arrive(&mut spent, letter),
                None => self.wait(&mut spent),
            }
        }
        self.letters.clear();
        self.rest();
        spent
    }

    /// Creates a session, and tells the others of it.
    fn propose(&mut self, spent: &mut Spent, messages: usize) {
        let mut proposal = Proposal::new(self.keys.iter().copied());
        for _message in 0..messages {
            proposal = proposal.with_item(Item::new(Message::new(random(&mut self.rng))));
        }
        let Self { nodes, rng, now, .. } = self;
        let ((session, outputs), took) =
            timed(|| nodes[0].create_session(*now, rng, proposal).expect("a session"));
        spent.add(Step::Create, took);
        assert_eq!(outputs.len(), 1, "nothing is sent before the announcement");
        let announce = Command::AnnounceSession { session, audience: Audience::KnownContacts };
        let (outputs, took) = timed(|| nodes[0].execute(*now, rng, announce).expect("announced"));
        spent.add(Step::Announce, took);
        self.carry_out(0, outputs, 1);
    }

    fn arrive(&mut self, spent: &mut Spent, letter: Letter) {
        spent.frames += 1;
        spent.bytes += letter.bytes.len();
        match self.mishap {
            Some(Mishap::Lost) if letter.trip == LAST_TRIP && letter.to + 1 == self.nodes.len() => {
            }
            Some(Mishap::Repeated) => {
                self.deliver(spent, letter.clone());
                self.deliver(spent, letter);
            }
            _ => self.deliver(spent, letter),
        }
    }

    fn deliver(&mut self, spent: &mut Spent, Letter { from, to, bytes, trip }: Letter) {
        let Self { nodes, rng, now, .. } = self;
        let input = Input::Frame { from: source(from), bytes: bytes.clone() };
        let (outputs, took) = timed(|| nodes[to].handle(*now, rng, input));
        let step = Step::of(&outputs);
        spent.add(step, took);
        spent.examples.insert(step, bytes);
        self.follow(spent, to, outputs, trip + 1);
    }

    /// Calls the nodes at the time when the first of them wants to be called.
    fn wait(&mut self, spent: &mut Spent) {
        let next = self.nodes.iter().filter_map(Node::next_deadline).min();
        self.now = self.now.max(next.expect("who has not signed waits for something"));
        for seat in 0..self.nodes.len() {
            let Self { nodes, rng, now, .. } = self;
            let (outputs, took) = timed(|| nodes[seat].handle(*now, rng, Input::Tick));
            spent.add(Step::Tick, took);
            self.follow(spent, seat, outputs, LAST_TRIP + 1);
        }
    }

    /// Does what a node says, and joins for its application.
    fn follow(&mut self, spent: &mut Spent, seat: usize, outputs: Vec<Output>, trip: u64) {
        let mut joined = Vec::new();
        for output in &outputs {
            match output {
                Output::Event(Event::SessionDiscovered { session }) => joined.push(*session),
                Output::Event(Event::SessionComplete { .. }) => spent.signed += 1,
                _ => {}
            }
        }
        self.carry_out(seat, outputs, trip);
        for session in joined {
            self.join(spent, seat, session, trip);
        }
    }

    fn join(&mut self, spent: &mut Spent, seat: usize, session: SessionId, trip: u64) {
        let Self { nodes, rng, now, .. } = self;
        let join = Command::JoinSession { session };
        let (outputs, took) = timed(|| nodes[seat].execute(*now, rng, join).expect("joined"));
        spent.add(Step::Join, took);
        self.carry_out(seat, outputs, trip);
    }

    fn carry_out(&mut self, from: usize, outputs: Vec<Output>, trip: u64) {
        for output in outputs {
            match output {
                Output::Send { to, bytes } => {
                    self.letters.push_back(Letter { from, to: seat(&to), bytes, trip });
                }
                Output::Report(report) => panic!("all are honest, and yet: {report:?}"),
                Output::Publish(_) => panic!("all contacts are known: why publish?"),
                _ => {}
            }
        }
    }

    /// Lets time pass until what was signed has expired and is forgotten.
    fn rest(&mut self) {
        let config = self.nodes[0].config();
        let until = self.now.saturating_add(
            config.max_session_duration + 2 * config.clock_skew + config.cleanup_interval,
        );
        while self.now < until {
            self.now = self.now.saturating_add(PAUSE);
            for node in &mut self.nodes {
                node.handle(self.now, &mut self.rng, Input::Tick);
            }
        }
    }

    fn order(&mut self, seat: usize, command: Command) {
        self.nodes[seat].execute(self.now, &mut self.rng, command).expect("a valid order");
    }
}

fn contact(seat: usize) -> Contact {
    Contact::new(name(seat).to_vec()).expect("two bytes")
}

fn source(seat: usize) -> Source {
    Source::new(name(seat))
}

fn name(seat: usize) -> [u8; 2] {
    u16::try_from(seat).expect("as many seats as a session can have").to_be_bytes()
}

fn seat(to: &Destination) -> usize {
    let name = match to {
        Destination::Contact(contact) => contact.as_bytes(),
        Destination::Source(source) => source.as_bytes(),
    };
    u16::from_be_bytes(name.try_into().expect("a seat")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_after_another_takes_the_same_frames() {
        let mut room = Room::new(3);
        let first = room.session(1);
        // To each other signer: the announcement or the join, with the nonces; and the partial
        // signatures.
        assert_eq!(first.frames, 12);
        assert!(first.cpu() > Duration::ZERO);
        let (second, third) = (room.session(1), room.session(2));
        assert_eq!((second.frames, third.frames), (12, 12));
        assert!(third.bytes > second.bytes);
        assert_eq!(room.nodes[0].sessions().count(), 0, "all are forgotten");
    }

    #[test]
    fn each_step_is_told_from_the_others() {
        let steps = |spent: &Spent| {
            spent.steps.iter().map(|(step, took)| (*step, took.times)).collect::<Vec<_>>()
        };
        let calm = [
            (Step::Create, 1),
            (Step::Announce, 1),
            (Step::Discover, 2),
            (Step::Join, 2),
            // Only to the coordinator: the others have its nonces with the announcement.
            (Step::Nonces, 1),
            (Step::LastNonces, 3),
            (Step::Partials, 3),
            (Step::LastPartials, 3),
        ];
        assert_eq!(steps(&Room::new(3).session(1)), calm);
        let repeated = Room::new(3).with_mishap(Mishap::Repeated).session(1);
        assert!(repeated.step(Step::Repeat).is_some());
        let lost = Room::new(3).with_mishap(Mishap::Lost).session(1);
        assert!(lost.step(Step::Answer).is_some());
    }
}
