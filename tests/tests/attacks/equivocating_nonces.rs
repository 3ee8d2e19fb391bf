//! Everyone convicts a signer that states two different nonces in one attempt, however they arrive.

use crate::room::Room;
use musig2_proto::Fault;

#[test]
fn two_nonces_to_two_signers_convict_their_author_once_they_compare() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let join = mallory.join();
    let (one, other) = (mallory.nonces(), mallory.nonces());
    room.send(0, [join.clone(), one]);
    room.send(1, [join, other]);
    room.conclude_with_conviction(Fault::Equivocation);
}

#[test]
fn two_nonces_to_one_signer_convict_their_author_at_once() {
    let mut room = Room::new(3, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let statements = [mallory.join(), mallory.nonces(), mallory.nonces()];
    room.send(0, statements);
    let start = room.now;
    room.conclude_with_conviction(Fault::Equivocation);
    assert!(room.events[..3].iter().all(|events| events.last().unwrap().0 == start));
}

#[test]
fn a_different_nonce_sent_to_only_one_signer_convicts_as_well() {
    let mut room = Room::new(4, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let join = mallory.join();
    let (one, other) = (mallory.nonces(), mallory.nonces());
    for seat in 0..3 {
        room.send(seat, [join.clone(), one.clone()]);
    }
    room.send(3, [join, other]);
    room.conclude_with_conviction(Fault::Equivocation);
}
