//! What a node still says about an ended session, to whom, and for how long.

use crate::common::forge::{empty, input};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Have, Request};
use musig2_proto::{
    AbortCause, AbortReason, Audience, Command, Config, Contact, Event, Input, Node, Note, Output,
    PhaseTimeout, SecretKey, SessionId, Stepping,
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns what node 0 answers.
fn answers(room: &mut Room, input: Input) -> Vec<Frame> {
    let before = room.frames.len();
    room.handle(0, input);
    room.frames[before..]
        .iter()
        .map(|(.., bytes)| postcard::from_bytes(&bytes[1..]).unwrap())
        .collect()
}

/// Returns the last frame from a node that says what the node holds.
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

/// Returns what signer 1 publishes after it has lost its memory.
fn hello(room: &mut Room) -> Input {
    let mut node = Node::new(Config::default()).unwrap();
    node.add_key(&SecretKey::new([2; 32])).unwrap();
    node.execute(room.now, &mut room.rng, Command::SetContact(contact(1))).unwrap();
    let outputs = node.execute(room.now, &mut room.rng, Command::SayHello).unwrap();
    let [musig2_proto::Output::Publish(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
    Input::Announcement { from: source(9), bytes: bytes.clone() }
}

#[test]
fn a_signer_without_memory_is_told_only_while_the_session_lasts() {
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
fn an_ended_node_that_asks_is_sent_only_the_signatures() {
    for request in [Request::Statements, Request::Announcement] {
        for finished in [true, false] {
            let mut room = Room::new(2, &Config::default());
            // If the session is open, node 0 has not heard enough to finish it.
            room.lost = Box::new(move |from, _| from == 1 && !finished);
            let session = room.propose();
            room.settle();
            assert_eq!(room.is_complete(0), finished);
            let have = last(&room, 1).have;
            for (ended, count) in [(true, usize::from(finished)), (false, 1)] {
                let have = have.clone().map(|have| Have { ended, ..have });
                let asking = Frame { request, have, ..empty(session) };
                let told = answers(&mut room, input(9, &asking));
                assert_eq!(told.len(), count, "{request:?} {finished}");
                assert!(told.iter().all(|told| told.signatures.is_some() == finished));
                if ended {
                    assert!(
                        told.iter()
                            .all(|told| told.announcement.is_none() && told.statements.is_empty())
                    );
                }
            }
        }
    }
}

#[test]
fn a_signer_without_memory_or_contact_still_learns_the_signatures() {
    let mut room = Room::new(3, &Config::default());
    room.execute(2, Command::SetContact(Contact::default()));
    let session = room.propose();
    room.pass(seconds(10));
    assert!((0..3).all(|node| room.is_complete(node)));
    // Nothing keeps it from reaching the others: it knows where they are, but they do not know
    // where it is.
    room.nodes[2] = Node::new(Config::default()).unwrap();
    room.nodes[2].add_key(&SecretKey::new([3; 32])).unwrap();
    room.events[2].clear();
    let told = room.publications.len();
    room.execute(2, Command::SayHello);
    room.pass(seconds(10));
    assert!(room.is_complete(2), "{:?}", room.events[2]);
    let Event::SessionComplete { signatures, .. } = room.ends(2)[0] else { panic!() };
    assert_eq!(Some(signatures.clone()), room.nodes[0].session(&session).unwrap().signatures);
    // It says hello after 0, 1, 3 and 7 seconds, and each of the two that it asks publishes an
    // announcement, at most as often as others pass one on.
    let said = room.publications[told..].len();
    assert!((3..=12).contains(&said), "{said}");
}

#[test]
fn an_ended_session_is_announced_only_if_signed_and_still_in_time() {
    for (aborted, late) in [(true, false), (false, true), (false, false)] {
        let mut room = Room::new(2, &Config::default());
        room.join = !aborted;
        let session = room.propose();
        room.settle();
        if aborted {
            room.execute(0, Command::AbortSession { session, reason: Note::new("no") });
        }
        // From five minutes after its creation on, nobody takes a published announcement.
        room.pass(seconds(if late { 300 } else { 200 }));
        let mut node = Node::new(Config::default()).unwrap();
        node.add_key(&SecretKey::new([2; 32])).unwrap();
        let outputs = node.execute(room.now, &mut room.rng, Command::SayHello).unwrap();
        let [Output::Publish(hello)] = &outputs[..] else { panic!("{outputs:?}") };
        let before = room.publications.len();
        room.handle(0, Input::Announcement { from: source(9), bytes: hello.clone() });
        assert_eq!(
            room.publications.len() - before,
            usize::from(!aborted && !late),
            "{aborted} {late}"
        );
        // Repeated at once, the hello brings nothing more.
        room.handle(0, Input::Announcement { from: source(9), bytes: hello.clone() });
        assert!(room.publications.len() - before < 2);
    }
}

#[test]
fn a_missed_abort_is_sent_on_request_but_never_in_answer_to_an_abort() {
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
    assert!(
        !abort.statements.is_empty() && room.nodes[0].session(&session).unwrap().cause.is_some()
    );
    assert_eq!(answers(&mut room, input(9, &Frame { have: None, ..abort.clone() })), []);
    let ask =
        Frame { request: Request::Statements, have: None, statements: List::empty(), ..abort };
    let [told] = &answers(&mut room, input(9, &ask))[..] else { panic!() };
    // The join through which the abort's life exists, and the abort.
    assert!(told.statements.len() == 2 && told.announcement.is_none() && told.signatures.is_none());
}

#[test]
fn an_application_is_told_only_of_a_sessions_first_end() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    room.execute(0, Command::AbortSession { session, reason: Note::new("no") });
    room.pass(seconds(700));
    let [Event::SessionAborted { cause, .. }] = room.ends(0)[..] else {
        panic!("{:?}", room.ends(0))
    };
    let AbortCause::BySigner { reason: AbortReason::Requested(note), .. } = cause else { panic!() };
    assert_eq!(note.as_str(), "no");
}

/// Makes a room of three in which nodes 0 and 1 have the signatures. Node 2 released its partial
/// signatures, has heard nothing since, and was then aborted.
fn one_without_signatures(audience: Audience) -> (Room, SessionId) {
    let mut room = Room::new(3, &Config::default());
    for node in 0..3 {
        let others = room.keys.clone().into_iter().enumerate().filter(|(other, _)| *other != node);
        others.for_each(|(other, signer)| {
            room.execute(node, Command::AddContact { signer, contact: contact(other) });
        });
    }
    let session = room.create(0, room.proposal(1));
    room.execute(0, Command::AnnounceSession { session, audience });
    room.until(|room| room.nodes[2].session(&session).is_some_and(|view| view.released));
    assert!(room.ends(2).is_empty());
    room.lost = Box::new(|_, to| to == 2);
    room.settle();
    assert!(room.is_complete(0) && room.is_complete(1));
    room.lost = Box::new(|from, to| from == 2 || to == 2);
    room.execute(2, Command::AbortSession { session, reason: Note::new("no") });
    assert!(matches!(room.ends(2)[..], [Event::SessionAborted { released: true, .. }]));
    room.settle();
    (room, session)
}

#[test]
fn a_node_that_released_partials_asks_until_it_has_the_signatures() {
    let (mut room, session) = one_without_signatures(Audience::Everyone);
    room.pass(seconds(20));
    assert!(room.nodes[2].session(&session).unwrap().signatures.is_none());
    room.lost = Box::new(|_, _| false);
    room.pass(seconds(38));
    let late = room.events[2].iter().filter(|event| matches!(event, Event::LateSignature { .. }));
    assert_eq!(late.count(), 1);
    assert_eq!(
        room.nodes[2].session(&session).unwrap().signatures,
        room.nodes[0].session(&session).unwrap().signatures
    );
    let before = room.frames.len();
    room.pass(seconds(700));
    assert_eq!(room.frames.len(), before, "it has them");
}

#[test]
fn requests_for_signatures_slow_down_and_end_at_expiry() {
    for audience in [Audience::Everyone, Audience::KnownContacts] {
        let (mut room, session) = one_without_signatures(audience);
        let (start, end) =
            (room.now, room.nodes[2].session(&session).unwrap().manifest.expires_at());
        let (frames, said) = (room.frames.len(), room.publications.len());
        let mut asked = Vec::new();
        while room.now < end.saturating_add(seconds(120)) {
            let before = room.frames.len();
            room.pass(Duration::from_millis(100));
            if room.frames.len() > before {
                asked.push(room.now.saturating_since(start).as_millis() as u64 / 100);
            }
        }
        let pauses: Vec<_> =
            [0].iter().chain(&asked).zip(&asked).map(|(one, next)| next - one).collect();
        for (pause, least) in pauses.iter().zip([10, 20, 40, 80, 160, 300, 300]) {
            assert!((least..=least + least / 4 + 1).contains(pause), "{pauses:?}");
        }
        assert_eq!(
            *asked.last().unwrap(),
            end.saturating_since(start).as_millis() as u64 / 100,
            "at expiry"
        );
        let asks = &room.frames[frames..];
        assert!(
            asks.iter().all(|(from, ..)| *from == 2) && asks.len() == 2 * asked.len(),
            "both, and nobody else"
        );
        for (.., bytes) in asks {
            let frame: Frame = postcard::from_bytes(&bytes[1..]).unwrap();
            assert!(frame.request == Request::Statements && frame.have.unwrap().ended);
            assert!(frame.statements.is_empty() && frame.announcement.is_none());
        }
        let hellos = room.publications.len() - said;
        assert_eq!(hellos, if audience == Audience::Everyone { asked.len() / 3 } else { 0 });
    }
}

#[test]
fn a_hello_brings_the_signatures_however_long_the_node_has_run() {
    let (mut room, session) = one_without_signatures(Audience::Everyone);
    let said = room.publications.len();
    room.until(|room| room.publications.len() > said);
    let bytes = room.publications[said].clone();
    let before = room.frames.len();
    room.handle(0, Input::Announcement { from: source(9), bytes });
    let [(0, 2, bytes)] = &room.frames[before..] else { panic!() };
    let told: Frame = postcard::from_bytes(&bytes[1..]).unwrap();
    assert!(told.session == session && told.signatures.is_some());
}

#[test]
fn a_session_that_expires_after_the_release_is_asked_for_once() {
    let config =
        Config::default().with_phase_timeout(PhaseTimeout::Report).with_stepping(Stepping::Manual);
    let mut room = Room::new(2, &config);
    let session = room.propose();
    room.settle();
    (0..2).for_each(|node| room.execute(node, Command::ShareNonces { session }));
    room.settle();
    room.execute(1, Command::SharePartialSignatures { session });
    room.lost = Box::new(|_, _| true);
    let end = room.nodes[1].session(&session).unwrap().manifest.expires_at();
    room.pass(end.saturating_since(room.now).saturating_sub(Duration::from_millis(1)));
    let asked = |room: &Room| room.frames.iter().filter(|(from, ..)| *from == 1).count();
    let before = asked(&room);
    room.pass(seconds(60));
    let ends = room.ends(1);
    assert!(matches!(ends[..], [Event::SessionAborted { released: true, .. }]), "{ends:?}");
    assert_eq!(asked(&room), before + 1);
}

#[test]
fn signatures_of_another_session_are_not_late_signatures() {
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
