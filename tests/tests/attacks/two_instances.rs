//! One key in two places at once. It is convicted with a proof, and neither life signs where the
//! other might.

use crate::room::Room;
use crate::verdict::End;
use core::time::Duration;
use musig2_proto::wire::statement::Body;
use musig2_proto::{AbortCause, Boot, Fault};
use std::collections::BTreeMap;

#[test]
fn two_lives_with_nonces_in_one_attempt_are_convicted_by_everyone() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let lives = vec![Boot::new([1; 16]), Boot::new([2; 16])];
    let both = [(mallory.index, lives)];
    let first = [mallory.restart(1, &both), mallory.nonces()];
    let second = [mallory.restart(2, &both), mallory.nonces()];
    // Each life speaks to a different signer.
    room.send(0, first);
    room.send(1, second);
    room.conclude_with_conviction(Fault::ConcurrentInstances);
}

#[test]
fn two_nodes_with_one_key_never_both_sign_in_one_attempt() {
    for heard_first in [1, 3] {
        let mut room = Room::new(3, 0);
        room.lost = Box::new(|_, _| true);
        let session = room.propose();
        room.settle();
        room.double(1);
        // Both join, one after the other, before the last signer hears of it.
        room.lost = Box::new(move |from, to| [from, to].contains(&2) || to == 4 - heard_first);
        room.pass(Duration::from_secs(5));
        room.lost = Box::new(|from, to| [from, to].contains(&2));
        room.pass(Duration::from_secs(20));
        room.lost = Box::new(|_, _| false);
        let ends = room.conclude_one();
        let doubled = room.index(1, session);
        let named = End::Convicted(doubled, Fault::ConcurrentInstances);
        for seat in [0, 2] {
            assert!(
                matches!(ends[seat], End::Complete(_)) || ends[seat] == named,
                "{:?}",
                ends[seat]
            );
        }
        let stopped = |seat: usize| {
            ends[seat] == End::Aborted(AbortCause::RivalInstance) || ends[seat] == named
        };
        assert!(stopped(1) || stopped(3), "{ends:?}");
        let mut signed = BTreeMap::new();
        for statement in room.statements(session).iter().filter(|one| one.author == doubled) {
            if let Body::Partials(partials) = &statement.body {
                let other = signed.insert(partials.attempt, partials.boot);
                assert!(
                    other.is_none_or(|other| other == partials.boot),
                    "two lives signed in one attempt"
                );
            }
        }
    }
}

#[test]
fn a_copy_of_a_life_that_contradicts_it_stops_it() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    // Somebody has seat 0's key and its boot: a copied machine.
    let honest = room.nonces(session);
    let own = honest.iter().find(|one| one.author == room.index(0, session)).expect("stated");
    let boot = own.boot().expect("nonces are of a life");
    let mut copy = crate::attacker::Attacker::new(
        &crate::node::secret(0),
        crate::node::contact(0),
        room.view(session),
    )
    .unwrap();
    copy.boot = boot;
    room.doubled.push(copy.key());
    let other = copy.nonces();
    room.send(0, [other.clone()]);
    room.send(1, [other]);
    let ends = room.conclude_one();
    assert_eq!(ends[0], End::Aborted(AbortCause::RivalInstance));
    assert_eq!(ends[1], End::Convicted(copy.index, Fault::Equivocation));
}
