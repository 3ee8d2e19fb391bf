//! If a nonce is `-sum of the others`, the aggregate nonce is the point at infinity. BIP327 goes
//! on, and so do the nodes: nobody is at fault for it.

use crate::attacker::{Attacker, INFINITY};
use crate::room::Room;
use musig2_proto::wire::statement::Statement;
use musig2_proto::{Fault, Phase, PublicNonce, SessionId};
use musig2_sim::{Round, nonces_of};

/// Makes a room in which the attacker, which speaks last, has cancelled everyone else's nonces out.
fn cancelled() -> (Room, SessionId, Attacker, Statement) {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let others = room.nonces(session);
    let items = room.view(session).manifest.items().len();
    let nonces = (0..items).map(|item| cancel(&others, item)).collect();
    let (join, nonces) = (mallory.join(), mallory.nonces_with(nonces));
    room.send_all(&[join, nonces.clone()]);
    room.settle();
    let round = mallory.round(&nonces, &others).unwrap();
    assert!(round.aggregates.iter().all(|aggregate| *aggregate.as_bytes() == INFINITY));
    (room, session, mallory, nonces)
}

/// Returns the negative of the sum of all nonces of an item, computed for each half separately.
fn cancel(others: &[Statement], item: usize) -> PublicNonce {
    let half = |at: usize| {
        let points = others.iter().map(|nonces| {
            musig2::secp::Point::from_slice(&nonces_of(nonces)[item].as_bytes()[at..at + 33])
                .unwrap()
        });
        let sum = points.map(musig2::secp::MaybePoint::Valid).sum::<musig2::secp::MaybePoint>();
        (-sum.unwrap()).serialize()
    };
    PublicNonce::new([half(0), half(33)].concat().try_into().unwrap())
}

#[test]
fn an_aggregate_nonce_at_infinity_is_no_fault_and_the_others_sign() {
    let (mut room, session, ..) = cancelled();
    for seat in 0..2 {
        assert!(room.current(seat, session).released, "signs as BIP327 says");
    }
    room.conclude_with_timeout(Phase::PartialSignatures);
}

#[test]
fn a_signer_that_makes_it_infinite_cannot_sign_and_is_convicted() {
    let (mut room, session, mut mallory, nonces) = cancelled();
    let round: Round = mallory.round(&nonces, &room.nonces(session)).unwrap();
    let garbage = mallory.partials_with(mallory.garbage(), round.transcript);
    room.send_all(&[garbage]);
    room.conclude_with_conviction(Fault::InvalidPartialSignature);
}
