//! Many sessions at once: each of them ends, whichever node proposed it, in whatever order and with
//! whatever limits.

use crate::common::forge::of_a_stranger;
use crate::common::{Room, source};
use core::time::Duration;
use musig2_proto::{
    AbortCause, Audience, Command, CommandError, Config, Event, Input, Item, Message, Node, Note,
    Phase, SecretKey, SessionId,
};

/// Has a node create a session of everyone and announce it.
fn propose(room: &mut Room, node: usize) -> SessionId {
    let proposal = room.proposal(1);
    room.execute(node, Command::CreateSession(proposal));
    let created = room.events[node].iter().rev().find_map(|event| match event {
        Event::SessionCreated { session } => Some(*session),
        _ => None,
    });
    let session = created.unwrap();
    room.execute(node, Command::AnnounceSession { session, audience: Audience::Everyone });
    session
}

fn completed(room: &Room, node: usize) -> usize {
    room.ends(node).iter().filter(|end| matches!(end, Event::SessionComplete { .. })).count()
}

fn is_queued(room: &Room, node: usize, session: &SessionId) -> bool {
    room.nodes[node].session(session).is_some_and(|view| view.is_queued)
}

#[test]
fn three_nodes_that_propose_fifty_sessions_each_at_once_sign_them_all() {
    let mut room = Room::new(3, &Config::default());
    for _ in 0..50 {
        for node in 0..3 {
            propose(&mut room, node);
        }
    }
    room.until(|room| (0..3).all(|node| room.ends(node).len() == 150));
    for node in 0..3 {
        assert_eq!(completed(&room, node), 150);
    }
}

#[test]
fn the_eleventh_session_of_a_coordinator_waits_for_one_of_ten_to_end() {
    let mut room = Room::new(2, &Config::default());
    room.join = false;
    let sessions: Vec<_> = (0..11).map(|_| propose(&mut room, 0)).collect();
    room.settle();
    assert!(sessions[..10].iter().all(|session| !is_queued(&room, 0, session)));
    assert!(is_queued(&room, 0, &sessions[10]));
    assert_eq!(room.events[0].last(), Some(&Event::SessionQueued { session: sessions[10] }));
    assert_eq!(room.nodes[1].sessions().count(), 10, "what waits is not announced");
    room.join = true;
    room.execute(1, Command::JoinSession { session: sessions[0] });
    room.settle();
    assert!(room.nodes[1].session(&sessions[10]).is_some(), "its turn came");
    assert_eq!(completed(&room, 0), 2);
}

#[test]
fn sessions_of_one_coordinator_take_no_places_from_another() {
    let config = Config::default().with_max_concurrent_sessions(2);
    let mut room = Room::new(3, &config);
    // Node 2 hears nothing, so the sessions that the others joined stay open.
    room.lost = Box::new(|_, to| to == 2);
    for _ in 0..5 {
        propose(&mut room, 0);
    }
    room.settle();
    assert_eq!(room.nodes[1].sessions().count(), 2);
    let other = propose(&mut room, 1);
    room.settle();
    let joined = &room.nodes[0].session(&other).unwrap().joined;
    assert_eq!(joined.len(), 2, "{joined:?}");
}

#[test]
fn nodes_with_few_places_do_not_deadlock_over_approval_orders() {
    let (mine, theirs) = (Config::default(), Config::default().with_max_concurrent_sessions(2));
    let mut room = Room::new(4, &mine);
    restart_with(&mut room, 1..4, &theirs);
    room.join = false;
    let sessions: Vec<_> = (0..6).map(|_| propose(&mut room, 0)).collect();
    room.settle();
    // Each begins with two sessions that the others approve last.
    for (node, first) in [(1, 4), (2, 2), (3, 0)] {
        for session in sessions.iter().cycle().skip(first).take(6) {
            room.execute(node, Command::JoinSession { session: *session });
        }
    }
    room.until(|room| room.ends(0).len() == 6);
    for node in 0..4 {
        assert_eq!(completed(&room, node), 6);
    }
}

/// Restarts these nodes with another configuration.
fn restart_with(room: &mut Room, nodes: impl IntoIterator<Item = usize>, config: &Config) {
    for number in nodes {
        let mut node = Node::new(config.clone()).unwrap();
        node.add_key(&SecretKey::new([number as u8 + 1; 32])).unwrap();
        room.nodes[number] = node;
        room.execute(number, Command::SetContact(crate::common::contact(number)));
    }
}

/// Has a node approve these sessions in this order. Everything is delivered after each.
fn approve(room: &mut Room, node: usize, sessions: &[SessionId]) {
    for session in sessions {
        room.execute(node, Command::JoinSession { session: *session });
        room.settle();
    }
}

#[test]
fn an_undecided_session_delays_no_others_while_a_place_is_free() {
    let mut room = Room::new(3, &Config::default());
    restart_with(&mut room, [1, 2], &Config::default().with_max_concurrent_sessions(2));
    room.join = false;
    let sessions: Vec<_> = (0..6)
        .map(|_| {
            room.pass(Duration::from_millis(1));
            propose(&mut room, 0)
        })
        .collect();
    room.settle();
    // At node 2, a person has not decided about the first session. The last session overtakes the
    // others on its way to node 1.
    approve(&mut room, 1, &[sessions[0], sessions[5]]);
    approve(&mut room, 2, &sessions[1..]);
    approve(&mut room, 1, &sessions[1..5]);
    for node in 0..3 {
        assert_eq!(completed(&room, node), 5, "node {node}");
    }
    approve(&mut room, 2, &sessions[..1]);
    assert_eq!(completed(&room, 0), 6);
}

#[test]
fn undecided_sessions_do_not_block_other_coordinators_for_ever() {
    let config = Config::default().with_max_concurrent_sessions(3).with_max_joined_sessions(4);
    let mut room = Room::new(6, &Config::default());
    restart_with(&mut room, [4, 5], &config);
    room.join = false;
    // Four coordinators propose three sessions each, and node 5 does not decide about the first
    // session of each.
    let sessions: Vec<_> = (0..12)
        .map(|number| {
            room.pass(Duration::from_millis(1));
            propose(&mut room, number % 4)
        })
        .collect();
    room.settle();
    for node in 0..4 {
        let others: Vec<_> =
            (0..12).filter(|number| number % 4 != node).map(|number| sessions[number]).collect();
        approve(&mut room, node, &others);
    }
    let by_coordinator: Vec<_> =
        (0..4).flat_map(|first| (0..3).map(move |nth| first + 4 * nth)).collect();
    let sorted: Vec<_> = by_coordinator.iter().map(|number| sessions[*number]).collect();
    approve(&mut room, 4, &sorted);
    let decided: Vec<_> = by_coordinator
        .iter()
        .rev()
        .filter(|number| **number >= 4)
        .map(|number| sessions[*number])
        .collect();
    approve(&mut room, 5, &decided);
    assert_eq!(completed(&room, 5), 8);
}

#[test]
fn queued_sessions_are_joined_earliest_first_across_proposers() {
    let mut room = Room::new(4, &Config::default());
    restart_with(
        &mut room,
        [3],
        &Config::default().with_max_concurrent_sessions(2).with_max_joined_sessions(2),
    );
    room.join = false;
    let sessions: Vec<_> = (0..9)
        .map(|number| {
            room.pass(Duration::from_millis(1));
            propose(&mut room, 2 - number % 3)
        })
        .collect();
    room.settle();
    approve(&mut room, 3, &sessions);
    let waiting = |room: &Room| -> Vec<_> {
        sessions.iter().filter(|session| is_queued(room, 3, session)).copied().collect()
    };
    while let [first, ..] = waiting(&room)[..] {
        // One of the joined sessions ends.
        let joined = |session: &&SessionId| {
            let view = room.nodes[3].session(session);
            view.is_some_and(|view| !view.is_queued && view.phase == Phase::Joining)
        };
        let oldest = *sessions.iter().find(joined).unwrap();
        let before = waiting(&room).len();
        room.execute(
            3,
            Command::AbortSession { session: oldest, reason: Note::new("not needed any more") },
        );
        if waiting(&room).len() < before {
            assert!(!is_queued(&room, 3, &first), "{first} waited longest");
        }
    }
}

#[test]
fn a_full_queue_refuses_sessions_and_changes_nothing() {
    let config = Config::default().with_max_concurrent_sessions(1).with_max_queued_sessions(1);
    let mut room = Room::new(2, &config);
    room.join = false;
    for _ in 0..2 {
        propose(&mut room, 0);
    }
    let third = Command::CreateSession(room.proposal(1));
    assert_eq!(room.try_execute(0, third), Err(CommandError::QueueFull(1)));
    assert_eq!(room.nodes[0].sessions().count(), 2);
}

#[test]
fn an_author_that_fills_the_queue_leaves_room_for_others() {
    let config = Config::default().with_max_concurrent_sessions(1).with_max_queued_sessions(8);
    let mut room = Room::new(1, &config);
    room.join = false;
    for (author, left) in [(40, 4), (41, 2), (42, 1)] {
        let mut approved = 0;
        for _ in 0..10 {
            // No session precedes the one that is joined.
            room.now = room.now.saturating_add(Duration::from_millis(1));
            let bytes =
                of_a_stranger(&mut room, [author; 32], vec![Item::new(Message::new([1; 32]))]);
            room.handle(0, Input::Announcement { from: source(9), bytes });
            let session = room.events[0].last().unwrap().session();
            approved += usize::from(room.try_execute(0, Command::JoinSession { session }).is_ok());
        }
        assert_eq!(approved, 1 + left, "one is joined, and as many wait as are left for others");
    }
}

#[test]
fn a_queued_session_can_be_aborted_and_ends_when_it_expires() {
    let config = Config::default().with_max_concurrent_sessions(1);
    let mut room = Room::new(2, &config);
    room.join = false;
    let [_, second, third] = [(); 3].map(|()| propose(&mut room, 0));
    let reason = Note::new("not needed any more");
    room.execute(0, Command::AbortSession { session: second, reason });
    assert!(
        matches!(room.ends(0)[..], [Event::SessionAborted { session, .. }] if *session == second)
    );
    let view = room.nodes[0].session(&second).expect("what became of it can be asked");
    assert!(matches!(view.cause, Some(AbortCause::BySigner { .. })), "{view:?}");
    assert!(!view.is_queued);
    assert_eq!(room.nodes[0].session(&third).unwrap().phase, Phase::Proposed);
    // The first is never signed. The third waits until the first's time to join is over, and is
    // announced then.
    room.pass(Duration::from_secs(300));
    assert!(!is_queued(&room, 0, &third));
    room.pass(Duration::from_secs(300));
    let last = room.ends(0).last().copied().cloned();
    let Some(Event::SessionAborted { session, cause, .. }) = last else { panic!("{last:?}") };
    assert_eq!(session, third);
    assert!(matches!(cause, AbortCause::Expired { .. }), "{cause:?}");
    assert_eq!(room.nodes[0].session(&third).expect("it can be asked").cause, Some(cause));
}

#[test]
fn sessions_approved_before_a_restart_are_queued_again() {
    let config = Config::default().with_max_concurrent_sessions(1);
    let mut room = Room::new(2, &config);
    room.join = false;
    let sessions = [(); 3].map(|()| propose(&mut room, 0));
    let stored = sessions.map(|session| room.nodes[0].announcement(&session).unwrap());
    restart_with(&mut room, [0], &config);
    for announcement in stored {
        room.execute(0, Command::ResumeSession { announcement });
    }
    assert_eq!(sessions.map(|session| is_queued(&room, 0, &session)), [false, true, true]);
    room.join = true;
    room.until(|room| room.ends(0).len() == 3);
    assert_eq!(completed(&room, 0), 3);
}

#[test]
fn a_queued_session_is_told_to_nobody() {
    let mut room = Room::new(2, &Config::default().with_max_concurrent_sessions(1));
    room.join = false;
    let [first, second] = [(); 2].map(|()| propose(&mut room, 0));
    room.settle();
    // Node 1 may have forgotten something, but it is sent only the first session.
    room.execute(1, Command::SayHello);
    room.pass(Duration::from_secs(5));
    assert!(room.nodes[1].session(&first).is_some());
    assert!(room.nodes[1].session(&second).is_none());
}

#[test]
fn a_queued_session_ends_when_its_proposer_aborts_it() {
    let (mine, theirs) = (Config::default(), Config::default().with_max_concurrent_sessions(1));
    let mut room = Room::new(3, &mine);
    restart_with(&mut room, [1], &theirs);
    room.join = false;
    let first = propose(&mut room, 0);
    room.pass(Duration::from_secs(1));
    let waiting = propose(&mut room, 0);
    room.settle();
    for session in [first, waiting] {
        room.execute(1, Command::JoinSession { session });
    }
    room.settle();
    assert!(is_queued(&room, 1, &waiting) && !is_queued(&room, 1, &first));
    room.execute(
        0,
        Command::AbortSession { session: waiting, reason: Note::new("not needed any more") },
    );
    room.settle();
    let ends = room.ends(1);
    let [Event::SessionAborted { session, cause: AbortCause::BySigner { .. }, released: false }] =
        ends[..]
    else {
        panic!("{ends:?}")
    };
    assert_eq!(*session, waiting);
}
