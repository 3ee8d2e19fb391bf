//! What an ended session still says, to whom, and for how long.

use crate::common::forge::{empty, input};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Have, Request};
use musig2_proto::{
    AbortCause, AbortReason, Command, Config, Contact, Event, Input, Node, Note, Output, SecretKey, SessionId,
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What node 0 answers.
fn answers(room: &mut Room, input: Input) -> Vec<Frame> {
    let before = room.frames.len();
    room.handle(0, input);
    room.frames[before..].iter().map(|(.., bytes)| postcard::from_bytes(&bytes[1..]).unwrap()).collect()
}

/// The last frame from one node that says what its sender holds.
fn last(room: &Room, node: usize) -> Frame {
    let frames = room.frames.iter().rev().filter(|(from, ..)| *from == node);
    let mut frames = frames.map(|(.., bytes)| postcard::from_bytes::<Frame>(&bytes[1..]).unwrap());
    frames.find(|frame| frame.have.is_some()).unwrap()
}

fn complete() -> (Room, SessionId) {
    let mut room = Room::new(2, &Config::default());
    let session = room.propose();
    room.settle();
    assert!(room.is_complete(0));
    (room, session)
}

/// What signer 1 publishes when it has lost its memory.
fn hello(room: &mut Room) -> Input {
    let mut node: Node = Node::new(Config::default()).unwrap();
    node.add_key(&SecretKey::new([2; 32])).unwrap();
    node.execute(room.now, &mut room.rng, Command::SetContact(contact(1))).unwrap();
    let outputs = node.execute(room.now, &mut room.rng, Command::SayHello).unwrap();
    let [musig2_proto::Output::Publish(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
    Input::Announcement { from: source(9), bytes: bytes.clone() }
}

#[test]
fn a_signer_that_has_forgotten_is_told_while_the_session_lasts_and_not_after() {
    let (mut room, _) = complete();
    let end = room.nodes[0].sessions().next().unwrap().manifest.expires_at();
    room.now = end.saturating_sub(Duration::from_millis(1));
    let said = hello(&mut room);
    let [told] = &answers(&mut room, said.clone())[..] else { panic!() };
    assert!(told.signatures.is_some() && told.announcement.is_some());
    assert_eq!(answers(&mut room, said), [], "once");
    room.now = end;
    let said = hello(&mut room);
    assert_eq!(answers(&mut room, said), []);
    room.now = end.saturating_add(Duration::from_millis(999));
    assert_eq!(room.nodes[0].sessions().count(), 1, "it is still there");
}

#[test]
fn who_asks_and_has_ended_itself_wants_no_answer_whatever_it_asks_for() {
    for request in [Request::Statements, Request::Announcement] {
        for finished in [true, false] {
            let mut room = Room::new(2, &Config::default());
            // Of an open session node 0 has not heard enough to finish.
            room.lost = Box::new(move |from, _| from == 1 && !finished);
            let session = room.propose();
            room.settle();
            assert_eq!(room.is_complete(0), finished);
            let have = last(&room, 1).have;
            for (ended, count) in [(true, 0), (false, 1)] {
                let have = have.clone().map(|have| Have { ended, ..have });
                let asking = Frame { request, have, ..empty(session) };
                assert_eq!(answers(&mut room, input(9, &asking)).len(), count, "{request:?} {finished}");
            }
        }
    }
}

#[test]
fn a_signer_without_a_contact_that_has_forgotten_hears_of_an_ended_session_and_learns_its_signatures() {
    let mut room = Room::new(3, &Config::default());
    room.execute(2, Command::SetContact(Contact::default()));
    let session = room.propose();
    room.pass(seconds(10));
    assert!((0..3).all(|node| room.is_complete(node)));
    // It is not kept from reaching the others: it knows where they are, and they do not know where it is.
    room.nodes[2] = Node::new(Config::default()).unwrap();
    room.nodes[2].add_key(&SecretKey::new([3; 32])).unwrap();
    room.events[2].clear();
    let told = room.publications.len();
    room.execute(2, Command::SayHello);
    room.pass(seconds(10));
    assert!(room.is_complete(2), "{:?}", room.events[2]);
    let Event::SessionComplete { signatures, .. } = room.ends(2)[0] else { panic!() };
    assert_eq!(Some(signatures.clone()), room.nodes[0].session(&session).unwrap().signatures);
    // Its hellos after 0, 1, 3 and 7 seconds, and an announcement by each of the two that it asks; as often as others pass one on at most.
    let said = room.publications[told..].len();
    assert!((3..=12).contains(&said), "{said}");
}

#[test]
fn an_ended_session_without_signatures_or_without_time_is_not_announced_again() {
    for (aborted, late) in [(true, false), (false, true), (false, false)] {
        let mut room = Room::new(2, &Config::default());
        room.join = !aborted;
        let session = room.propose();
        room.settle();
        if aborted {
            room.execute(0, Command::AbortSession { session, reason: Note::new("no") });
        }
        // From five minutes after its creation on nobody takes a published announcement.
        room.pass(seconds(if late { 300 } else { 200 }));
        let mut node: Node = Node::new(Config::default()).unwrap();
        node.add_key(&SecretKey::new([2; 32])).unwrap();
        let outputs = node.execute(room.now, &mut room.rng, Command::SayHello).unwrap();
        let [Output::Publish(hello)] = &outputs[..] else { panic!("{outputs:?}") };
        let before = room.publications.len();
        room.handle(0, Input::Announcement { from: source(9), bytes: hello.clone() });
        assert_eq!(room.publications.len() - before, usize::from(!aborted && !late), "{aborted} {late}");
        // Said again at once it brings nothing more.
        room.handle(0, Input::Announcement { from: source(9), bytes: hello.clone() });
        assert!(room.publications.len() - before < 2);
    }
}

#[test]
fn who_missed_an_abort_is_told_it_when_it_asks_and_one_abort_does_not_answer_another() {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    room.execute(1, Command::JoinSession { session });
    room.settle();
    room.execute(0, Command::AbortSession { session, reason: Note::new("no") });
    let abort = last(&room, 0);
    // Two joins, two nonces, and the abort.
    assert_eq!(room.nodes[0].session(&session).unwrap().statements, 5);
    assert!(!abort.statements.is_empty() && room.nodes[0].session(&session).unwrap().cause.is_some());
    assert_eq!(answers(&mut room, input(9, &Frame { have: None, ..abort.clone() })), []);
    let ask = Frame { request: Request::Statements, have: None, statements: List::empty(), ..abort };
    let [told] = &answers(&mut room, input(9, &ask))[..] else { panic!() };
    // The join that the abort's life exists through, and the abort.
    assert!(told.statements.len() == 2 && told.announcement.is_none() && told.signatures.is_none());
}

#[test]
fn a_first_word_counts_and_an_application_is_told_of_one_end() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    room.execute(0, Command::AbortSession { session, reason: Note::new("no") });
    room.pass(seconds(700));
    let [Event::SessionAborted { cause, .. }] = room.ends(0)[..] else { panic!("{:?}", room.ends(0)) };
    let AbortCause::BySigner { reason: AbortReason::Requested(note), .. } = cause else { panic!() };
    assert_eq!(note.as_str(), "no");
}

#[test]
fn a_signature_in_the_name_of_another_session_is_no_late_one() {
    let mut room = Room::new(2, &Config::default());
    let first = room.propose();
    room.settle();
    let Event::SessionComplete { signatures, .. } = room.ends(0)[0].clone() else { panic!() };
    room.lost = Box::new(|_, _| true);
    let second = room.create(0, room.proposal(2));
    let audience = musig2_proto::Audience::Everyone;
    room.execute(0, Command::AnnounceSession { session: second, audience });
    room.execute(0, Command::AbortSession { session: second, reason: Note::new("no") });
    assert_ne!(first, second);
    for signatures in [signatures.clone(), vec![signatures[0]; 2], vec![]] {
        let frame = Frame { signatures: Some(List::new(signatures).unwrap()), ..empty(second) };
        let before = room.reports[0].len();
        room.handle(0, input(9, &frame));
        assert_eq!(room.reports[0].len(), before + 1);
    }
    assert!(room.nodes[0].session(&second).unwrap().signatures.is_none());
}
