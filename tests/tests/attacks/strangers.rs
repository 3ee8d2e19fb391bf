//! A stranger, which has no key in a session, can neither end it nor finish it.

use crate::node::source;
use crate::room::Room;
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::{Event, Input, Message, Offence, Proposal, SessionId, Signature, SignerIndex};
use musig2_sim::protocol;

fn deliver(room: &mut Room, frame: &Frame) {
    for seat in 0..room.honest() {
        room.handle(seat, Input::Frame { from: source(99), bytes: protocol::encode(frame) });
    }
}

fn signatures(session: SessionId, signatures: Vec<Signature>) -> Frame {
    Frame { signatures: Some(List::new(signatures).unwrap()), ..protocol::frame(session, []) }
}

fn offences(room: &Room, offence: &Offence) -> usize {
    room.reports.iter().flatten().filter(|report| report.offence == *offence).count()
}

#[test]
fn a_strangers_abort_in_anyones_name_is_refused() {
    let mut room = Room::new(3, 0);
    room.lost = Box::new(|from, to| from == 2 || to == 2);
    let session = room.propose();
    room.settle();
    let mut stranger = room.stranger(session);
    let body = stranger.abort().body;
    for author in 0..4 {
        let forged = stranger.state_as(SignerIndex::new(author), body.clone());
        deliver(&mut room, &protocol::frame(session, [forged]));
    }
    // The third does not even know the session.
    assert_eq!(offences(&room, &Offence::BadSignature), 2 * 3);
    assert_eq!(offences(&room, &Offence::Misfit), 2);
    room.lost = Box::new(|_, _| false);
    room.conclude_with_signatures();
}

#[test]
fn false_signatures_complete_nothing_before_or_after_the_end() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let false_ones =
        || [vec![], vec![Signature::new([0; 64]); 2], vec![Signature::new([0xff; 64]); 2]];
    for false_one in false_ones() {
        deliver(&mut room, &signatures(session, false_one));
    }
    // An empty list for two items is refused without a check.
    let refused =
        |room: &Room| [Offence::FalseSignatures, Offence::Misfit].map(|one| offences(room, &one));
    assert_eq!(refused(&room), [2 * 2, 2]);
    room.pass(Duration::from_secs(301));
    for false_one in false_ones() {
        deliver(&mut room, &signatures(session, false_one));
    }
    assert_eq!(refused(&room), [2 * 4, 2 * 2]);
    room.conclude_with_timeout(musig2_proto::Phase::Joining);
    let late = |(_, event): &(_, Event)| matches!(event, Event::LateSignature { .. });
    assert!(!room.events.iter().flatten().any(late));
}

#[test]
fn valid_signatures_of_another_session_complete_nothing() {
    let mut room = Room::new(3, 0);
    let first = room.propose();
    room.settle();
    let true_ones = room.current(0, first).signatures.expect("finished");
    room.pass(Duration::from_secs(1));
    room.lost = Box::new(|_, to| to == 2);
    let other = Proposal::new(room.keys.clone()).with_message(Message::new([8; 32]));
    let second = room.propose_this(other.with_message(Message::new([9; 32])));
    room.settle();
    deliver(&mut room, &signatures(second, true_ones.clone()));
    deliver(&mut room, &signatures(second, true_ones.iter().rev().copied().collect()));
    assert_eq!(offences(&room, &Offence::FalseSignatures), 4);
    room.lost = Box::new(|_, _| false);
    room.conclude_with_signatures();
}

#[test]
fn a_stranger_with_valid_signatures_completes_the_session() {
    let mut room = Room::new(3, 0);
    room.lost = Box::new(|_, to| to == 2);
    let session = room.propose();
    // The third hears everything except the partial signatures.
    while !room.events[2].iter().any(|(_, event)| matches!(event, Event::SessionReady { .. })) {
        room.lost = Box::new(|_, _| false);
        room.step();
    }
    room.lost = Box::new(|_, to| to == 2);
    room.settle();
    let true_ones = room.current(0, session).signatures;
    if let Some(true_ones) = true_ones {
        deliver(&mut room, &signatures(session, true_ones));
    }
    room.conclude_with_signatures();
}
