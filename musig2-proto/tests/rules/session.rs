//! Sessions from announcement to end, on a network that does what the test says.

use crate::common::{Room, contact};
use core::time::Duration;
use musig2_proto::{
    AbortCause, AbortReason, Audience, Command, Config, Event, Input, Note, Phase, PhaseTimeout,
    Proposal, Stepping,
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_events_of_a_session_come_in_the_order_of_its_phases() {
    let mut room = Room::new(3, &Config::default());
    room.propose();
    room.settle();
    for events in &room.events {
        let order: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::SessionCreated { .. } | Event::SessionDiscovered { .. } => Some("opened"),
                Event::SessionReady { .. } => Some("ready"),
                Event::NoncesComplete { .. } => Some("nonces"),
                Event::PartialSigsComplete { .. } => Some("partials"),
                Event::SessionComplete { .. } => Some("complete"),
                _ => None,
            })
            .collect();
        assert_eq!(order, ["opened", "ready", "nonces", "partials", "complete"]);
        let each = |of: fn(&Event) -> bool| events.iter().filter(|event| of(event)).count();
        assert_eq!(each(|event| matches!(event, Event::SignerJoined { .. })), 3);
        assert_eq!(each(|event| matches!(event, Event::NonceReceived { .. })), 3);
        assert_eq!(each(|event| matches!(event, Event::PartialSigReceived { .. })), 3);
    }
}

#[test]
fn a_late_listener_is_announced_to_soon_and_only_once() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    room.propose();
    room.pass(seconds(20));
    let before = room.publications.len();
    for _ in 0..10 {
        room.handle(0, Input::AudienceGrew);
    }
    room.pass(Duration::from_millis(250));
    assert_eq!(room.publications.len(), before + 1);
}

#[test]
fn fifteen_signers_sign_a_batch_of_256_items_in_one_session() {
    let mut room = Room::new(15, &Config::default());
    let proposal = (0..=255).fold(Proposal::new(room.keys.clone()), |proposal, item| {
        proposal.with_message(musig2_proto::Message::new([item; 32]))
    });
    let session = room.create(0, proposal);
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.settle();
    for node in 0..15 {
        let Event::SessionComplete { signatures, .. } = room.ends(node)[0] else { panic!() };
        assert_eq!(signatures.len(), 256);
    }
}

#[test]
fn a_session_may_have_a_thousand_signers_if_so_configured() {
    let config = Config::default().with_max_signers(1000);
    let mut room = Room::new(1, &config);
    let others = (1_u16..1000).map(|number| {
        let mut secret = [7; 32];
        secret[..2].copy_from_slice(&number.to_be_bytes());
        let mut node = musig2_proto::Node::new(Config::default()).unwrap();
        node.add_key(&musig2_proto::SecretKey::new(secret)).unwrap()
    });
    let keys: Vec<_> = room.keys.iter().copied().chain(others).collect();
    let session =
        room.create(0, Proposal::new(keys).with_message(musig2_proto::Message::new([1; 32])));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    assert_eq!(room.nodes[0].session(&session).unwrap().awaiting.len(), 999);
}

#[test]
fn a_sessions_view_shows_its_progress() {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    let session = room.create(0, room.proposal(1).with_memo("rent"));
    let view = |room: &Room, node: usize| room.nodes[node].session(&session).unwrap();
    assert_eq!(view(&room, 0).phase, Phase::Proposed);
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.settle();
    assert_eq!(view(&room, 0).phase, Phase::Joining);
    assert_eq!(view(&room, 0).awaiting.len(), 2);
    assert!(view(&room, 0).is_coordinator() && !view(&room, 1).is_coordinator());
    assert_eq!(view(&room, 1).phase, Phase::Proposed);
    assert_eq!(view(&room, 1).manifest.memo(), b"rent");
    let co_signers = |room: &Room, node: usize| {
        room.nodes[node].co_signers(&session).cloned().collect::<Vec<_>>()
    };
    assert_eq!(co_signers(&room, 1), [contact(0)], "from the announcement");
    for node in [1, 2] {
        room.execute(node, Command::JoinSession { session });
    }
    room.settle();
    let end = view(&room, 2);
    assert_eq!((end.phase, end.awaiting.len(), end.deadline), (Phase::Complete, 0, None));
    assert!(end.released && end.signatures.is_some() && end.cause.is_none());
    assert_eq!(room.nodes[2].sessions().count(), 1);
}

#[test]
fn an_abort_ends_the_session_everywhere_and_says_who_and_why() {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    room.execute(1, Command::JoinSession { session });
    room.settle();
    room.execute(1, Command::AbortSession { session, reason: Note::new("wrong amount") });
    room.settle();
    let me = room.nodes[1].session(&session).unwrap().me;
    for node in [0, 1] {
        let [Event::SessionAborted { cause, released: false, .. }] = room.ends(node)[..] else {
            panic!()
        };
        let AbortCause::BySigner { signer, reason: AbortReason::Requested(note) } = cause else {
            panic!()
        };
        assert_eq!((*signer, note.as_str()), (me, "wrong amount"));
    }
    // A signer that comes later learns it from the others.
    room.execute(2, Command::JoinSession { session });
    room.pass(seconds(3));
    assert!(matches!(
        room.ends(2)[..],
        [Event::SessionAborted { cause: AbortCause::BySigner { .. }, .. }]
    ));
}

#[test]
fn a_signer_that_missed_the_last_frames_asks_for_the_signatures() {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    for node in [1, 2] {
        room.execute(node, Command::JoinSession { session });
    }
    // From here on nothing reaches node 2, until the others have settled.
    room.lost = Box::new(|_, to| to == 2);
    room.settle();
    assert!(!room.is_complete(0));
    room.lost = Box::new(|_, _| false);
    room.pass(seconds(5));
    for node in 0..3 {
        assert!(room.is_complete(node), "{node}: {:?}", room.events[node]);
    }
}

#[test]
fn signatures_that_arrive_after_a_timeout_are_late_but_not_lost() {
    let mut room = Room::new(3, &Config::default().with_partial_sig_timeout(seconds(5)));
    let session = room.propose();
    // Node 2 hears everything and is heard until partial signatures are on their way. From then on
    // nothing reaches it.
    let cut = std::rc::Rc::new(core::cell::Cell::new(false));
    let is_cut = cut.clone();
    room.lost = Box::new(move |_, to| is_cut.get() && to == 2);
    room.until(|room| room.has_all_nonces(2));
    cut.set(true);
    room.pass(seconds(20));
    let [Event::SessionAborted { cause, released: true, .. }] = room.ends(2)[..] else {
        panic!("{:?}", room.events[2])
    };
    assert!(matches!(cause, AbortCause::TimedOut { phase: Phase::PartialSignatures, .. }));
    assert!(room.is_complete(0) && room.is_complete(1));
    // Its application gets the signatures by other means.
    cut.set(false);
    let frame = room.signatures_of(0, session);
    room.handle(2, frame);
    assert!(matches!(room.events[2].last(), Some(Event::LateSignature { .. })));
    assert!(room.nodes[2].session(&session).unwrap().signatures.is_some());
    assert_eq!(room.ends(2).len(), 1);
}

#[test]
fn a_signer_that_aborts_a_signed_session_is_sent_the_signatures() {
    let mut room = Room::new(3, &Config::default());
    let session = room.propose();
    let cut = std::rc::Rc::new(core::cell::Cell::new(false));
    let is_cut = cut.clone();
    room.lost = Box::new(move |_, to| is_cut.get() && to == 2);
    room.until(|room| room.has_all_nonces(2));
    cut.set(true);
    room.settle();
    assert!(room.is_complete(0) && room.is_complete(1));
    cut.set(false);
    room.execute(2, Command::AbortSession { session, reason: Note::new("too slow") });
    room.settle();
    assert!(matches!(room.ends(2)[..], [Event::SessionAborted { released: true, .. }]));
    let late = room.events[2].iter().filter(|event| matches!(event, Event::LateSignature { .. }));
    assert_eq!(late.count(), 1);
    assert!(room.nodes[2].session(&session).unwrap().signatures.is_some());
    assert!(room.reports.iter().all(Vec::is_empty), "{:?}", room.reports);
}

#[test]
fn a_silent_phase_is_a_stall_at_half_its_time_and_ends_with_it() {
    let mut room = Room::new(3, &Config::default());
    room.lost = Box::new(|from, _| from == 2);
    room.propose();
    room.pass(seconds(149));
    assert!(!room.events[0].iter().any(|event| matches!(event, Event::Stalled { .. })));
    room.pass(seconds(51));
    let silent = room.nodes[2].sessions().next().unwrap().me;
    let stalls: Vec<_> =
        room.events[0].iter().filter(|event| matches!(event, Event::Stalled { .. })).collect();
    let [Event::Stalled { phase: Phase::Joining, awaiting, .. }] = stalls[..] else {
        panic!("{stalls:?}")
    };
    assert_eq!(*awaiting, [silent]);
    room.pass(seconds(200));
    let [Event::SessionAborted { cause, .. }] = room.ends(0)[..] else { panic!() };
    assert_eq!(*cause, AbortCause::TimedOut { phase: Phase::Joining, awaiting: vec![silent] });
}

#[test]
fn a_phase_timeout_that_is_only_reported_lets_the_session_expire() {
    let config = Config::default().with_phase_timeout(PhaseTimeout::Report);
    let mut room = Room::new(2, &config);
    room.lost = Box::new(|from, _| from == 1);
    room.propose();
    room.pass(seconds(400));
    assert!(room.ends(0).is_empty());
    let stalls =
        room.events[0].iter().filter(|event| matches!(event, Event::Stalled { .. })).count();
    assert_eq!(stalls, 2);
    room.pass(seconds(300));
    assert!(matches!(
        room.ends(0)[..],
        [Event::SessionAborted { cause: AbortCause::Expired { .. }, .. }]
    ));
}

#[test]
fn a_session_that_waits_for_its_application_to_finalize_says_so() {
    let mut room = Room::new(2, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.settle();
    for command in [Command::ShareNonces { session }, Command::SharePartialSignatures { session }] {
        for node in [0, 1] {
            room.execute(node, command.clone());
        }
        room.settle();
    }
    let view = room.nodes[0].session(&session).unwrap();
    assert_eq!((view.phase, &view.awaiting[..]), (Phase::Finalizing, &[view.me][..]));
}

#[test]
fn a_node_that_only_awaits_its_application_hears_of_an_abort() {
    let mut room = Room::new(2, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.settle();
    for node in [0, 1] {
        room.execute(node, Command::ShareNonces { session });
    }
    room.settle();
    room.execute(1, Command::SharePartialSignatures { session });
    room.settle();
    assert_eq!(
        room.nodes[0].session(&session).unwrap().awaiting,
        [room.nodes[0].session(&session).unwrap().me]
    );
    room.lost = Box::new(|_, _| true);
    room.execute(1, Command::AbortSession { session, reason: musig2_proto::Note::new("no") });
    room.settle();
    room.lost = Box::new(|_, _| false);
    room.pass(seconds(10));
    assert!(matches!(
        room.ends(0)[..],
        [Event::SessionAborted { cause: AbortCause::BySigner { .. }, .. }]
    ));
}

#[test]
fn a_signer_without_a_contact_is_answered_where_it_asks_from() {
    let mut room = Room::new(3, &Config::default());
    room.execute(2, Command::SetContact(musig2_proto::Contact::default()));
    room.propose();
    room.pass(seconds(10));
    for node in 0..3 {
        assert!(room.is_complete(node));
    }
}

#[test]
fn an_ended_session_is_forgotten_once_late_signers_had_their_time() {
    let mut room = Room::new(2, &Config::default());
    let session = room.propose();
    room.settle();
    assert!(room.is_complete(0));
    room.pass(seconds(10 * 60 + 59));
    assert!(room.nodes[0].session(&session).is_some());
    room.pass(seconds(2));
    assert!(room.nodes[0].session(&session).is_none());
    assert_eq!(room.nodes[0].next_deadline(), None);
}

#[test]
fn without_auto_cleanup_only_a_command_forgets_sessions() {
    let mut room = Room::new(2, &Config::default().with_enable_auto_cleanup(false));
    let session = room.propose();
    room.pass(seconds(3600));
    assert!(room.nodes[0].session(&session).is_some());
    room.execute(0, Command::Cleanup);
    assert!(room.nodes[0].session(&session).is_none());
}

#[test]
fn contacts_from_the_application_make_private_sessions_possible() {
    let mut room = Room::new(3, &Config::default());
    for (node, signer) in [(0, 1), (0, 2)] {
        let (signer, contact) = (room.keys[signer], contact(signer));
        room.execute(node, Command::AddContact { signer, contact });
    }
    let session = room.create(0, room.proposal(1));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::KnownContacts });
    room.pass(seconds(10));
    assert!(room.publications.is_empty());
    for node in 0..3 {
        assert!(room.is_complete(node));
    }
}
