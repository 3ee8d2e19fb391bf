//! A signer that falls silent is awaited, named when time runs out, and convicted of nothing. The
//! others end in time.

use crate::room::Room;
use core::time::Duration;
use musig2_proto::{Audience, Config, Event, Phase, Topology};

#[test]
fn a_signer_that_never_joins_is_named_when_joining_times_out() {
    let mut room = Room::new(2, 1);
    room.propose();
    room.conclude_with_timeout(Phase::Joining);
}

#[test]
fn a_signer_that_sends_no_nonces_is_named_when_they_time_out() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let join = room.attacker(0, session).join();
    room.send_all(&[join]);
    let start = room.now;
    room.conclude_with_timeout(Phase::Nonces);
    for events in &room.events {
        assert!(events.last().unwrap().0 <= start.saturating_add(Duration::from_secs(60)));
    }
}

#[test]
fn a_signer_that_withholds_its_partials_is_named_when_they_time_out() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let statements = [mallory.join(), mallory.nonces()];
    room.send_all(&statements);
    room.conclude_with_timeout(Phase::PartialSignatures);
    let attacker = room.index(2, session);
    for events in &room.events {
        let stalled = events.iter().any(|(_, event)| {
            matches!(event, Event::Stalled { phase: Phase::PartialSignatures, awaiting, .. } if *awaiting == [attacker])
        });
        assert!(stalled, "said half way");
    }
}

#[test]
fn a_signer_that_speaks_to_only_one_is_heard_by_all() {
    let mut room = Room::new(3, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    room.send(1, [join, nonces.clone()]);
    room.pass(Duration::from_secs(20));
    let round = mallory.round(&nonces, &room.nonces(session)).unwrap();
    let partials = mallory.partials(&nonces, &round).unwrap();
    room.send(2, [partials]);
    room.conclude_with_signatures();
}

#[test]
fn a_coordinator_that_vanishes_after_announcing_is_named_by_all() {
    for topology in [Topology::Mesh, Topology::Hub] {
        let mut room = Room::with_config(3, 1, Config::default().with_topology(topology));
        let announced = room.puppet().announce(room.now, room.proposal(), Audience::Everyone);
        // Only one signer hears of it.
        room.publish([1], &announced.bytes);
        room.conclude_with_timeout(Phase::Joining);
    }
}

#[test]
fn a_coordinator_that_vanishes_after_the_nonces_is_named_in_time() {
    for topology in [Topology::Mesh, Topology::Hub] {
        let mut room = Room::with_config(3, 1, Config::default().with_topology(topology));
        let announced = room.puppet().announce(room.now, room.proposal(), Audience::Everyone);
        room.publish(0..3, &announced.bytes);
        room.settle();
        let mut mallory = room.attacker(0, announced.session);
        let statements = [mallory.join(), mallory.nonces()];
        room.send(0, statements);
        room.conclude_with_timeout(Phase::PartialSignatures);
    }
}

#[test]
fn a_hub_that_withholds_is_bypassed() {
    let mut room = Room::with_config(3, 1, Config::default().with_topology(Topology::Hub));
    let announced = room.puppet().announce(room.now, room.proposal(), Audience::Everyone);
    room.publish(0..3, &announced.bytes);
    room.settle();
    let mut mallory = room.attacker(0, announced.session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    room.send(0, [join, nonces.clone()]);
    room.pass(Duration::from_secs(40));
    let round = mallory.round(&nonces, &room.nonces(announced.session)).unwrap();
    let partials = mallory.partials(&nonces, &round).unwrap();
    room.send(2, [partials]);
    room.conclude_with_signatures();
}
