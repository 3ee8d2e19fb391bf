//! If a coordinator tells different signers different things, nothing is signed that not everyone
//! saw.

use crate::node::contact;
use crate::room::Room;
use crate::verdict::End;
use musig2_proto::wire::frame::Frame;
use musig2_proto::{Audience, Message, Phase, Proposal};
use musig2_sim::protocol;

#[test]
fn two_published_manifests_are_two_sessions_that_everyone_learns_of() {
    let mut room = Room::new(2, 1);
    let mut puppet = room.puppet();
    let one = puppet.announce(room.now, room.proposal(), Audience::Everyone);
    let other = Proposal::new(room.keys.clone()).with_message(Message::new([9; 32]));
    let other = puppet.announce(room.now, other, Audience::Everyone);
    room.publish([0], &one.bytes);
    room.publish([1], &other.bytes);
    let awaiting = vec![room.index(2, one.session)];
    for ends in room.conclude() {
        assert_eq!(ends.len(), 2);
        assert!(
            ends.values().all(|end| *end == End::TimedOut(Phase::Joining, awaiting.clone())),
            "{ends:?}"
        );
    }
}

#[test]
fn two_private_manifests_get_no_signature_and_convict_nobody() {
    let mut room = Room::new(2, 1);
    let mut puppet = room.puppet();
    let one = puppet.announce(room.now, room.proposal(), Audience::KnownContacts);
    let other = Proposal::new(room.keys.clone()).with_message(Message::new([9; 32]));
    let other = puppet.announce(room.now, other, Audience::KnownContacts);
    for (seat, announced) in [(0, &one), (1, &other)] {
        let announcement = Some(announced.announcement.clone());
        room.send_frame(seat, &Frame { announcement, ..protocol::frame(announced.session, []) });
    }
    // As far as each signer can see, the coordinator takes part in its session.
    for (seat, announced) in [(0, &one), (1, &other)] {
        let mut mallory = room.attacker(0, announced.session);
        let statements = [mallory.join(), mallory.nonces()];
        room.send_frame(seat, &protocol::frame(announced.session, statements));
    }
    for ends in room.conclude() {
        assert!(
            ends.values().all(|end| matches!(end, End::TimedOut(Phase::Joining, _))),
            "{ends:?}"
        );
    }
}

#[test]
fn statements_moved_from_one_manifest_to_another_are_refused() {
    let mut room = Room::new(2, 1);
    let mut puppet = room.puppet();
    let one = puppet.announce(room.now, room.proposal(), Audience::KnownContacts);
    let other = puppet.announce(room.now, room.proposal(), Audience::KnownContacts);
    for (seat, announced) in [(0, &one), (1, &other)] {
        let announcement = Some(announced.announcement.clone());
        room.send_frame(seat, &Frame { announcement, ..protocol::frame(announced.session, []) });
        // Somebody asks for what this signer stated.
        let request = musig2_proto::wire::frame::Request::Statements;
        room.send_frame(seat, &Frame { request, ..protocol::frame(announced.session, []) });
    }
    let stolen = room.statements(one.session);
    assert_eq!(stolen.len(), 2, "a join and nonces");
    for statement in stolen {
        room.send_frame(1, &protocol::frame(other.session, [statement]));
    }
    assert_eq!(room.reports[1].len(), 2);
    for ends in room.conclude() {
        assert!(
            ends.values().all(|end| matches!(end, End::TimedOut(Phase::Joining, _))),
            "{ends:?}"
        );
    }
}

#[test]
fn a_coordinator_that_lies_about_contacts_keeps_nobody_apart() {
    let mut room = Room::new(3, 1);
    let mut puppet = room.puppet();
    for seat in 0..3 {
        // All frames to the signers go to the coordinator.
        puppet.tell(room.now, room.keys[seat], contact(3));
    }
    let announced = puppet.announce(room.now, room.proposal(), Audience::Everyone);
    room.publish(0..3, &announced.bytes);
    room.conclude_with_timeout(Phase::Joining);
}
