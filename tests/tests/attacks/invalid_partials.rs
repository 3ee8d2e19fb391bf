//! A signer whose partial signatures do not verify is convicted, whatever it made them from.

use crate::attacker::Attacker;
use crate::room::Room;
use musig2_proto::wire::statement::Statement;
use musig2_proto::{
    AggregateNonce, Fault, Item, Message, PartialSignature, Phase, SessionId, Tweak,
};
use musig2_sim::Round;

/// Makes a room in which everyone has everyone's nonces and awaits the attacker's partial
/// signatures.
fn before_the_partials() -> (Room, SessionId, Attacker, Statement, Round) {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    room.send_all(&[join, nonces.clone()]);
    room.settle();
    let round = mallory.round(&nonces, &room.nonces(session)).unwrap();
    (room, session, mallory, nonces, round)
}

#[test]
fn another_program_that_follows_the_protocol_completes_a_session() {
    let (mut room, _, mut mallory, nonces, round) = before_the_partials();
    let partials = mallory.partials(&nonces, &round).unwrap();
    room.send_all(&[partials]);
    room.conclude_with_signatures();
}

#[test]
fn arbitrary_partial_signatures_convict() {
    for bytes in [[0; 32], [7; 32], [0xff; 32]] {
        let (mut room, session, mut mallory, _, round) = before_the_partials();
        let items = room.view(session).manifest.items().len();
        let garbage =
            mallory.partials_with(vec![PartialSignature::new(bytes); items], round.transcript);
        room.send_all(&[garbage]);
        room.conclude_with_conviction(Fault::InvalidPartialSignature);
    }
}

#[test]
fn one_invalid_partial_signature_of_a_batch_convicts() {
    let (mut room, _, mut mallory, nonces, round) = before_the_partials();
    let mut partials = mallory.sign(&nonces, &round).unwrap();
    partials[1] = PartialSignature::new([7; 32]);
    let partials = mallory.partials_with(partials, round.transcript);
    room.send_all(&[partials]);
    room.conclude_with_conviction(Fault::InvalidPartialSignature);
}

#[test]
fn partial_signatures_for_another_message_convict() {
    let (mut room, _, mut mallory, nonces, round) = before_the_partials();
    let honest = mallory.view.clone();
    mallory.view.manifest = another_manifest(&mut room).into();
    let partials = mallory.sign(&nonces, &round).unwrap();
    mallory.view = honest;
    let partials = mallory.partials_with(partials, round.transcript);
    room.send_all(&[partials]);
    room.conclude_with_conviction(Fault::InvalidPartialSignature);
}

#[test]
fn partials_for_another_aggregate_with_the_true_transcript_convict() {
    let (mut room, _, mut mallory, nonces, round) = before_the_partials();
    let aggregates = round.aggregates.iter().rev().copied().collect();
    let partials = mallory.sign(&nonces, &Round { aggregates, ..round.clone() }).unwrap();
    let partials = mallory.partials_with(partials, round.transcript);
    room.send_all(&[partials]);
    room.conclude_with_conviction(Fault::InvalidPartialSignature);
}

#[test]
fn partial_signatures_on_a_rogue_transcript_count_as_silence() {
    let (mut room, _, mut mallory, nonces, round) = before_the_partials();
    let aggregates: Vec<AggregateNonce> = round.aggregates.iter().rev().copied().collect();
    let rogue = Round::of(&mallory.view, mallory.attempt, round.nonce_root, aggregates);
    let partials = mallory.partials(&nonces, &rogue).unwrap();
    room.send_all(&[partials]);
    room.conclude_with_timeout(Phase::PartialSignatures);
}

#[test]
fn partial_signatures_on_a_random_transcript_count_as_silence() {
    let (mut room, _, mut mallory, nonces, round) = before_the_partials();
    let partials = mallory.sign(&nonces, &round).unwrap();
    let partials = mallory.partials_with(partials, musig2_proto::Transcript::new([9; 32]));
    room.send_all(&[partials]);
    room.conclude_with_timeout(Phase::PartialSignatures);
}

#[test]
fn too_few_or_too_many_partial_signatures_count_as_silence() {
    for count in [0, 1, 3] {
        let (mut room, _, mut mallory, _, round) = before_the_partials();
        let partials = vec![PartialSignature::new([7; 32]); count];
        let partials = mallory.partials_with(partials, round.transcript);
        room.send_all(&[partials]);
        assert_eq!(room.reports.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
        room.conclude_with_timeout(Phase::PartialSignatures);
    }
}

/// Makes a manifest with the same signers and other messages.
fn another_manifest(room: &mut Room) -> musig2_proto::Manifest {
    let tweaked = Item::new(Message::new([4; 32])).with_tweaks(vec![Tweak::BIP86]).unwrap();
    let proposal =
        musig2_proto::Proposal::new(room.keys.clone()).with_message(Message::new([3; 32]));
    let announced = room.puppet().announce(
        room.now,
        proposal.with_item(tweaked),
        musig2_proto::Audience::Everyone,
    );
    announced.manifest()
}
