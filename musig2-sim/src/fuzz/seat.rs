//! A node under a fuzzer's control, every call of which is checked.

use super::pen::Slot;
use crate::engine::{Engine, Judge};
use crate::protocol::statement_hash;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::decode_message;
use musig2_proto::wire::frame::Frame;
use musig2_proto::{
    Command, CommandError, Config, Contact, Event, Input, Node, Output, PublicKey, SecretKey,
    SessionId, SessionView, Signature, SignerIndex, Source, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::{BTreeMap, BTreeSet};

/// When every run begins.
pub(super) const BEGINNING: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// How many ticks at one moment a node may need until its deadline is later.
const MAX_TICKS: usize = 4;

/// A key, and a node that has it.
pub(super) struct Seat<C: Engine> {
    pub(super) number: u8,
    pub(super) key: PublicKey,
    pub(super) node: Node<C>,
    config: Config,
    rng: ChaCha20Rng,
    lives: u8,
    /// The sessions that ended in this life.
    ended: BTreeSet<SessionId>,
    /// Whether the clock was set back in this life. Then a session that had been forgotten after
    /// its expiry may begin again.
    set_back: bool,
    now: Timestamp,
    /// What it stated, in all its lives: one content for each slot.
    stated: BTreeMap<Slot, [u8; 32]>,
}

impl<C: Engine> Seat<C> {
    /// Makes a node that knows its key and its contact.
    pub(super) fn new(number: u8, config: Config) -> Self {
        let (node, key) = node(number, &config);
        let mut seat = Self {
            number,
            key,
            node,
            config,
            rng: generator(number, 0),
            lives: 1,
            ended: BTreeSet::new(),
            set_back: false,
            now: BEGINNING,
            stated: BTreeMap::new(),
        };
        let contact = seat.contact();
        seat.order(BEGINNING, Command::SetContact(contact));
        seat
    }

    /// Forgets everything except the key.
    pub(super) fn restart(&mut self, now: Timestamp) {
        self.node = node(self.number, &self.config).0;
        self.rng = generator(self.number, self.lives);
        self.lives += 1;
        self.ended.clear();
        self.set_back = false;
        let contact = self.contact();
        self.order(now, Command::SetContact(contact));
    }

    pub(super) fn lives(&self) -> u8 {
        self.lives
    }

    pub(super) fn contact(&self) -> Contact {
        contact(self.number)
    }

    pub(super) fn source(&self) -> Source {
        source(self.number)
    }

    /// Gives the node an order. If the node refuses, nothing may have changed.
    pub(super) fn execute(
        &mut self,
        now: Timestamp,
        command: Command,
    ) -> Result<Vec<Output>, CommandError> {
        // Only comparable if time stood still, because a node processes the time before it looks at
        // the order.
        let before = (now == self.now).then(|| self.state());
        self.notice(now);
        match self.node.execute(now, &mut self.rng, command.clone()) {
            Ok(outputs) => Ok(self.check(now, outputs)),
            Err(error) => {
                let same = before.is_none_or(|before| before == self.state());
                assert!(same, "{command:?} was refused ({error}), and changed something");
                Err(error)
            }
        }
    }

    /// Does the same as [`Seat::execute`], but ignores a refusal.
    pub(super) fn order(&mut self, now: Timestamp, command: Command) -> Vec<Output> {
        self.execute(now, command).unwrap_or_default()
    }

    /// Gives the node an input.
    pub(super) fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        self.notice(now);
        let outputs = self.node.handle(now, &mut self.rng, input);
        self.check(now, outputs)
    }

    fn notice(&mut self, now: Timestamp) {
        self.set_back |= now < self.now;
        self.now = now;
    }

    fn state(&self) -> (Vec<SessionView>, Option<Timestamp>) {
        (self.node.sessions().collect(), self.node.next_deadline())
    }

    /// Checks what must hold after every call.
    fn check(&mut self, now: Timestamp, mut outputs: Vec<Output>) -> Vec<Output> {
        // A call may leave a deadline that is due at once. A driver would tick now, and a few ticks
        // must move the deadline on, or the driver would spin.
        let mut ticks = 0;
        while let Some(deadline) = self.node.next_deadline().filter(|&deadline| deadline <= now) {
            assert!(ticks < MAX_TICKS, "still due at {deadline}, after {ticks} ticks at {now}");
            ticks += 1;
            outputs.extend(self.node.handle(now, &mut self.rng, Input::Tick));
        }
        if let Some(fault) = C::work().fault {
            panic!("{fault}");
        }
        let sessions = self.node.sessions().count();
        assert!(
            outputs.len() <= 64 * (1 + sessions),
            "{} outputs of {sessions} sessions",
            outputs.len()
        );
        outputs.iter().for_each(|output| self.check_output(output));
        for view in self.node.sessions() {
            check_view(&view);
        }
        outputs
    }

    fn check_output(&mut self, output: &Output) {
        let max = self.config.max_frame_size;
        match output {
            Output::Send { bytes, .. } => {
                let frame = decode_message::<Frame>(bytes, max);
                self.check_frame(
                    &frame.unwrap_or_else(|offence| panic!("sends what nobody takes: {offence}")),
                );
            }
            Output::Publish(bytes) => {
                let publication = decode_message::<Publication>(bytes, max);
                assert!(
                    publication.is_ok(),
                    "publishes what nobody takes: {:?}",
                    publication.err()
                );
            }
            Output::Event(event) => self.check_event(event),
            _ => {}
        }
    }

    /// Checks that the node never contradicts itself.
    fn check_frame(&mut self, frame: &Frame) {
        let Some(view) = self.node.session(&frame.session) else { return };
        for statement in frame.statements.iter().filter(|one| one.author == view.me) {
            let Some(slot) = Slot::of(view.id, &statement.body) else { continue };
            let hash = statement_hash(&view.id, view.me, &statement.body);
            let first = *self.stated.entry(slot).or_insert(hash);
            assert_eq!(first, hash, "another thing in the same place: {statement:?}");
        }
    }

    fn check_event(&mut self, event: &Event) {
        let session = event.session();
        if event.is_terminal() {
            assert!(self.ended.insert(session) || self.set_back, "ends a second time: {event:?}");
        }
        match event {
            Event::SessionComplete { signatures, .. } | Event::LateSignature { signatures, .. } => {
                if let Some(view) = self.node.session(&session) {
                    check_signatures::<C>(&view, signatures);
                }
            }
            Event::SessionError { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
}

/// Checks that the signatures are valid, under keys that the core did not compute.
fn check_signatures<C: Engine>(view: &SessionView, signatures: &[Signature]) {
    let items = view.manifest.items();
    assert_eq!(signatures.len(), items.len());
    for (item, signature) in items.iter().zip(signatures) {
        let key = C::Judge::output_key(view.manifest.signers(), item);
        let key =
            key.unwrap_or_else(|error| panic!("a session that has no key was signed: {error}"));
        assert!(C::Judge::is_valid(&key, item.message(), signature), "a signature is not good");
    }
}

/// Checks that every list of a view is a sorted set of the session's signers, and that only signers
/// that joined have nonces or partial signatures.
fn check_view(view: &SessionView) {
    let signers = view.manifest.signer_count();
    for list in [&view.joined, &view.nonces, &view.partials, &view.awaiting] {
        assert!(list.is_sorted_by(|one, next| one < next), "not a set: {list:?}");
        assert!(list.iter().all(|signer| signer.as_usize() < signers), "no such signer: {list:?}");
    }
    let holds =
        |of: &[SignerIndex], list: &[SignerIndex]| list.iter().all(|signer| of.contains(signer));
    assert!(holds(&view.joined, &view.nonces) && holds(&view.joined, &view.partials), "{view:?}");
}

fn node<C: Engine>(number: u8, config: &Config) -> (Node<C>, PublicKey) {
    let mut node = Node::with_engine(config.clone()).unwrap_or_else(|error| panic!("{error}"));
    let key = node.add_key(&secret(number)).unwrap_or_else(|error| panic!("{error}"));
    (node, key)
}

fn generator(number: u8, life: u8) -> ChaCha20Rng {
    let mut seed = [life; 32];
    seed[0] = number;
    ChaCha20Rng::from_seed(seed)
}

pub(super) fn secret(number: u8) -> SecretKey {
    SecretKey::new([number + 1; 32])
}

pub(super) fn source(number: u8) -> Source {
    Source::new([number])
}

pub(super) fn contact(number: u8) -> Contact {
    Contact::new(vec![number]).unwrap_or_else(|_| unreachable!("one byte fits"))
}
