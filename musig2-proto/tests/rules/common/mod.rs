//! A few nodes in one place. Everything they send is delivered in order; networks with faults are
//! in `musig2-sim`.

pub mod engine;
pub mod forge;

use core::time::Duration;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::{
    Audience, Command, CommandError, Config, Contact, Crypto, DefaultCrypto, Destination, Event,
    Input, Message, Node, Output, Proposal, PublicKey, Report, SecretKey, SessionId, Source,
    Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::VecDeque;

/// More deliveries than the largest room here needs without time passing.
const MOST_DELIVERIES: usize = 20_000;

pub type Room = RoomOf<DefaultCrypto>;

/// A few nodes with this engine, in one place.
pub struct RoomOf<C: Crypto> {
    pub nodes: Vec<Node<C>>,
    pub keys: Vec<PublicKey>,
    pub now: Timestamp,
    /// What each node told its application, and below the reports it made.
    pub events: Vec<Vec<Event>>,
    pub reports: Vec<Vec<Report>>,
    /// Whether applications join the sessions that they discover.
    pub join: bool,
    /// Which messages are lost on the way: (from, to).
    pub lost: Box<dyn Fn(usize, usize) -> bool>,
    /// All frames that were sent: from, to, bytes.
    pub frames: Vec<(usize, usize, Vec<u8>)>,
    pub publications: Vec<Vec<u8>>,
    pub rng: ChaCha20Rng,
    mail: VecDeque<(usize, usize, Input)>,
}

impl<C: Crypto> RoomOf<C> {
    pub fn new(count: usize, config: &Config) -> Self {
        let mut room = Self {
            nodes: Vec::new(),
            keys: Vec::new(),
            now: Timestamp::from_millis(1_800_000_000_000),
            events: vec![Vec::new(); count],
            reports: vec![Vec::new(); count],
            join: true,
            lost: Box::new(|_, _| false),
            frames: Vec::new(),
            publications: Vec::new(),
            rng: ChaCha20Rng::from_seed([5; 32]),
            mail: VecDeque::new(),
        };
        for number in 0..count {
            let mut node = Node::with_engine(config.clone()).unwrap();
            room.keys.push(node.add_key(&SecretKey::new([number as u8 + 1; 32])).unwrap());
            room.nodes.push(node);
            room.execute(number, Command::SetContact(contact(number)));
        }
        room
    }

    pub fn try_execute(&mut self, node: usize, command: Command) -> Result<(), CommandError> {
        let outputs = self.nodes[node].execute(self.now, &mut self.rng, command)?;
        self.carry(node, outputs);
        Ok(())
    }

    pub fn execute(&mut self, node: usize, command: Command) {
        self.try_execute(node, command).unwrap();
    }

    pub fn handle(&mut self, node: usize, input: Input) {
        let outputs = self.nodes[node].handle(self.now, &mut self.rng, input);
        self.carry(node, outputs);
    }

    /// Returns a proposal with all keys and this many messages.
    pub fn proposal(&self, items: u8) -> Proposal {
        let proposal = Proposal::new(self.keys.clone());
        (0..items).fold(proposal, |proposal, item| proposal.with_message(Message::new([item; 32])))
    }

    pub fn create(&mut self, node: usize, proposal: Proposal) -> SessionId {
        let created = self.nodes[node].create_session(self.now, &mut self.rng, proposal);
        let (session, outputs) = created.unwrap();
        assert!(outputs.contains(&Output::Event(Event::SessionCreated { session })));
        self.carry(node, outputs);
        session
    }

    /// Has node 0 propose a session of everyone and announce it.
    pub fn propose(&mut self) -> SessionId {
        let session = self.create(0, self.proposal(1));
        self.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
        session
    }

    /// Delivers everything that was sent, and everything that follows from it. Nodes that have said
    /// all there is to say fall silent.
    pub fn settle(&mut self) {
        let mut deliveries = 0;
        while self.step() {
            deliveries += 1;
            assert!(deliveries < MOST_DELIVERIES, "the nodes do not come to rest");
        }
    }

    /// Delivers one message, or loses it. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let Some((from, to, input)) = self.mail.pop_front() else { return false };
        if to < self.nodes.len() && !(self.lost)(from, to) {
            self.handle(to, input);
        }
        true
    }

    /// Delivers one message after another, and lets time pass when there is none, until this holds.
    pub fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..MOST_DELIVERIES {
            if is_so(self) {
                return;
            }
            if !self.step() {
                self.pass(Duration::from_millis(250));
            }
        }
        panic!("what is waited for does not come");
    }

    /// Returns what a node that has the signatures answers to a request.
    pub fn signatures_of(&mut self, node: usize, session: SessionId) -> Input {
        let ask = Frame { request: Request::Announcement, ..forge::empty(session) };
        let input = forge::input(99, &ask);
        let outputs = self.nodes[node].handle(self.now, &mut self.rng, input);
        let [Output::Send { bytes, .. }] = &outputs[..] else { panic!("{outputs:?}") };
        Input::Frame { from: source(node), bytes: bytes.clone() }
    }

    /// Lets time pass, waking nodes at their deadlines.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now.saturating_add(duration);
        self.settle();
        let mut wakes = 0;
        loop {
            let next = self.nodes.iter().filter_map(Node::next_deadline).min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            wakes = if next > self.now { 0 } else { wakes + 1 };
            assert!(wakes < 10, "a deadline that is over is none");
            self.now = self.now.max(next);
            for node in 0..self.nodes.len() {
                self.handle(node, Input::Tick);
            }
            self.settle();
        }
        self.now = end;
    }

    fn carry(&mut self, from: usize, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Publish(bytes) => {
                    for to in (0..self.nodes.len()).filter(|&to| to != from) {
                        let bytes = bytes.clone();
                        self.mail.push_back((
                            from,
                            to,
                            Input::Announcement { from: source(from), bytes },
                        ));
                    }
                    self.publications.push(bytes);
                }
                Output::Send { to, bytes } => {
                    let to = usize::from(match &to {
                        Destination::Contact(contact) => contact.as_bytes()[0],
                        Destination::Source(source) => source.as_bytes()[0],
                    });
                    self.frames.push((from, to, bytes.clone()));
                    self.mail.push_back((from, to, Input::Frame { from: source(from), bytes }));
                }
                Output::Event(event) => {
                    self.events[from].push(event.clone());
                    if let (Event::SessionDiscovered { session }, true) = (event, self.join) {
                        // What came with the announcement may have ended the session already.
                        match self.try_execute(from, Command::JoinSession { session }) {
                            Ok(()) | Err(CommandError::Ended(_)) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                Output::Report(report) => self.reports[from].push(report),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Returns the events of a node that end a session.
    pub fn ends(&self, node: usize) -> Vec<&Event> {
        self.events[node].iter().filter(|event| event.is_terminal()).collect()
    }

    pub fn has_all_nonces(&self, node: usize) -> bool {
        self.events[node].iter().any(|event| matches!(event, Event::NoncesComplete { .. }))
    }

    pub fn is_complete(&self, node: usize) -> bool {
        matches!(self.ends(node)[..], [Event::SessionComplete { .. }])
    }
}

pub fn contact(node: usize) -> Contact {
    Contact::new(vec![node as u8]).unwrap()
}

pub fn source(node: usize) -> Source {
    Source::new([node as u8])
}
