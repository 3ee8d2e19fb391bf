//! What ends a session keeps a node from signing, even if everything that it needs to sign came in
//! the same frame. Nor does anyone need to be asked about an ended session.

use crate::common::forge::{empty, input, said, secret, sign};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::{Abort, Body, Join, NonceSource, Statement};
use musig2_proto::{
    AbortCause, AbortReason, Boot, Command, Config, Contact, Event, Fault, Input, Note, Offence,
    PublicNonce, SessionId, SignerIndex,
};

/// Makes two nodes. Node 0 only lacks what is returned: the join and the nonces of node 1.
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

/// Returns how the session ends for node 0, which has released nothing.
fn end(room: &mut Room, session: SessionId, statements: Vec<Statement>) -> AbortCause {
    let statements = List::new(statements).unwrap();
    room.handle(0, input(1, &Frame { statements, ..empty(session) }));
    let [Event::SessionAborted { cause, released: false, .. }] = room.ends(0)[..] else {
        panic!("{:?}", room.ends(0))
    };
    cause.clone()
}

#[test]
fn a_node_does_not_sign_after_a_signer_aborts() {
    let (mut room, session, signer, [join, nonces]) = before_signing();
    room.execute(1, Command::AbortSession { session, reason: Note::new("no") });
    let abort = said(&room, 1, |body| matches!(body, Body::Abort(_)));
    let cause = end(&mut room, session, vec![join, nonces, abort]);
    assert!(matches!(cause, AbortCause::BySigner { signer: by, .. } if by == signer), "{cause:?}");
}

#[test]
fn a_node_does_not_sign_after_a_signer_equivocates() {
    let (mut room, session, signer, [join, nonces]) = before_signing();
    let Body::Nonces(mut others) = nonces.body.clone() else { panic!() };
    // The same two points in the other order.
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
fn joining_an_aborted_session_makes_no_nonces() {
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
    // The coordinator's join, nonces and abort, and the node's own join.
    assert_eq!(room.nodes[1].session(&session).unwrap().statements, 3 + 1);
}

#[test]
fn an_aborted_session_is_withdrawn_once_and_keeps_its_place() {
    let config = Config::default().with_max_discovered_per_author(2);
    let mut room = Room::new(2, &config);
    room.join = false;
    let (signer, contact) = (room.keys[1], contact(1));
    room.execute(0, Command::AddContact { signer, contact });
    let ask_and_take_back = |room: &mut Room| {
        let session = room.propose();
        room.settle();
        room.execute(0, Command::AbortSession { session, reason: Note::new("changed my mind") });
        room.settle();
        session
    };
    let withdrawn = |room: &Room| {
        let of = |event: &Event| match event {
            Event::SessionWithdrawn { session, cause } => Some((*session, cause.clone())),
            _ => None,
        };
        room.events[1].iter().filter_map(of).collect::<Vec<_>>()
    };
    let first = ask_and_take_back(&mut room);
    let by = room.nodes[1].session(&first).unwrap().manifest.coordinator();
    let [(session, AbortCause::BySigner { signer, .. })] = withdrawn(&room)[..] else {
        panic!("{:?}", room.events[1])
    };
    assert_eq!((session, signer), (first, by));
    // Frames that are repeated withdraw nothing again.
    let repeated = room
        .frames
        .iter()
        .filter(|(from, to, _)| (*from, *to) == (0, 1))
        .map(|(.., bytes)| bytes.clone());
    for bytes in repeated.collect::<Vec<_>>() {
        room.handle(1, Input::Frame { from: source(0), bytes });
    }
    assert_eq!(withdrawn(&room).len(), 1);
    let second = ask_and_take_back(&mut room);
    assert_eq!(withdrawn(&room).len(), 2);
    // Both still count, as if the node still asked about them.
    ask_and_take_back(&mut room);
    assert_eq!(withdrawn(&room).len(), 2);
    assert!(room.reports[1].iter().any(|report| report.offence == Offence::NoRoom));
    assert!(room.ends(1).is_empty());
    room.execute(1, Command::DeclineSession { session: second, reason: None });
    ask_and_take_back(&mut room);
    assert_eq!(withdrawn(&room).len(), 3);
    room.pass(config.announcement_ttl);
    assert_eq!(room.ends(1).len(), 3, "each ends once: {:?}", room.ends(1));
}

#[test]
fn only_a_signers_own_abort_withdraws_a_session() {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    room.execute(0, Command::AbortSession { session, reason: Note::new("no") });
    let view = room.nodes[1].session(&session).unwrap();
    let (proposer, other) = (view.manifest.coordinator(), place(&room, 2, session));
    let join = || Body::Join(Join { boot: Boot::new([9; 16]), contact: Contact::default() });
    let reason = AbortReason::Requested(Note::new("mine"));
    let abort =
        || Body::Abort(Abort { boot: Boot::new([9; 16]), reason: reason.clone(), proof: None });
    // In the proposer's name, first with signer 2's key and then with a stranger's.
    for key in [secret(3), secret(9)] {
        let statements = [join(), abort()].map(|body| sign(session, proposer.get(), body, &key));
        room.handle(
            1,
            input(
                7,
                &Frame { statements: List::new(statements.to_vec()).unwrap(), ..empty(session) },
            ),
        );
    }
    // An abort of a boot that has no join.
    let statements = vec![sign(session, other.get(), abort(), &secret(3))];
    room.handle(
        1,
        input(7, &Frame { statements: List::new(statements).unwrap(), ..empty(session) }),
    );
    assert!(
        matches!(room.events[1][..], [Event::SessionDiscovered { .. }]),
        "{:?}",
        room.events[1]
    );
    let statements = vec![sign(session, other.get(), join(), &secret(3))];
    room.handle(
        1,
        input(7, &Frame { statements: List::new(statements).unwrap(), ..empty(session) }),
    );
    let Some(Event::SessionWithdrawn { cause: AbortCause::BySigner { signer, .. }, .. }) =
        room.events[1].last()
    else {
        panic!("{:?}", room.events[1])
    };
    assert_eq!(*signer, other);
}

#[test]
fn a_join_of_the_own_key_that_no_earlier_life_made_is_reported() {
    for (age, is_told) in [(30, false), (31, true)] {
        for joins in [true, false] {
            let mut room = Room::new(3, &Config::default());
            room.pass(Duration::from_secs(age));
            room.join = joins;
            room.lost = Box::new(|from, to| from == 2 || to == 2);
            let session = room.propose();
            room.settle();
            let own = place(&room, 1, session);
            let join = |boot| {
                let join = Join { boot: Boot::new([boot; 16]), contact: Contact::default() };
                sign(session, own.get(), Body::Join(join), &secret(2))
            };
            for _ in 0..2 {
                let statements = List::new(vec![join(9), join(9)]).unwrap();
                room.handle(1, input(7, &Frame { statements, ..empty(session) }));
            }
            let told = |event: &&Event| **event == Event::KeyInUseElsewhere { session };
            assert_eq!(room.events[1].iter().filter(told).count(), usize::from(is_told), "{age} s");
            room.settle();
            assert_eq!(room.events[0].iter().filter(told).count(), 0, "it is not its key");
        }
    }
}

fn place(room: &Room, node: usize, session: SessionId) -> SignerIndex {
    room.nodes[node].session(&session).unwrap().me
}
