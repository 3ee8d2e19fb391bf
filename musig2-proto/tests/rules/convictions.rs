//! A proof of a fault ends the session at once, with evidence that anyone can check.

use crate::common::Room;
use crate::common::forge::{empty, input, nonces, said, secret, sign};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::{Abort, AbortReason, Body, Join, Note, Statement};
use musig2_proto::{
    AbortCause, Boot, Config, Contact, DefaultCrypto, Event, Evidence, Fault, PartialSignature,
    SessionId, SignerIndex,
};

/// Makes two signers. Node 0 hears from node 1 only what a test brings it.
fn deaf() -> (Room, SessionId, SignerIndex) {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|from, _| from == 1);
    let session = room.propose();
    room.settle();
    let accused = room.nodes[1].session(&session).unwrap().me;
    (room, session, accused)
}

fn bring(room: &mut Room, session: SessionId, statements: Vec<Statement>) {
    let statements = List::new(statements).unwrap();
    room.handle(0, input(1, &Frame { statements, ..empty(session) }));
}

/// Checks that node 0 convicts node 1, and that the evidence says the same when read from its
/// bytes. Returns the fault.
fn convicted(room: &Room) -> Fault {
    let [Event::SessionAborted { cause: AbortCause::Convicted { signer, fault, evidence }, .. }] =
        room.ends(0)[..]
    else {
        panic!("{:?}", room.ends(0))
    };
    let conviction =
        Evidence::from_bytes(&evidence.to_bytes()).unwrap().verify::<DefaultCrypto>().unwrap();
    assert_eq!(
        (conviction.signer, conviction.key, conviction.fault),
        (*signer, room.keys[1], *fault)
    );
    *fault
}

/// Brings node 1's join and nonces to node 0, and returns the partial signatures that node 1 then
/// states.
fn partials(room: &mut Room, session: SessionId) -> Statement {
    let round = [
        said(room, 1, |body| matches!(body, Body::Join(_))),
        said(room, 1, |body| matches!(body, Body::Nonces(_))),
    ];
    bring(room, session, round.to_vec());
    room.settle();
    said(room, 1, |body| matches!(body, Body::Partials(_)))
}

#[test]
fn nonces_that_are_not_points_convict_once_all_are_there() {
    let (mut room, session, accused) = deaf();
    let join = said(&room, 1, |body| matches!(body, Body::Join(_)));
    let Body::Join(of) = &join.body else { panic!() };
    let mut invalid = nonces(session, accused.get(), 5, 1, &secret(2)).content;
    invalid.boot = of.boot;
    let invalid = sign(session, accused.get(), Body::Nonces(invalid), &secret(2));
    bring(&mut room, session, vec![join, invalid]);
    assert_eq!(convicted(&room), Fault::InvalidNonce);
}

#[test]
fn an_abort_leaves_out_a_proof_that_fits_into_no_frame() {
    for (count, shown) in [(60, true), (99, false)] {
        let config =
            Config::default().with_max_signers(2).with_max_items(1).with_max_frame_size(7168);
        let mut room = Room::new(2, &config);
        room.lost = Box::new(|from, _| from == 1);
        let session = room.propose();
        room.settle();
        let join = said(&room, 1, |body| matches!(body, Body::Join(_)));
        let accused = room.nodes[1].session(&session).unwrap().me;
        let wrong = nonces(session, accused.get(), 7, count, &secret(2)).statement();
        bring(&mut room, session, vec![join]);
        bring(&mut room, session, vec![wrong]);
        assert_eq!(convicted(&room), Fault::InvalidNonce);
        let Body::Abort(abort) = said(&room, 0, |body| matches!(body, Body::Abort(_))).body else {
            panic!()
        };
        assert_eq!(abort.proof.is_some(), shown, "{count}");
    }
}

#[test]
fn an_abort_of_an_earlier_life_is_not_reported_as_an_engine_error() {
    let (mut room, session, accused) = deaf();
    let me = room.nodes[0].session(&session).unwrap().me.get();
    let boot = Boot::new([77; 16]);
    let earlier = [
        Body::Join(Join { boot, contact: Contact::default() }),
        Body::Abort(Abort { boot, reason: AbortReason::Requested(Note::new("")), proof: None }),
    ];
    let mut statements = earlier.map(|body| sign(session, me, body, &secret(1))).to_vec();
    statements.push(nonces(session, accused.get(), 7, 2, &secret(2)).statement());
    bring(&mut room, session, statements);
    assert_eq!(convicted(&room), Fault::InvalidNonce);
    assert!(!room.events[0].iter().any(|event| matches!(event, Event::SessionError { .. })));
}

#[test]
fn a_partial_signature_that_does_not_verify_convicts_its_signer() {
    let (mut room, session, _) = deaf();
    let good = partials(&mut room, session);
    let Body::Partials(mut bad) = good.body else { panic!() };
    bad.partials = List::new(vec![PartialSignature::new([7; 32])]).unwrap();
    let bad = sign(session, good.author.get(), Body::Partials(bad), &secret(2));
    bring(&mut room, session, vec![bad]);
    assert_eq!(convicted(&room), Fault::InvalidPartialSignature);
}

#[test]
fn a_valid_partial_signature_completes_the_session() {
    let (mut room, session, _) = deaf();
    let good = partials(&mut room, session);
    bring(&mut room, session, vec![good]);
    assert!(room.is_complete(0));
}
