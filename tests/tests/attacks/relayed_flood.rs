//! What others publish arrives through honest neighbours. It must not use up what these may ask for
//! themselves.

use crate::hellos::hello;
use crate::node::{contact, public_key, secret, source};
use crate::room::Room;
use core::time::Duration;
use musig2_proto::{Command, Input, Message, Proposal, SecretKey};

/// Checks that three signers' session finishes while each hears from each other a flood of hellos
/// by the holder of this key.
fn finishes_in_a_flood_by(mut room: Room, key: &SecretKey) {
    // The flood fills gossip, so the announcement is sent directly.
    for seat in [1, 2] {
        let (signer, contact) = (room.keys[seat], contact(seat));
        room.execute(0, Command::AddContact { signer, contact });
    }
    // The hello is valid for thirty seconds. For that long everyone passes it on as often as it is
    // published.
    let bytes = hello(public_key(key), key, contact(9), room.now);
    let pour = |room: &mut Room, count: usize| {
        for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)] {
            for _ in 0..count {
                room.handle(to, Input::Announcement { from: source(from), bytes: bytes.clone() });
            }
        }
    };
    // First comes the burst that a source is allowed, and then twice the rate that it is allowed.
    pour(&mut room, 1000);
    let proposal = Proposal::new(room.keys[..3].to_vec()).with_message(Message::new([5; 32]));
    let session = room.propose_this(proposal);
    for _ in 0..2000 {
        pour(&mut room, 2);
        room.pass(Duration::from_millis(5));
    }
    let finished = |seat: usize| room.current(seat, session).signatures.is_some();
    assert!((0..3).all(finished), "starved while the flood lasts");
}

#[test]
fn a_flood_by_a_stranger_starves_nobody() {
    finishes_in_a_flood_by(Room::new(3, 0), &SecretKey::new([0x77; 32]));
}

#[test]
fn a_flood_by_a_signer_of_another_session_starves_nobody() {
    let mut room = Room::new(3, 1);
    room.propose();
    room.settle();
    finishes_in_a_flood_by(room, &secret(3));
}
