//! The session finishes, in whatever order messages arrive.

use crate::room::Room;
use core::time::Duration;
use musig2_proto::{Command, Event};

#[test]
fn a_session_finishes_if_the_latest_message_comes_first() {
    for honest in [2, 3, 7] {
        let mut room = Room::new(honest, 0);
        room.reversed = true;
        room.propose();
        room.conclude_with_signatures();
    }
}

#[test]
fn a_session_finishes_if_partials_come_before_nonces_and_join() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    let round = mallory.round(&nonces, &room.nonces(session)).unwrap();
    let partials = mallory.partials(&nonces, &round).unwrap();
    for statement in [partials, nonces, join] {
        room.send_all(&[statement]);
        room.settle();
    }
    room.conclude_with_signatures();
}

#[test]
fn a_session_finishes_if_own_nonces_come_after_all_others() {
    let mut room = Room::new(3, 0);
    room.join = false;
    let session = room.propose();
    room.settle();
    room.join = true;
    room.execute(1, Command::JoinSession { session });
    room.settle();
    room.pass(Duration::from_secs(30));
    let before = room.statements(session).len();
    assert_eq!(before, 4, "the joins and nonces of two");
    room.execute(2, Command::JoinSession { session });
    room.conclude_with_signatures();
    assert!(
        room.events
            .iter()
            .flatten()
            .all(|(_, event)| !matches!(event, Event::AttemptRestarted { .. }))
    );
}

#[test]
fn a_session_finishes_if_everything_comes_twice() {
    let mut room = Room::new(3, 0);
    let session = room.propose();
    while room.step() {
        for (from, to, frame) in room.frames.clone() {
            if room.nodes[to].session(&session).is_some() {
                let bytes = musig2_sim::protocol::encode(&frame);
                let input = musig2_proto::Input::Frame { from: crate::node::source(from), bytes };
                room.deliver_quietly(to, input);
            }
        }
    }
    room.conclude_with_signatures();
}
