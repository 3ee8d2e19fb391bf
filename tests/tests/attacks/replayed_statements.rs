//! Statements of another session, attempt or signer are worthless where they do not belong.

use crate::room::Room;
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::statement::{Body, Statement};
use musig2_proto::{Input, Offence, Phase};
use musig2_sim::protocol;

fn bad_signatures(room: &Room) -> usize {
    room.reports.iter().flatten().filter(|report| report.offence == Offence::BadSignature).count()
}

#[test]
fn statements_of_another_session_are_refused_and_their_relayer_reported() {
    let mut room = Room::new(3, 0);
    let first = room.propose();
    room.settle();
    let old = room.statements(first);
    room.pass(Duration::from_secs(1));
    // None of the three finishes without the statements that the attacker replaces.
    room.lost = Box::new(|_, to| to == 1);
    let second = room.propose();
    room.lost = Box::new(|_, _| false);
    for statement in &old {
        let frame = protocol::frame(second, [statement.clone()]);
        room.handle(
            0,
            Input::Frame { from: crate::node::source(9), bytes: protocol::encode(&frame) },
        );
    }
    assert_eq!(bad_signatures(&room), old.len());
    let ends = room.conclude();
    assert!(ends.iter().all(|ends| ends.len() == 2));
    room.conclude_with_signatures();
}

#[test]
fn statements_of_another_attempt_are_set_aside_and_blame_nobody() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    room.send_all(&[join, nonces.clone()]);
    room.settle();
    let round = mallory.round(&nonces, &room.nonces(session)).unwrap();
    let old = mallory.partials(&nonces, &round).unwrap();
    let first_life = mallory.boot;
    // A new life makes a new attempt. What the old life made arrives with its join, and once more
    // later.
    let second_life = musig2_proto::Boot::new([0xbb; 16]);
    let join = mallory.restart(0xbb, &[(mallory.index, vec![first_life, second_life])]);
    room.send_all(&[join, nonces.clone()]);
    room.settle();
    let fresh = mallory.nonces();
    room.send_all(&[nonces, fresh.clone()]);
    room.settle();
    let round = mallory.round(&fresh, &room.nonces_for(session, mallory.attempt)).unwrap();
    let partials = mallory.partials(&fresh, &round).unwrap();
    room.send_all(&[partials, old]);
    room.conclude_with_signatures();
}

#[test]
fn own_statements_of_earlier_attempts_sent_back_are_not_rivals() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let mut boots = vec![mallory.boot];
    let join = mallory.join();
    room.send_all(&[join]);
    for life in 1..8 {
        boots.push(musig2_proto::Boot::new([life; 16]));
        let join = mallory.restart(life, &[(mallory.index, boots.clone())]);
        room.send_all(&[join]);
        room.settle();
    }
    let all = room.statements(session);
    for seat in 0..2 {
        room.send(seat, all.clone());
    }
    room.conclude_with_timeout(Phase::Nonces);
}

#[test]
fn a_stranger_cannot_state_an_honest_signers_nonces() {
    let mut room = Room::new(3, 0);
    // The three do not hear one another yet, so the stranger comes first.
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    room.settle();
    let mut stranger = room.stranger(session);
    let victim = room.index(1, session);
    let source = musig2_proto::Source::new([9]);
    let (join, nonces) = (stranger.join(), stranger.nonces());
    for body in [join.body, nonces.body] {
        let forged = stranger.state_as(victim, body);
        let frame = protocol::frame(session, [forged]);
        room.handle(0, Input::Frame { from: source.clone(), bytes: protocol::encode(&frame) });
    }
    assert_eq!(bad_signatures(&room), 2);
    assert!(room.reports[0].iter().all(|report| report.source == source));
    room.lost = Box::new(|_, _| false);
    room.conclude_with_signatures();
}

#[test]
fn a_signer_cannot_state_anything_in_anothers_name() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let victim = room.index(0, session);
    let statements = [mallory.join(), mallory.nonces(), mallory.abort()];
    for body in statements.map(|statement| statement.body) {
        let forged = mallory.state_as(victim, body);
        room.send(1, [forged]);
    }
    assert_eq!(bad_signatures(&room), 3);
    room.conclude_with_timeout(Phase::Joining);
}

#[test]
fn an_altered_statement_gets_its_relayer_reported_not_its_author() {
    let mut room = Room::new(3, 0);
    room.lost = Box::new(|_, to| to == 2);
    let session = room.propose();
    room.settle();
    let stated = room.statements(session);
    let altered = stated.iter().map(|statement| alter(statement.clone()));
    let altered: Vec<_> = altered.collect();
    for statement in &altered {
        let frame = protocol::frame(session, [statement.clone()]);
        for seat in 0..2 {
            room.handle(
                seat,
                Input::Frame { from: crate::node::source(9), bytes: protocol::encode(&frame) },
            );
        }
    }
    // An altered join is not even checked: its boot has a join already, and two joins of one boot
    // are not a contradiction.
    let nonces = altered.iter().filter(|one| matches!(one.body, Body::Nonces(_))).count();
    assert_eq!((nonces, bad_signatures(&room)), (2, 2 * nonces));
    room.lost = Box::new(|_, _| false);
    room.conclude_with_signatures();
}

/// Changes a statement, so that it is not what was signed.
fn alter(mut statement: Statement) -> Statement {
    match &mut statement.body {
        Body::Join(join) => join.contact = musig2_proto::Contact::new(vec![9]).unwrap(),
        Body::Nonces(nonces) => {
            let mut changed = nonces.source.nonces().to_vec();
            changed.reverse();
            nonces.source =
                musig2_proto::wire::statement::NonceSource::Inline(List::new(changed).unwrap());
        }
        Body::Partials(partials) => {
            let mut changed = partials.partials.to_vec();
            changed.reverse();
            partials.partials = List::new(changed).unwrap();
        }
        Body::Abort(abort) => abort.reason = musig2_proto::AbortReason::Convicted,
        Body::Decline(decline) => decline.reason = musig2_proto::DeclineReason::Busy,
    }
    statement
}

#[test]
fn one_body_under_two_signatures_is_one_statement() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    let again = [join.clone(), nonces.clone()].map(|statement| mallory.state(statement.body));
    assert_ne!(again[1].signature, nonces.signature);
    room.send(0, [join.clone(), nonces.clone()]);
    room.send(1, again.clone());
    room.send_all(&[join, nonces.clone()]);
    room.send_all(&again);
    room.settle();
    let round = mallory.round(&again[1], &room.nonces(session)).unwrap();
    assert_eq!(round.transcript, mallory.round(&nonces, &room.nonces(session)).unwrap().transcript);
    let partials = mallory.partials(&nonces, &round).unwrap();
    let again = mallory.state(partials.body.clone());
    room.send(0, [partials]);
    room.send(1, [again]);
    room.conclude_with_signatures();
}
