//! An engine that fails, as on a broken machine: the failure is reported once and is nobody's
//! fault.

use crate::common::RoomOf;
use crate::common::engine::{Copyable, Failing, fail_at};
use core::time::Duration;
use musig2_proto::{
    AbortCause, Command, CommandError, Config, Event, Note, Phase, SessionError, SessionId,
    Stepping,
};

type Room = RoomOf<Copyable>;

/// Makes two nodes that are stepped by hand. Everyone has joined their session.
fn pair() -> (Room, SessionId) {
    let mut room = Room::new(2, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.settle();
    (room, session)
}

fn errors(room: &Room, node: usize) -> Vec<SessionError> {
    let of_event = |event: &Event| match event {
        Event::SessionError { error, .. } => Some(error.clone()),
        _ => None,
    };
    room.events[node].iter().filter_map(of_event).collect()
}

/// Lets everyone take all the steps that it can. The engine fails at one of them, and only for node
/// 0.
fn sign(room: &mut Room, session: SessionId, failing: Option<Failing>) {
    let steps = [
        Command::ShareNonces { session },
        Command::SharePartialSignatures { session },
        Command::FinalizeSession { session },
    ];
    for step in steps {
        for node in [0, 1] {
            fail_at(failing.filter(|_| node == 0));
            match room.try_execute(node, step.clone()) {
                Ok(()) | Err(CommandError::NotReady(_) | CommandError::Ended(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        fail_at(None);
        room.settle();
    }
}

#[test]
fn a_failed_step_is_reported_once_and_times_out_without_blame() {
    for (failing, phase) in [
        (Failing::Nonces, Phase::Nonces),
        (Failing::Signing, Phase::PartialSignatures),
        // A partial signature that does not verify could give the key away, so it is not released.
        (Failing::SigningWell, Phase::PartialSignatures),
    ] {
        let (mut room, session) = pair();
        sign(&mut room, session, Some(failing));
        assert_eq!(errors(&room, 0), [SessionError::ComputingFault]);
        // A second try would fail as well, and the nonces that were taken to sign with are gone.
        sign(&mut room, session, None);
        assert_eq!(errors(&room, 0), [SessionError::ComputingFault]);
        assert!(!room.nodes[0].session(&session).unwrap().released);
        let broken = room.nodes[0].session(&session).unwrap().me;
        room.pass(Duration::from_secs(3600));
        for node in [0, 1] {
            let [
                Event::SessionAborted {
                    cause: AbortCause::TimedOut { phase: over, awaiting }, ..
                },
            ] = room.ends(node)[..]
            else {
                panic!("{failing:?}: {:?}", room.ends(node))
            };
            assert_eq!((*over, &awaiting[..]), (phase, &[broken][..]));
        }
    }
}

#[test]
fn nonces_that_the_engine_cannot_aggregate_are_nobodys_fault() {
    let (mut room, session) = pair();
    for node in [0, 1] {
        room.execute(node, Command::ShareNonces { session });
    }
    fail_at(Some(Failing::Rounds));
    room.settle();
    fail_at(None);
    for node in [0, 1] {
        assert_eq!(errors(&room, node), [SessionError::AggregationFault]);
        let refused = room.try_execute(node, Command::SharePartialSignatures { session });
        assert_eq!(refused, Ok(()), "all nonces are there");
        assert!(!room.nodes[node].session(&session).unwrap().released);
    }
    room.pass(Duration::from_secs(3600));
    for node in [0, 1] {
        assert!(matches!(
            room.ends(node)[..],
            [Event::SessionAborted { cause: AbortCause::TimedOut { .. }, released: false, .. }]
        ));
    }
}

#[test]
fn a_node_that_cannot_aggregate_is_sent_the_signatures() {
    let (mut room, session) = pair();
    sign(&mut room, session, Some(Failing::Aggregating));
    assert_eq!(errors(&room, 0), [SessionError::AggregationFault]);
    assert!(room.is_complete(1));
    room.pass(Duration::from_secs(5));
    assert!(room.is_complete(0));
    assert!(errors(&room, 1).is_empty());
}

#[test]
fn a_session_whose_join_cannot_be_signed_is_not_created() {
    let mut room = Room::new(2, &Config::default());
    let proposal = room.proposal(1);
    fail_at(Some(Failing::Statements));
    let refused = room.try_execute(0, Command::CreateSession(proposal));
    fail_at(None);
    assert_eq!(refused, Err(CommandError::CannotSign));
    assert_eq!(room.nodes[0].sessions().count(), 0);
    assert!(room.events[0].is_empty());
}

#[test]
fn a_session_whose_join_failed_can_be_joined_later() {
    let mut room = Room::new(2, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    fail_at(Some(Failing::Statements));
    let refused = room.try_execute(1, Command::JoinSession { session });
    fail_at(None);
    assert_eq!(refused, Err(CommandError::CannotSign));
    room.execute(1, Command::JoinSession { session });
    room.settle();
    assert!(room.is_complete(0) && room.is_complete(1));
}

#[test]
fn an_unsigned_abort_ends_the_session_locally_and_is_reported() {
    let (mut room, session) = pair();
    fail_at(Some(Failing::Statements));
    room.execute(0, Command::AbortSession { session, reason: Note::new("enough") });
    fail_at(None);
    assert_eq!(errors(&room, 0), [SessionError::ComputingFault]);
    assert!(matches!(
        room.ends(0)[..],
        [Event::SessionAborted { cause: AbortCause::BySigner { .. }, .. }]
    ));
    room.settle();
    assert!(room.ends(1).is_empty(), "nobody was told");
}
