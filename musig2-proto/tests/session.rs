//! Sessions from announcement to signature, on a network where nothing goes wrong.

mod common;

use common::Room;
use musig2_proto::{Config, Event};

#[test]
fn three_signers_complete_and_agree() {
    let mut room = Room::new(3, &Config::default());
    room.propose(2);
    room.settle();
    for events in &room.events {
        println!("{events:#?}");
        let Some(Event::SessionComplete { signatures, .. }) = events.last() else { panic!() };
        assert_eq!(signatures.len(), 2);
    }
    println!("{}", room.frames.len());
}
