//! What was once possible: each of these tests failed before the fix.

use crate::common::forge::{empty, input, of_a_stranger};
use crate::common::{Room, contact, source};
use core::cell::Cell;
use core::time::Duration;
use musig2_proto::wire::frame::{Frame, Have};
use musig2_proto::{
    AbortCause, Audience, ChainCode, Command, Config, Contact, DerivationPath, Event, Input, Item,
    ManifestError, Message, Node, Offence, Phase, PlainTweak, SecretKey, Stepping, Tweak,
    TweakError, TweakKind, TweakScalar,
};
use std::rc::Rc;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Makes a switch for what is lost, which a test can throw while the room is in use.
fn cut(room: &mut Room, lost: impl Fn(usize, usize) -> bool + 'static) -> Rc<Cell<bool>> {
    let switch = Rc::new(Cell::new(false));
    let seen = switch.clone();
    room.lost = Box::new(move |from, to| seen.get() && lost(from, to));
    switch
}

fn forget(room: &mut Room, node: usize, config: &Config) {
    room.nodes[node] = Node::new(config.clone()).unwrap();
    room.nodes[node].add_key(&SecretKey::new([node as u8 + 1; 32])).unwrap();
    room.execute(node, Command::SetContact(contact(node)));
    room.events[node].clear();
}

fn hear(room: &mut Room, bytes: Vec<u8>) -> Option<Offence> {
    let known = room.reports[0].len();
    room.handle(0, Input::Announcement { from: source(9), bytes });
    room.reports[0].get(known).map(|report| report.offence.clone())
}

#[test]
fn expensive_tweaks_are_refused_before_any_is_applied() {
    let mut room = Room::new(1, &Config::default());
    let long = || Tweak::Bip32 {
        chain_code: ChainCode::BIP328,
        path: DerivationPath::new(vec![1; 16]).unwrap(),
    };
    let item = |tweaks| Item::new(Message::new([1; 32])).with_tweaks(tweaks).unwrap();
    let items = vec![item((0..8).map(|_| long()).collect()); 9];
    let bytes = of_a_stranger(&mut room, [40; 32], items);
    let refused = hear(&mut room, bytes);
    assert_eq!(
        refused,
        Some(Offence::Manifest(ManifestError::TooManyTweaks { got: 1152, max: 1024 }))
    );
    let raw = Tweak::Raw(PlainTweak { kind: TweakKind::Plain, scalar: TweakScalar::new([1; 32]) });
    let bytes = of_a_stranger(&mut room, [40; 32], vec![item(vec![long()]), item(vec![raw])]);
    let refused = hear(&mut room, bytes);
    let raw = ManifestError::Tweak { item: 1, error: TweakError::Raw };
    assert_eq!(refused, Some(Offence::Manifest(raw)));
}

#[test]
fn strangers_sessions_leave_room_for_those_of_known_signers() {
    let mut room = Room::new(2, &Config::default());
    room.propose();
    room.settle();
    room.join = false;
    for number in 0..40 {
        let bytes =
            of_a_stranger(&mut room, [100 + number; 32], vec![Item::new(Message::new([1; 32]))]);
        assert_eq!(hear(&mut room, bytes), (number >= 32).then_some(Offence::NoRoom));
    }
    let session = room.create(1, room.proposal(1));
    room.execute(1, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.settle();
    assert!(room.nodes[0].session(&session).is_some());
}

#[test]
fn declined_sessions_leave_only_their_names() {
    let mut room = Room::new(1, &Config::default());
    room.join = false;
    for number in 0..200 {
        let bytes =
            of_a_stranger(&mut room, [number + 50; 32], vec![Item::new(Message::new([1; 32]))]);
        hear(&mut room, bytes.clone());
        let Some(Event::SessionDiscovered { session }) = room.events[0].last().cloned() else {
            panic!()
        };
        room.execute(0, Command::DeclineSession { session, reason: None });
        hear(&mut room, bytes);
        assert_eq!(room.nodes[0].sessions().count(), 0);
        room.now = room.now.saturating_add(seconds(1));
    }
}

#[test]
fn a_forged_announcement_of_a_known_session_is_reported_too() {
    let mut room = Room::new(1, &Config::default());
    room.join = false;
    let genuine = of_a_stranger(&mut room, [50; 32], vec![Item::new(Message::new([1; 32]))]);
    let mut forged = genuine.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(hear(&mut room, genuine.clone()), None);
    assert_eq!(hear(&mut room, forged.clone()), Some(Offence::BadSignature));
    let Some(Event::SessionDiscovered { session }) = room.events[0].last().cloned() else {
        panic!()
    };
    room.execute(0, Command::DeclineSession { session, reason: None });
    assert_eq!(hear(&mut room, genuine), None);
    assert_eq!(hear(&mut room, forged), Some(Offence::BadSignature));
}

#[test]
fn a_forged_summary_withholds_nothing_from_anyone_for_long() {
    let mut room = Room::new(3, &Config::default());
    // For now nothing from node 0 reaches node 2, so node 0 must later bring it what it lacks.
    let session = room.propose();
    let cut = cut(&mut room, |from, to| from == 0 && to == 2);
    cut.set(true);
    room.settle();
    // Somebody claims in each signer's name that it holds everything, now and for ever.
    let real = room.frames.iter().find_map(|(_, _, bytes)| {
        let frame: Frame = postcard::from_bytes(&bytes[1..]).unwrap();
        frame.have
    });
    let real = real.unwrap();
    let all =
        musig2_proto::wire::bitmap::Bitmap::new(3, (0..3).map(musig2_proto::SignerIndex::new));
    for signer in 0..3 {
        let boots: Vec<_> = room
            .frames
            .iter()
            .filter_map(|(_, _, bytes)| postcard::from_bytes::<Frame>(&bytes[1..]).unwrap().have)
            .filter(|have| have.signer.get() == signer)
            .map(|have| have.boot)
            .collect();
        for boot in boots {
            let have = Have {
                signer: musig2_proto::SignerIndex::new(signer),
                boot,
                sequence: u64::MAX,
                joins: all.clone(),
                nonces: all.clone(),
                partials: all.clone(),
                reach: all.clone(),
                ..real.clone()
            };
            let frame = Frame { have: Some(have), ..empty(session) };
            for node in 0..3 {
                room.handle(node, input(77, &frame));
            }
        }
    }
    cut.set(false);
    room.pass(seconds(30));
    for node in 0..3 {
        assert!(room.is_complete(node), "{node}: {:?}", room.nodes[node].session(&session));
    }
}

#[test]
fn a_join_that_was_lost_while_its_nonces_arrived_is_sent_again() {
    let config = Config::default().with_stepping(Stepping::Manual);
    let mut room = Room::new(3, &config);
    room.join = false;
    let session = room.propose();
    room.settle();
    room.execute(1, Command::JoinSession { session });
    room.settle();
    // Node 1 loses its memory and joins again. For a few seconds nothing that it sends arrives.
    let cut = cut(&mut room, |from, _| from == 1);
    forget(&mut room, 1, &config);
    cut.set(true);
    room.until(|room| room.nodes[1].session(&session).is_some());
    room.execute(1, Command::JoinSession { session });
    room.execute(2, Command::JoinSession { session });
    for node in 0..3 {
        room.execute(node, Command::ShareNonces { session });
    }
    room.pass(seconds(4));
    cut.set(false);
    for _ in 0..8 {
        room.pass(seconds(5));
        for node in 0..3 {
            // These are refused if it is too early, or if they are done.
            let _ = room.try_execute(node, Command::ShareNonces { session });
            let _ = room.try_execute(node, Command::SharePartialSignatures { session });
            let _ = room.try_execute(node, Command::FinalizeSession { session });
        }
    }
    for node in 0..3 {
        assert!(room.is_complete(node), "{:?}", room.nodes[node].session(&session));
    }
}

#[test]
fn others_announce_when_the_coordinator_no_longer_does() {
    let mut room = Room::new(3, &Config::default());
    room.lost = Box::new(|_, to| to == 2);
    room.propose();
    room.settle();
    room.nodes[0] = Node::new(Config::default()).unwrap();
    room.lost = Box::new(|_, _| false);
    room.pass(seconds(10));
    assert_eq!(room.nodes[2].sessions().count(), 1);
}

#[test]
fn a_finished_signer_without_a_contact_is_asked_where_it_sent_from() {
    let mut room = Room::new(2, &Config::default());
    room.execute(1, Command::SetContact(Contact::default()));
    let cut = cut(&mut room, |from, _| from == 1);
    room.propose();
    // What it sends at the end is lost.
    room.until(|room| {
        cut.set(room.is_complete(1));
        room.is_complete(1)
    });
    room.settle();
    cut.set(false);
    room.pass(seconds(30));
    assert!(room.is_complete(0), "{:?}", room.events[0]);
}

#[test]
fn a_contact_from_the_application_replaces_the_one_that_was_met() {
    let mut room = Room::new(2, &Config::default());
    room.propose();
    room.settle();
    let signer = room.keys[1];
    room.execute(0, Command::AddContact { signer, contact: contact(77) });
    let before = room.frames.len();
    room.lost = Box::new(|_, _| true);
    room.propose();
    assert!(room.frames.len() > before);
    assert!(room.frames[before..].iter().all(|(_, to, _)| *to == 77));
}

#[test]
fn a_signer_that_times_out_still_sends_what_it_released() {
    let impatient = Config::default().with_partial_sig_timeout(seconds(2));
    let mut room = Room::new(3, &Config::default());
    forget(&mut room, 1, &impatient);
    room.propose();
    let cut = cut(&mut room, |_, _| true);
    room.until(|room| room.has_all_nonces(1));
    cut.set(true);
    room.pass(seconds(5));
    let timed_out = AbortCause::TimedOut { phase: Phase::PartialSignatures, awaiting: Vec::new() };
    let [Event::SessionAborted { cause, released: true, .. }] = room.ends(1)[..] else {
        panic!("{:#?}", room.events[1])
    };
    assert_eq!(core::mem::discriminant(cause), core::mem::discriminant(&timed_out));
    cut.set(false);
    room.pass(seconds(30));
    for node in [0, 2] {
        assert!(room.is_complete(node), "{:?}", room.events[node]);
    }
}

#[test]
fn intervals_that_are_zero_or_would_overflow_are_refused() {
    for config in [
        Config::default().with_poll_interval(Duration::MAX),
        Config::default().with_announce_interval(Duration::MAX),
        Config::default().with_max_join_poll_interval(Duration::ZERO),
        Config::default().with_announce_instead(Duration::ZERO),
    ] {
        assert!(Node::new(config).is_err());
    }
}

#[test]
fn a_clock_set_back_by_an_hour_stops_nothing() {
    let mut room = Room::new(3, &Config::default());
    let cut = cut(&mut room, |_, _| true);
    room.propose();
    room.until(|room| room.has_all_nonces(1));
    cut.set(true);
    room.pass(seconds(8));
    cut.set(false);
    room.now = room.now.saturating_sub(seconds(3600));
    // A node learns the time when it is called: an adapter's timer runs by another clock.
    for node in 0..3 {
        room.handle(node, Input::Tick);
    }
    room.pass(seconds(20));
    for node in 0..3 {
        assert!(room.is_complete(node), "{:?}", room.events[node]);
    }
}
