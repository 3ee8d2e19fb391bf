//! A few nodes in one place, and everything they send delivered at once, in order. Networks with faults are `musig2-sim`'s.

use musig2_proto::{
    Audience, Command, Config, Contact, Destination, Event, Input, Message, Node, Output, Proposal,
    PublicKey, SecretKey, SessionId, Source, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::VecDeque;

pub struct Room {
    pub nodes: Vec<Node>,
    pub keys: Vec<PublicKey>,
    pub events: Vec<Vec<Event>>,
    pub now: Timestamp,
    pub frames: Vec<(usize, usize, Vec<u8>)>,
    pub join: bool,
    rng: ChaCha20Rng,
    mail: VecDeque<(usize, Input)>,
}

impl Room {
    pub fn new(count: usize, config: &Config) -> Self {
        let mut room = Self {
            nodes: Vec::new(),
            keys: Vec::new(),
            events: vec![Vec::new(); count],
            now: Timestamp::from_millis(1_800_000_000_000),
            frames: Vec::new(),
            join: true,
            rng: ChaCha20Rng::from_seed([5; 32]),
            mail: VecDeque::new(),
        };
        for number in 0..count {
            let mut node = Node::new(config.clone()).unwrap();
            room.keys.push(node.add_key(&SecretKey::new([number as u8 + 1; 32])).unwrap());
            room.nodes.push(node);
            room.execute(number, Command::SetContact(contact(number)));
        }
        room
    }

    pub fn execute(&mut self, node: usize, command: Command) {
        let outputs = self.nodes[node].execute(self.now, &mut self.rng, command).unwrap();
        self.carry(node, outputs);
    }

    pub fn announce(&mut self, node: usize, proposal: Proposal) -> SessionId {
        self.execute(node, Command::CreateSession(proposal));
        let Some(Event::SessionCreated { session }) = self.events[node].last() else { panic!("not created") };
        let session = *session;
        self.execute(node, Command::AnnounceSession { session, audience: Audience::Everyone });
        session
    }

    pub fn propose(&mut self, items: u8) -> SessionId {
        let mut proposal = Proposal::new(self.keys.clone());
        for item in 0..items {
            proposal = proposal.with_message(Message::new([item; 32]));
        }
        self.announce(0, proposal)
    }

    pub fn settle(&mut self) {
        while let Some((to, input)) = self.mail.pop_front() {
            let outputs = self.nodes[to].handle(self.now, &mut self.rng, input);
            self.carry(to, outputs);
        }
    }

    fn carry(&mut self, from: usize, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Publish(bytes) => {
                    for to in (0..self.nodes.len()).filter(|&to| to != from) {
                        self.mail.push_back((
                            to,
                            Input::Announcement { from: source(from), bytes: bytes.clone() },
                        ));
                    }
                }
                Output::Send { to, bytes } => {
                    let to = match &to {
                        Destination::Contact(contact) => contact.as_bytes()[0],
                        Destination::Source(source) => source.as_bytes()[0],
                    } as usize;
                    self.frames.push((from, to, bytes.clone()));
                    self.mail.push_back((to, Input::Frame { from: source(from), bytes }));
                }
                Output::Event(event) => {
                    self.events[from].push(event.clone());
                    if let (Event::SessionDiscovered { session }, true) = (event, self.join) {
                        self.execute(from, Command::JoinSession { session });
                    }
                }
                Output::Report(report) => panic!("{from} reports {report:?}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn contact(node: usize) -> Contact {
    Contact::new(vec![node as u8]).unwrap()
}

fn source(node: usize) -> Source {
    Source::new([node as u8])
}
