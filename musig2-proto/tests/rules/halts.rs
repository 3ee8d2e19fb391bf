//! What ends a session keeps this node from signing, though all that it needs for that came in the same frame.

use crate::common::forge::{empty, input, said, secret, sign};
use crate::common::{Room, contact};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::{Body, NonceSource, Statement};
use musig2_proto::{AbortCause, Command, Config, Event, Fault, Note, PublicNonce, SessionId, SignerIndex};

/// Node 0 lacks nothing but what is given back: the join and the nonces of node 1.
fn before_signing() -> (Room, SessionId, SignerIndex, [Statement; 2]) {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|from, _| from == 1);
    let session = room.propose();
    room.settle();
    let signer = room.nodes[1].session(&session).unwrap().me;
    let join = said(&room, 1, |body| matches!(body, Body::Join(_)));
    let nonces = said(&room, 1, |body| matches!(body, Body::Nonces(_)));
    (room, session, signer, [join, nonces])
}

/// How the session ends for node 0, which has released nothing.
fn end(room: &mut Room, session: SessionId, statements: Vec<Statement>) -> AbortCause {
    let statements = List::new(statements).unwrap();
    room.handle(0, input(1, &Frame { statements, ..empty(session) }));
    let [Event::SessionAborted { cause, released: false, .. }] = room.ends(0)[..] else {
        panic!("{:?}", room.ends(0))
    };
    cause.clone()
}

#[test]
fn nothing_is_signed_for_who_aborts() {
    let (mut room, session, signer, [join, nonces]) = before_signing();
    room.execute(1, Command::AbortSession { session, reason: Note::new("no") });
    let abort = said(&room, 1, |body| matches!(body, Body::Abort(_)));
    let cause = end(&mut room, session, vec![join, nonces, abort]);
    assert!(matches!(cause, AbortCause::BySigner { signer: by, .. } if by == signer), "{cause:?}");
}

#[test]
fn nothing_is_signed_for_who_equivocates() {
    let (mut room, session, signer, [join, nonces]) = before_signing();
    let Body::Nonces(mut others) = nonces.body.clone() else { panic!() };
    // The same points the other way round.
    let (first, second) = others.source.nonces()[0].as_bytes().split_at(33);
    let swapped = PublicNonce::new([second, first].concat().try_into().unwrap());
    others.source = NonceSource::Inline(List::new(vec![swapped]).unwrap());
    let others = sign(session, signer.get(), Body::Nonces(others), &secret(2));
    let cause = end(&mut room, session, vec![join, nonces, others]);
    let AbortCause::Convicted { signer: convicted, fault: Fault::Equivocation, .. } = cause else {
        panic!("{cause:?}")
    };
    assert_eq!(convicted, signer);
}

#[test]
fn who_joins_what_another_has_aborted_makes_no_nonces() {
    let mut room = Room::new(2, &Config::default());
    room.join = false;
    let (signer, contact) = (room.keys[1], contact(1));
    room.execute(0, Command::AddContact { signer, contact });
    let session = room.propose();
    room.settle();
    room.execute(0, Command::AbortSession { session, reason: Note::new("no") });
    room.settle();
    room.execute(1, Command::JoinSession { session });
    assert!(matches!(room.ends(1)[..], [Event::SessionAborted { released: false, .. }]));
    // The coordinator's join, nonces and abort, and the own join.
    assert_eq!(room.nodes[1].session(&session).unwrap().statements, 3 + 1);
}
