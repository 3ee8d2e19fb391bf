//! A hello says where a signer is that may have lost its memory. It counts only with the signer's
//! signature, and only for now.

use crate::node::{contact, secret, source};
use crate::room::Room;
use core::time::Duration;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::hello::{Hello, HelloContent};
use musig2_proto::{
    Contact, Crypto, Input, Libsecp256k1, Offence, PublicKey, SecretKey, Timestamp,
};
use musig2_sim::protocol;

/// Makes a hello in the name of `signer`, signed with any key.
pub fn hello(signer: PublicKey, by: &SecretKey, contact: Contact, time: Timestamp) -> Vec<u8> {
    let content = HelloContent { signer, contact, time, since: time };
    let message = protocol::signed_message(protocol::HELLO, &protocol::hello_hash(&content));
    let keypair = Libsecp256k1::keypair(by).unwrap();
    let signature = Libsecp256k1::sign_statement(&keypair, &message, &[1; 32]).unwrap();
    protocol::encode(&Publication::Hello { fresh: [2; 8], hello: Hello { content, signature } })
}

/// Publishes to all but the signer that it is about, by way of a stranger.
fn publish(room: &mut Room, about: usize, bytes: &[u8]) {
    for seat in (0..room.honest()).filter(|&seat| seat != about) {
        room.handle(seat, Input::Announcement { from: source(99), bytes: bytes.to_vec() });
    }
}

/// Returns how many frames went to a place.
fn sent_to(room: &Room, place: usize) -> usize {
    room.frames.iter().filter(|(_, to, _)| *to == place).count()
}

#[test]
fn nobody_can_say_where_another_signer_is() {
    let mut room = Room::new(3, 0);
    room.lost = Box::new(|_, to| to == 1);
    room.propose();
    room.settle();
    let forged = hello(room.keys[1], &SecretKey::new([0x77; 32]), contact(0x70), room.now);
    publish(&mut room, 1, &forged);
    let refused =
        room.reports.iter().flatten().filter(|report| report.offence == Offence::BadSignature);
    assert_eq!(refused.count(), 2);
    room.pass(Duration::from_secs(30));
    assert_eq!(sent_to(&room, 0x70), 0);
    room.lost = Box::new(|_, _| false);
    room.conclude_with_signatures();
}

#[test]
fn a_true_hello_repeated_later_leads_nobody_astray() {
    let mut room = Room::new(3, 0);
    room.lost = Box::new(|_, to| to == 1);
    room.propose();
    room.settle();
    // The signer was at one place, and a moment later at another.
    let old = hello(room.keys[1], &secret(1), contact(0x70), room.now);
    room.pass(Duration::from_secs(1));
    let new = hello(room.keys[1], &secret(1), contact(1), room.now);
    publish(&mut room, 1, &new);
    publish(&mut room, 1, &old);
    room.pass(Duration::from_secs(20));
    assert_eq!(sent_to(&room, 0x70), 0);
    room.pass(Duration::from_secs(20));
    publish(&mut room, 1, &new);
    let stale = |offence: &Offence| matches!(offence, Offence::Stale(_));
    assert_eq!(room.reports.iter().flatten().filter(|report| stale(&report.offence)).count(), 2);
    room.lost = Box::new(|_, _| false);
    room.conclude_with_signatures();
}
