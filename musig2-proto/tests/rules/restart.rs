//! If a signer loses its memory, in any phase, the signers that remember find it, and the session
//! finishes.

use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::{
    Command, CommandError, Config, Contact, Event, Input, ManifestError, Node, Offence, SecretKey,
    SessionId, Signature, Stepping,
};

/// Restarts a node with the same key and without any memory.
fn forget(room: &mut Room, node: usize) {
    room.nodes[node] = Node::new(Config::default()).unwrap();
    room.nodes[node].add_key(&SecretKey::new([node as u8 + 1; 32])).unwrap();
    room.events[node].clear();
}

fn come_back(room: &mut Room, node: usize) {
    forget(room, node);
    room.execute(node, Command::SetContact(contact(node)));
    room.execute(node, Command::SayHello);
    room.handle(node, musig2_proto::Input::Tick);
}

#[test]
fn a_session_finishes_whichever_signer_forgets_it_and_whenever() {
    // As many messages as a calm session of three takes, and a few more.
    for moment in 0..24 {
        for node in 0..3 {
            let mut room = Room::new(3, &Config::default());
            let session = room.propose();
            let mut done = true;
            for _ in 0..moment {
                done = !room.step();
            }
            // If nobody else knows of the session yet, it is gone with its coordinator.
            let known =
                (0..3).any(|other| other != node && room.nodes[other].session(&session).is_some());
            come_back(&mut room, node);
            room.pass(Duration::from_secs(120));
            if known {
                for signer in 0..3 {
                    assert!(
                        room.is_complete(signer),
                        "{node} after {moment} messages: {signer} has {:#?}",
                        room.events[signer]
                    );
                }
            }
            assert!(room.reports.iter().all(Vec::is_empty), "{:?}", room.reports);
            let _ = done;
        }
    }
}

#[test]
fn a_proposer_can_resume_a_session_that_nobody_else_knows() {
    let mut room = Room::new(3, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    room.settle();
    let kept = room.nodes[0].announcement(&session).unwrap();
    room.lost = Box::new(|_, _| false);
    come_back(&mut room, 0);
    room.execute(0, Command::ResumeSession { announcement: kept });
    room.pass(Duration::from_secs(60));
    for node in 0..3 {
        assert!(room.is_complete(node));
    }
}

#[test]
fn a_restart_is_a_new_attempt_for_everyone_and_nobodys_fault() {
    let mut room = Room::new(3, &Config::default());
    room.propose();
    room.until(|room| room.has_all_nonces(0));
    room.lost = Box::new(|_, to| to == 2);
    room.settle();
    room.lost = Box::new(|_, _| false);
    come_back(&mut room, 2);
    room.pass(Duration::from_secs(60));
    for node in [0, 1] {
        let restarted = |event: &Event| match event {
            Event::AttemptRestarted { session, restarts, signers } => {
                Some((*restarts, signers.clone(), room.nodes[2].session(session).unwrap().me))
            }
            _ => None,
        };
        let [(1, signers, back)] =
            &room.events[node].iter().filter_map(restarted).collect::<Vec<_>>()[..]
        else {
            panic!("{:?}", room.events[node])
        };
        assert_eq!(signers, &[*back]);
    }
    let told = |event: &Event| matches!(event, Event::KeyInUseElsewhere { .. });
    assert!(!room.events.iter().flatten().any(told), "its own earlier life is no other process");
    for node in 0..3 {
        assert!(room.is_complete(node));
    }
}

/// Returns when a node that is back publishes its hellos, in whole seconds from its start.
fn hellos(room: &mut Room, duration: Duration) -> Vec<u64> {
    let (start, mut said) = (room.now, Vec::new());
    while room.now.saturating_since(start) <= duration {
        said.resize(room.publications.len(), room.now.saturating_since(start).as_secs());
        room.pass(Duration::from_secs(1));
    }
    said
}

#[test]
fn a_restarted_signer_says_hello_until_no_session_can_be_open() {
    let mut room =
        Room::new(1, &Config::default().with_max_session_duration(Duration::from_secs(91)));
    room.execute(0, Command::SayHello);
    assert_eq!(hellos(&mut room, Duration::from_secs(200)), [0, 1, 3, 7, 15, 31, 61]);
    assert_eq!(room.nodes[0].next_deadline(), None);
}

#[test]
fn an_unreachable_signer_finds_its_session_again_after_a_restart() {
    let mut room = Room::new(2, &Config::default());
    room.execute(1, Command::SetContact(Contact::default()));
    // Somebody else delivers its first frame, so answers to it go there.
    room.lost = Box::new(|from, _| from == 1);
    let session = room.propose();
    room.settle();
    let (.., stolen) = room.frames.iter().find(|(from, ..)| *from == 1).unwrap();
    let stolen = Input::Frame { from: source(77), bytes: stolen.clone() };
    room.handle(0, stolen);
    assert_eq!(room.nodes[0].session(&session).unwrap().joined.len(), 2);
    room.nodes[1] = Node::new(Config::default()).unwrap();
    room.nodes[1].add_key(&SecretKey::new([2; 32])).unwrap();
    room.lost = Box::new(|_, _| false);
    room.execute(1, Command::SayHello);
    room.pass(Duration::from_secs(10));
    assert!(room.is_complete(0) && room.is_complete(1), "{:?} {:?}", room.ends(0), room.ends(1));
}

#[test]
fn a_clock_set_back_does_not_change_the_number_of_hellos() {
    let mut room =
        Room::new(1, &Config::default().with_max_session_duration(Duration::from_secs(91)));
    room.execute(0, Command::SayHello);
    room.pass(Duration::from_secs(20));
    room.handle(0, musig2_proto::Input::Tick);
    let before = room.publications.len();
    room.now = room.now.saturating_sub(Duration::from_secs(3600));
    room.handle(0, musig2_proto::Input::Tick);
    let said = hellos(&mut room, Duration::from_secs(200));
    assert_eq!(said[before..], [11, 41]);
}

#[test]
fn a_hello_is_taken_up_to_the_allowed_clock_difference() {
    for (apart, is_taken) in [(30_000, true), (30_001, false)] {
        for early in [true, false] {
            let mut room = Room::new(2, &Config::default());
            room.execute(0, Command::SayHello);
            let (apart, from) = (Duration::from_millis(apart), crate::common::source(0));
            let now =
                if early { room.now.saturating_sub(apart) } else { room.now.saturating_add(apart) };
            let bytes = room.publications[0].clone();
            let input = musig2_proto::Input::Announcement { from, bytes };
            let outputs = room.nodes[1].handle(now, &mut room.rng, input);
            assert_eq!(outputs.is_empty(), is_taken, "{outputs:?}");
        }
    }
}

/// Makes a session of three that only node 0 could finish: what it then sent to the others was
/// lost. Returns the session with what node 0's application kept.
fn finished_by_one() -> (Room, SessionId, Vec<u8>, Vec<Signature>) {
    let mut room = Room::new(3, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.settle();
    (0..3).for_each(|node| room.execute(node, Command::ShareNonces { session }));
    room.until(|room| (0..3).all(|node| room.has_all_nonces(node)));
    [1, 2]
        .into_iter()
        .for_each(|node| room.execute(node, Command::SharePartialSignatures { session }));
    room.until(|room| room.nodes[0].session(&session).is_some_and(|view| view.partials.len() == 2));
    room.lost = Box::new(|from, _| from == 0);
    room.execute(0, Command::SharePartialSignatures { session });
    room.execute(0, Command::FinalizeSession { session });
    room.settle();
    assert!(!room.is_complete(1) && !room.is_complete(2));
    let [Event::SessionComplete { signatures, .. }] = room.ends(0)[..] else { panic!() };
    let kept = (room.nodes[0].announcement(&session).unwrap(), signatures.clone());
    (room, session, kept.0, kept.1)
}

#[test]
fn signatures_that_only_one_node_kept_reach_all_after_its_restart() {
    let (mut room, session, announcement, signatures) = finished_by_one();
    room.lost = Box::new(|_, _| false);
    forget(&mut room, 0);
    room.execute(0, Command::SetContact(contact(0)));
    let tell = Command::TellSignatures {
        announcement: announcement.clone(),
        signatures: signatures.clone(),
    };
    room.execute(0, tell.clone());
    assert_eq!(
        room.events[0],
        [Event::SessionComplete { session, signatures: signatures.clone() }],
        "its application is told again"
    );
    assert_eq!(room.nodes[0].announcement(&session), Some(announcement.clone()));
    assert_eq!(room.try_execute(0, tell), Err(CommandError::Ended(session)));
    let resume = Command::ResumeSession { announcement };
    assert_eq!(room.try_execute(0, resume), Err(CommandError::Ended(session)));
    room.execute(0, Command::SayHello);
    room.pass(Duration::from_secs(60));
    for node in [1, 2] {
        let ends = room.ends(node);
        assert!(
            matches!(ends[..], [Event::SessionComplete { signatures: told, .. }] if *told == signatures),
            "{ends:?}"
        );
        assert_eq!(room.nodes[node].session(&session).unwrap().restarts, 0, "nobody restarted");
    }
    assert_eq!(room.events[0].len(), 1, "it is not discovered again: {:?}", room.events[0]);
    assert!(room.reports.iter().all(Vec::is_empty), "{:?}", room.reports);
}

#[test]
fn told_signatures_are_verified_and_leave_nothing_if_they_are_wrong() {
    let (mut room, session, announcement, signatures) = finished_by_one();
    let end = room.nodes[1].session(&session).unwrap().manifest.expires_at();
    forget(&mut room, 0);
    let tell = |signatures: &[Signature]| Command::TellSignatures {
        announcement: announcement.clone(),
        signatures: signatures.to_vec(),
    };
    let mut wrong = signatures[0].to_bytes();
    wrong[40] ^= 1;
    for wrong in [&[][..], &[Signature::new(wrong)], &[signatures[0], signatures[0]]] {
        assert_eq!(room.try_execute(0, tell(wrong)), Err(CommandError::FalseSignatures(session)));
    }
    let cut = Command::TellSignatures {
        announcement: announcement[..announcement.len() - 1].to_vec(),
        signatures: signatures.clone(),
    };
    assert!(matches!(room.try_execute(0, cut), Err(CommandError::Announcement(_))));
    let mut stranger = Node::new(Config::default()).unwrap();
    stranger.add_key(&SecretKey::new([9; 32])).unwrap();
    let refused = stranger.execute(room.now, &mut room.rng, tell(&signatures));
    assert_eq!(refused, Err(CommandError::NotASigner));
    assert_eq!((room.nodes[0].sessions().count(), room.events[0].len()), (0, 0));
    room.now = end;
    let refused = room.try_execute(0, tell(&signatures));
    assert!(matches!(
        refused,
        Err(CommandError::Announcement(Offence::Manifest(ManifestError::Over(_))))
    ));
    // An open session ends with these signatures, even if signers are still awaited.
    room.now = end.saturating_sub(Duration::from_secs(1));
    room.execute(1, tell(&signatures));
    assert!(room.is_complete(1));
}
