//! A signer that states different partial signatures to different peers is convicted of it, or
//! stops nobody.

use crate::room::Room;
use crate::verdict::End;
use musig2_proto::{Event, Fault, Transcript};

#[test]
fn two_partial_signatures_in_one_slot_convict_their_author() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    room.send_all(&[join, nonces]);
    room.settle();
    let one = mallory.partials_with(mallory.garbage(), Transcript::new([1; 32]));
    let other = mallory.partials_with(mallory.garbage(), Transcript::new([2; 32]));
    room.send_all(&[one, other]);
    room.conclude_with_conviction(Fault::Equivocation);
}

#[test]
fn valid_partials_to_one_signer_complete_and_invalid_ones_convict() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    room.send_all(&[join, nonces.clone()]);
    room.settle();
    let round = mallory.round(&nonces, &room.nonces(session)).unwrap();
    let invalid = mallory.partials_with(mallory.garbage(), round.transcript);
    let valid = mallory.partials(&nonces, &round).unwrap();
    room.send(0, [valid]);
    room.send(1, [invalid]);
    let ends = room.conclude_one();
    assert!(matches!(ends[0], End::Complete(_)), "{ends:?}");
    assert_eq!(ends[1], End::Convicted(mallory.index, Fault::InvalidPartialSignature));
    // Its abort shows the other that it lacks the signatures.
    let late = |(_, event): &(_, Event)| matches!(event, Event::LateSignature { .. });
    assert_eq!(room.events[1].iter().filter(|told| late(told)).count(), 1);
}

#[test]
fn a_rogue_transcript_to_one_signer_does_not_cost_it_the_signatures() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    room.send_all(&[join, nonces.clone()]);
    room.settle();
    let round = mallory.round(&nonces, &room.nonces(session)).unwrap();
    let valid = mallory.partials(&nonces, &round).unwrap();
    let elsewhere = mallory.partials_with(mallory.garbage(), Transcript::new([1; 32]));
    room.send(0, [valid]);
    room.send(1, [elsewhere]);
    let ends = room.conclude_one();
    assert!(matches!(ends[0], End::Complete(_)), "{ends:?}");
    // The signer that has the signatures answers the other's poll with them.
    assert!(matches!(ends[1], End::Complete(_)), "{ends:?}");
}
