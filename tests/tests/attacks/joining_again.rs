//! Joining twice is not a fault: with another contact it means nothing, and under another life it
//! is a restart. Only too many restarts end a session.

use crate::attacker::Attacker;
use crate::room::Room;
use musig2_proto::{Boot, Contact, Fault, MAX_JOINS, MAX_RESTARTS, Phase, SessionId};

fn seated() -> (Room, SessionId, Attacker) {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mallory = room.attacker(0, session);
    (room, session, mallory)
}

/// Joins under this many lives, telling everyone each time. Returns their boots.
fn join_again(room: &mut Room, mallory: &mut Attacker, lives: usize) -> Vec<Boot> {
    let mut boots = Vec::new();
    for life in 1..=lives {
        boots.push(Boot::new([life as u8; 16]));
        let known = if life == 1 { vec![] } else { vec![(mallory.index, boots.clone())] };
        let join = mallory.restart(life as u8, &known);
        room.send_all(&[join]);
        room.settle();
    }
    boots
}

fn finish(room: &mut Room, session: SessionId, mallory: &mut Attacker) {
    let nonces = mallory.nonces();
    room.send_all(core::slice::from_ref(&nonces));
    room.settle();
    let round = mallory.round(&nonces, &room.nonces_for(session, mallory.attempt)).unwrap();
    let partials = mallory.partials(&nonces, &round).unwrap();
    room.send_all(&[partials]);
    room.conclude_with_signatures();
}

#[test]
fn one_life_with_two_contacts_is_nobodys_fault() {
    let (mut room, session, mut mallory) = seated();
    let [one, other] =
        [&b"one"[..], &[2]].map(|at| mallory.join_at(Contact::new(at.to_vec()).unwrap()));
    room.lost = Box::new(|_, to| to > 2);
    // The first contact leads nowhere: frames to it are lost.
    room.send(0, [other.clone()]);
    room.send(1, [other.clone()]);
    room.send_all(&[one, other]);
    finish(&mut room, session, &mut mallory);
}

#[test]
fn as_many_restarts_as_allowed_still_end_with_signatures() {
    let (mut room, session, mut mallory) = seated();
    join_again(&mut room, &mut mallory, MAX_RESTARTS + 1);
    finish(&mut room, session, &mut mallory);
}

#[test]
fn one_restart_too_many_convicts_its_author_and_nobody_else() {
    let (mut room, _, mut mallory) = seated();
    join_again(&mut room, &mut mallory, MAX_JOINS);
    room.conclude_with_conviction(Fault::RestartLimit);
}

#[test]
fn more_joins_than_a_board_holds_convict_their_author() {
    let (mut room, _, mut mallory) = seated();
    let joins: Vec<_> = (0..200)
        .map(|life| {
            mallory.boot = Boot::new([life; 16]);
            mallory.join()
        })
        .collect();
    room.send(0, joins);
    room.conclude_with_conviction(Fault::RestartLimit);
}

#[test]
fn repeated_restarts_hold_nobody_longer_than_the_session() {
    let (mut room, _, mut mallory) = seated();
    let mut boots = Vec::new();
    for life in 1..=(MAX_RESTARTS + 1) as u8 {
        boots.push(Boot::new([life; 16]));
        let known = if life == 1 { vec![] } else { vec![(mallory.index, boots.clone())] };
        let join = mallory.restart(life, &known);
        room.send_all(&[join]);
        // This is just before the time for nonces is over, which starts again with each attempt.
        room.pass(core::time::Duration::from_secs(59));
    }
    let ends = room.conclude_one();
    for end in ends {
        assert_eq!(end, crate::verdict::End::TimedOut(Phase::Nonces, vec![mallory.index]));
    }
}

#[test]
fn two_lives_shown_to_two_signers_are_a_restart() {
    let (mut room, session, mut mallory) = seated();
    let (first, nonces) = (mallory.join(), mallory.nonces());
    room.send(0, [first, nonces]);
    let boots = vec![mallory.boot, Boot::new([1; 16])];
    let second = mallory.restart(1, &[]);
    let nonces = mallory.nonces();
    room.send(1, [second.clone(), nonces]);
    room.settle();
    room.pass(core::time::Duration::from_secs(10));
    mallory.restart(1, &[(mallory.index, boots)]);
    assert_eq!(room.current(0, session).restarts, 1);
    assert_eq!(room.current(1, session).restarts, 1);
    finish(&mut room, session, &mut mallory);
}
