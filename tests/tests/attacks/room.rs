//! A small room: honest nodes with two engines, and seats whose occupants speak only when a test
//! does.
//!
//! Everything is delivered in order, nothing is lost unless a test says so, time stands still until
//! a test lets it pass, and everything is recorded. [`Room::conclude`] ends every test: it lets
//! time run out and checks what must hold whatever the attack was.

use crate::attacker::Attacker;
use crate::node::{Engine, Puppet, contact, engine, secret, source};
use core::time::Duration;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::{Body, Statement};
use musig2_proto::{
    AttemptId, Audience, Command, CommandError, Config, Destination, Event, Input, Item, Message,
    Output, Proposal, PublicKey, Report, SecretKey, SessionId, SessionView, Signature, SignerIndex,
    Timestamp, Tweak,
};
use musig2_sim::protocol;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::{BTreeMap, VecDeque};

/// A message on its way: from, to, and what is sent.
type Letter = (usize, usize, Input);

pub struct Room {
    /// The honest nodes: even seats compute with libsecp256k1, odd ones with the `musig2` crate.
    pub nodes: Vec<Box<dyn Engine>>,
    /// The keys of all seats. The attackers' keys come last.
    pub keys: Vec<PublicKey>,
    pub now: Timestamp,
    /// What each honest node told its application, and when.
    pub events: Vec<Vec<(Timestamp, Event)>>,
    pub reports: Vec<Vec<Report>>,
    /// Every frame that an honest node sent: from, to, frame.
    pub frames: Vec<(usize, usize, Frame)>,
    /// Which messages between two seats are lost.
    pub lost: Box<dyn Fn(usize, usize) -> bool>,
    /// Whether honest applications join what they discover.
    pub join: bool,
    /// Whether to deliver the latest message first.
    pub reversed: bool,
    /// Honest keys that a test uses in two places at once.
    pub doubled: Vec<PublicKey>,
    /// Each honest node's latest view of each session. The last one shows how it ended.
    pub views: BTreeMap<(usize, SessionId), SessionView>,
    config: Config,
    mail: VecDeque<Letter>,
    rng: ChaCha20Rng,
}

impl Room {
    pub fn new(honest: usize, attackers: usize) -> Self {
        Self::with_config(honest, attackers, Config::default())
    }

    pub fn with_config(honest: usize, attackers: usize, config: Config) -> Self {
        let mut room = Self {
            nodes: Vec::new(),
            keys: Vec::new(),
            now: Timestamp::from_millis(1_800_000_000_000),
            events: vec![Vec::new(); honest],
            reports: vec![Vec::new(); honest],
            frames: Vec::new(),
            lost: Box::new(|_, _| false),
            join: true,
            reversed: false,
            doubled: Vec::new(),
            views: BTreeMap::new(),
            config,
            mail: VecDeque::new(),
            rng: ChaCha20Rng::from_seed([5; 32]),
        };
        for seat in 0..honest {
            let (node, key) = engine(seat, &room.config);
            room.nodes.push(node);
            room.keys.push(key);
            room.execute(seat, Command::SetContact(contact(seat)));
        }
        for seat in honest..honest + attackers {
            room.keys.push(engine(seat, &room.config).1);
        }
        room
    }

    pub fn honest(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the first attacker's seat.
    pub fn attacker_seat(&self) -> usize {
        self.nodes.len()
    }

    /// Has seat 0 propose a session of everyone, with one item under the aggregate key and one
    /// under a tweaked one, and announce it.
    pub fn propose(&mut self) -> SessionId {
        self.propose_this(self.proposal())
    }

    /// Has seat 0 propose and announce this.
    pub fn propose_this(&mut self, proposal: Proposal) -> SessionId {
        self.execute(0, Command::CreateSession(proposal));
        let Some(&(_, Event::SessionCreated { session })) = self.events[0].last() else { panic!() };
        self.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
        session
    }

    pub fn proposal(&self) -> Proposal {
        let tweaked = Item::new(Message::new([2; 32])).with_tweaks(vec![Tweak::BIP86]).unwrap();
        Proposal::new(self.keys.clone()).with_message(Message::new([1; 32])).with_item(tweaked)
    }

    pub fn execute(&mut self, seat: usize, command: Command) {
        self.try_execute(seat, command).unwrap();
    }

    pub fn try_execute(&mut self, seat: usize, command: Command) -> Result<(), CommandError> {
        let outputs = self.nodes[seat].execute(self.now, &mut self.rng, command)?;
        self.carry(seat, outputs);
        Ok(())
    }

    /// Returns the attacker of this number, in a session.
    pub fn attacker(&self, number: usize, session: SessionId) -> Attacker {
        let seat = self.attacker_seat() + number;
        let view = self.view(session);
        Attacker::new(&secret(seat), contact(seat), view).unwrap()
    }

    /// Returns a node with the first attacker's key, which makes manifests and announcements.
    pub fn puppet(&self) -> Puppet {
        Puppet::new(&secret(self.attacker_seat()), &self.config)
    }

    /// Returns a signer with a stranger's key, which has no place among the session's signers.
    pub fn stranger(&self, session: SessionId) -> Attacker {
        let view = self.view(session);
        Attacker::new(&SecretKey::new([0x77; 32]), contact(0x77), view).unwrap()
    }

    /// Delivers these statements to one honest node, from the first attacker's seat.
    pub fn send(&mut self, to: usize, statements: impl IntoIterator<Item = Statement>) {
        let mut statements = statements.into_iter().peekable();
        let session = self.session();
        assert!(statements.peek().is_some());
        self.send_frame(to, &protocol::frame(session, statements));
    }

    /// Delivers these statements to all honest nodes.
    pub fn send_all(&mut self, statements: &[Statement]) {
        for to in 0..self.honest() {
            self.send(to, statements.iter().cloned());
        }
    }

    pub fn send_frame(&mut self, to: usize, frame: &Frame) {
        self.send_from(self.attacker_seat(), to, frame);
    }

    /// Delivers a frame as if from any seat.
    pub fn send_from(&mut self, from: usize, to: usize, frame: &Frame) {
        let input = Input::Frame { from: source(from), bytes: protocol::encode(frame) };
        self.handle(to, input);
    }

    /// Returns the session that was last proposed.
    pub fn session(&self) -> SessionId {
        let sessions = self.events.iter().flatten().filter_map(|(at, event)| match event {
            Event::SessionCreated { session } | Event::SessionDiscovered { session } => {
                Some((at, session))
            }
            _ => None,
        });
        *sessions.max_by_key(|(at, _)| **at).expect("a session").1
    }

    /// Returns a node's outputs without delivering them.
    pub fn handle_apart(&mut self, seat: usize, input: Input) -> Vec<Output> {
        self.nodes[seat].handle(self.now, &mut self.rng, input)
    }

    pub fn handle(&mut self, seat: usize, input: Input) {
        let outputs = self.handle_apart(seat, input);
        self.carry(seat, outputs);
    }

    /// Returns a seat's index in a session.
    pub fn index(&self, seat: usize, session: SessionId) -> SignerIndex {
        self.view(session).manifest.index_of(&self.keys[seat]).expect("a signer")
    }

    /// Returns every statement that an honest node sent to anyone.
    pub fn statements(&self, session: SessionId) -> Vec<Statement> {
        let frames = self.frames.iter().filter(|(_, _, frame)| frame.session == session);
        let mut seen = Vec::new();
        for statement in frames.flat_map(|(_, _, frame)| frame.statements.iter()) {
            if !seen.contains(statement) {
                seen.push(statement.clone());
            }
        }
        seen
    }

    /// Returns the honest nodes' nonces for the first attempt.
    pub fn nonces(&self, session: SessionId) -> Vec<Statement> {
        self.nonces_for(session, AttemptId::FIRST)
    }

    /// Returns the honest nodes' nonces for an attempt.
    pub fn nonces_for(&self, session: SessionId, attempt: AttemptId) -> Vec<Statement> {
        let honest: Vec<_> = (0..self.honest()).map(|seat| self.index(seat, session)).collect();
        let statements = self.statements(session).into_iter();
        let of_attempt =
            |body: &Body| matches!(body, Body::Nonces(nonces) if nonces.attempt == attempt);
        statements.filter(|one| of_attempt(&one.body) && honest.contains(&one.author)).collect()
    }

    /// Returns what any node knows of a session that does not change.
    pub fn view(&self, session: SessionId) -> SessionView {
        self.views.values().find(|view| view.id == session).expect("a node knows it").clone()
    }

    /// Returns a node's current view of a session.
    pub fn current(&self, seat: usize, session: SessionId) -> SessionView {
        self.nodes[seat].session(&session).expect("the node knows it")
    }

    /// Delivers everything, and everything that follows from it.
    pub fn settle(&mut self) {
        while self.step() {}
    }

    /// Delivers one message, or loses it. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let letter = if self.reversed { self.mail.pop_back() } else { self.mail.pop_front() };
        let Some((from, to, input)) = letter else { return false };
        if to < self.honest() && !(self.lost)(from, to) {
            self.handle(to, input);
        }
        true
    }

    /// Lets time pass, waking nodes at their deadlines.
    pub fn pass(&mut self, duration: Duration) {
        let end = self.now.saturating_add(duration);
        self.settle();
        loop {
            let next = self.nodes.iter().filter_map(|node| node.next_deadline()).min();
            let Some(next) = next.filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            for seat in 0..self.honest() {
                self.handle(seat, Input::Tick);
            }
            self.settle();
        }
        self.now = end;
    }

    /// Adds another node with the key of an honest one, in its own seat, that does not know of the
    /// first.
    pub fn double(&mut self, seat: usize) {
        assert_eq!(self.honest(), self.keys.len(), "the attackers' seats would move");
        let (node, key) = engine(seat, &self.config);
        self.doubled.push(key);
        self.nodes.push(node);
        self.keys.push(key);
        self.events.push(Vec::new());
        self.reports.push(Vec::new());
        let twin = self.honest() - 1;
        self.execute(twin, Command::SetContact(contact(twin)));
    }

    /// Restarts a node that has lost everything except its key.
    pub fn restart(&mut self, seat: usize) {
        self.nodes[seat] = engine(seat, &self.config).0;
        self.execute(seat, Command::SetContact(contact(seat)));
        self.execute(seat, Command::SayHello);
    }

    /// Delivers a publication to some honest nodes.
    pub fn publish(&mut self, to: impl IntoIterator<Item = usize>, bytes: &[u8]) {
        for seat in to {
            let from = source(self.attacker_seat());
            self.handle(seat, Input::Announcement { from, bytes: bytes.to_vec() });
        }
    }

    /// Delivers something, and loses everything that is sent in return.
    pub fn deliver_quietly(&mut self, seat: usize, input: Input) {
        let (frames, mail) = (self.frames.len(), self.mail.len());
        self.handle(seat, input);
        self.frames.truncate(frames);
        self.mail.truncate(mail);
    }

    pub fn carry(&mut self, from: usize, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Publish(bytes) => {
                    for to in (0..self.honest()).filter(|&to| to != from) {
                        let bytes = bytes.clone();
                        self.mail.push_back((
                            from,
                            to,
                            Input::Announcement { from: source(from), bytes },
                        ));
                    }
                }
                Output::Send { to, bytes } => {
                    let (Destination::Contact(_) | Destination::Source(_)) = &to;
                    let to = usize::from(match &to {
                        Destination::Contact(contact) => contact.as_bytes()[0],
                        Destination::Source(source) => source.as_bytes()[0],
                    });
                    self.frames.push((from, to, protocol::decode(&bytes).unwrap()));
                    self.mail.push_back((from, to, Input::Frame { from: source(from), bytes }));
                }
                Output::Event(event) => self.tell(from, event),
                Output::Report(report) => self.reports[from].push(report),
                other => panic!("{other:?}"),
            }
        }
    }

    fn tell(&mut self, seat: usize, event: Event) {
        let session = event.session();
        self.events[seat].push((self.now, event.clone()));
        if let Some(view) = self.nodes[seat].session(&session) {
            self.views.insert((seat, session), view);
        }
        if let (Event::SessionDiscovered { .. }, true) = (event, self.join) {
            // What came with the announcement may have ended the session already, and an attacker
            // may announce more sessions than there is room for.
            match self.try_execute(seat, Command::JoinSession { session }) {
                Ok(()) | Err(CommandError::Ended(_) | CommandError::QueueFull(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Checks the signatures under the tweaked keys, using only libsecp256k1's BIP340.
pub fn assert_signatures(view: &SessionView, signatures: &[Signature]) {
    assert_eq!(signatures.len(), view.manifest.items().len());
    for ((item, output), signature) in
        view.manifest.items().iter().zip(view.output_keys.iter()).zip(signatures)
    {
        let key = secp256k1::XOnlyPublicKey::from_byte_array(output.key.to_bytes()).unwrap();
        let signature = secp256k1::schnorr::Signature::from_byte_array(signature.to_bytes());
        secp256k1::schnorr::verify(&signature, item.message().as_bytes(), &key).unwrap();
    }
}
