//! What one source can make a node compute: what its budget allows, and then nothing.

use crate::hostile::Flood;
use crate::node::{contact, secret};
use crate::room::Room;
use musig2_proto::wire::proof::{Proof, Signed};
use musig2_proto::wire::statement::{Abort, AbortReason, Body, Statement};
use musig2_proto::{
    Boot, Command, Config, Destination, Event, Input, Libsecp256k1, Message, Node, Output,
    Proposal, Source,
};
use musig2_sim::{Engine, Recording, protocol};

type Counted = Recording<Libsecp256k1>;

/// How many checks a source may cost at once.
const BURST: u32 = 64;
/// Enough to use up what each bucket of a source holds.
const MESSAGES: usize = 5_000;

/// Makes a room in which the first node's engine counts what it checks.
fn room(config: &Config) -> Room {
    let mut room = Room::with_config(3, 1, config.clone());
    let mut counted = Node::<Counted>::with_engine(config.clone()).unwrap();
    counted.add_key(&secret(0)).unwrap();
    room.nodes[0] = Box::new(counted);
    room.execute(0, Command::SetContact(contact(0)));
    room
}

/// Says the same, but from this source.
fn from(source: &Source, input: Input) -> Input {
    match input {
        Input::Frame { bytes, .. } => Input::Frame { from: source.clone(), bytes },
        Input::Announcement { bytes, .. } => Input::Announcement { from: source.clone(), bytes },
        other => other,
    }
}

/// Pours the flood over the first node, all from one source and in one moment. Returns how much it
/// checked, and how often it answered that source.
fn pour(room: &mut Room, flood: &mut Flood, numbers: core::ops::Range<usize>) -> (u64, usize) {
    let source = Source::new(b"one source".to_vec());
    let (mut checks, mut answers) = (0, 0);
    Counted::work();
    for number in numbers {
        let (_, input) = flood.message(number, room.now);
        let outputs = room.handle_apart(0, from(&source, input));
        checks += Counted::work().checks;
        answers += outputs.iter().filter(|output| is_answer(output, &source)).count();
    }
    (checks, answers)
}

fn is_answer(output: &Output, source: &Source) -> bool {
    matches!(output, Output::Send { to: Destination::Source(to), .. } if to == source)
}

#[test]
fn a_source_without_checks_left_makes_a_node_compute_nothing() {
    let config = Config::default().with_max_signers(4).with_source_burst(BURST);
    let mut room = room(&config);
    let spoilt = room.propose();
    room.settle();
    let mut flood = Flood::new(&room, spoilt);
    // One session is open, and the other has ended: both are asked and accused.
    let ended = Proposal::new(room.keys[..3].to_vec()).with_message(Message::new([5; 32]));
    let ended = room.propose_this(ended);
    room.settle();
    assert!(room.nodes[0].session(&ended).unwrap().signatures.is_some());
    flood.aim(ended);

    let (checks, answers) = pour(&mut room, &mut flood, 0..MESSAGES);
    assert!(checks > 0 && answers > 0, "{checks} checks, {answers} answers");
    // Frames, announcements to this node, announcements to others, and hellos of co-signers and of
    // strangers each have a bucket of their own.
    assert!(checks <= 5 * u64::from(BURST), "{checks} checks");
    let spent = pour(&mut room, &mut flood, MESSAGES..2 * MESSAGES);
    assert_eq!(spent, (0, 0), "checks and answers after {checks} and {answers}");
}

#[test]
fn a_proof_is_checked_once_however_long_its_session_is_undecided() {
    let config = Config::default();
    let mut room = room(&config);
    // The second node is asked about the session, and its application does not answer.
    let mut counted = Node::<Counted>::with_engine(config).unwrap();
    counted.add_key(&secret(1)).unwrap();
    room.nodes[1] = Box::new(counted);
    room.join = false;
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    mallory.join();
    let [first, second] = [mallory.nonces(), mallory.nonces()].map(|nonces| Signed::of(&nonces));
    let proof = Proof::EquivocatingNonces { first: first.unwrap(), second: second.unwrap() };
    let boot = Boot::new([9; 16]);
    let shown = Abort { boot, reason: AbortReason::Convicted, proof: Some(Box::new(proof)) };
    let shown = mallory.state(Body::Abort(shown));

    let hear = |room: &mut Room, statements: Vec<Statement>| {
        let bytes = protocol::encode(&protocol::frame(session, statements));
        Counted::work();
        let from = Source::new(b"one source".to_vec());
        let outputs = room.handle_apart(1, Input::Frame { from, bytes });
        (Counted::work().checks, outputs)
    };
    let (checks, outputs) = hear(&mut room, vec![shown]);
    let withdrawn =
        |output: &Output| matches!(output, Output::Event(Event::SessionWithdrawn { .. }));
    assert!(outputs.iter().any(withdrawn), "{outputs:?}");
    // The abort's own signature, and the two that the proof is made of.
    assert_eq!(checks, 3);
    for _ in 0..10 {
        assert_eq!(hear(&mut room, vec![]).0, 0);
    }
}
