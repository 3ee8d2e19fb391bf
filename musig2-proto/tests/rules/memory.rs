//! What a node remembers of sessions that have ended, for how long, and what makes room.

use crate::common::engine::{Copyable, Failing, fail_at};
use crate::common::forge::{empty, input, nonces, secret};
use crate::common::{Room, RoomOf, contact, source};
use core::time::Duration;
use musig2_proto::wire::announcement::{Announcement, Publication};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::{decode_message, encode_message};
use musig2_proto::{
    Audience, Command, CommandError, Config, Event, Input, Message, Node, Output, Proposal,
    PublicKey, SessionId,
};

/// Makes a node of a signer that is not in the room.
fn stranger(number: u8) -> Node {
    let mut node = Node::new(Config::default()).unwrap();
    node.add_key(&secret(number)).unwrap();
    node
}

/// Makes a session with this other signer over this message. Returns the announcement that its
/// proposer publishes.
fn announce(
    room: &mut Room,
    proposer: &mut Node,
    other: PublicKey,
    message: u8,
) -> (SessionId, Input) {
    let keys = proposer.public_keys().chain([other]).collect::<Vec<_>>();
    let proposal = Proposal::new(keys).with_message(Message::new([message; 32]));
    let created =
        proposer.execute(room.now, &mut room.rng, Command::CreateSession(proposal)).unwrap();
    let [Output::Event(Event::SessionCreated { session })] = created[..] else {
        panic!("{created:?}")
    };
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    let outputs = proposer.execute(room.now, &mut room.rng, announce).unwrap();
    let published = outputs.into_iter().find_map(|output| match output {
        Output::Publish(bytes) => Some(Input::Announcement { from: source(66), bytes }),
        _ => None,
    });
    (session, published.unwrap())
}

/// Returns the publication of an announcement that an application kept.
fn published(kept: &[u8]) -> Input {
    let announcement: Announcement = decode_message(kept, kept.len()).unwrap();
    let bytes = encode_message(&Publication::Announcement { fresh: [1; 8], announcement });
    Input::Announcement { from: source(66), bytes }
}

fn discovered(room: &Room, node: usize) -> usize {
    room.events[node]
        .iter()
        .filter(|event| matches!(event, Event::SessionDiscovered { .. }))
        .count()
}

#[test]
fn a_joined_session_is_never_joined_again_however_full_memory_is() {
    let config = Config::default().with_discoveries_per_author(10_000).with_source_burst(100_000);
    let mut room = Room::new(2, &config);
    room.lost = Box::new(|_, _| true);
    let mut first = None;
    // Each ends with a proof of 4,096 nonces in a session of one item. Together they need more
    // memory than there is.
    for _ in 0..141 {
        let session = room.propose();
        let view = room.nodes[0].session(&session).unwrap();
        let accused = view.manifest.index_of(&room.keys[1]).unwrap();
        first.get_or_insert_with(|| (session, room.nodes[0].announcement(&session).unwrap()));
        let wrong = nonces(session, accused.get(), 7, 4096, &secret(2)).statement();
        let statements = List::new(vec![wrong]).unwrap();
        room.handle(0, input(66, &Frame { statements, ..empty(session) }));
    }
    let (session, kept) = first.unwrap();
    assert!(room.nodes[0].session(&session).is_none(), "it had to make room");
    // These sessions are declined, and expire later.
    room.join = false;
    room.now = room.now.saturating_add(Duration::from_secs(1));
    let me = room.keys[0];
    let mut author = stranger(60);
    for number in 0..5_003_u32 {
        let (session, heard) = announce(&mut room, &mut author, me, number as u8);
        room.now = room.now.saturating_add(Duration::from_millis(10));
        room.handle(0, heard);
        room.execute(0, Command::DeclineSession { session, reason: None });
        author
            .execute(
                room.now,
                &mut room.rng,
                Command::AbortSession { session, reason: Default::default() },
            )
            .unwrap();
    }
    assert_eq!(discovered(&room, 0), 5_003);
    room.handle(0, published(&kept));
    assert_eq!(discovered(&room, 0), 5_003);
    for command in [Command::ResumeSession { announcement: kept }, Command::JoinSession { session }]
    {
        assert_eq!(room.try_execute(0, command), Err(CommandError::Ended(session)));
    }
}

#[test]
fn a_name_is_remembered_until_nobody_can_sign_its_session() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    let kept = room.nodes[0].announcement(&session).unwrap();
    let expiry = room.nodes[0].session(&session).unwrap().manifest.expires_at();
    room.execute(0, Command::AbortSession { session, reason: Default::default() });
    for (at, error) in [
        (expiry.saturating_add(Duration::from_millis(59_999)), CommandError::Ended(session)),
        (expiry.saturating_add(Duration::from_secs(600)), CommandError::UnknownSession(session)),
    ] {
        room.now = at;
        room.execute(0, Command::Cleanup);
        assert_eq!(room.try_execute(0, Command::JoinSession { session }), Err(error));
    }
    assert!(matches!(
        room.try_execute(0, Command::ResumeSession { announcement: kept }),
        Err(CommandError::Announcement(_))
    ));
}

#[test]
fn a_node_that_can_remember_no_more_names_joins_no_more_sessions() {
    let mut room = Room::new(2, &Config::default().with_max_joined_names(3));
    let end = |room: &mut Room| {
        let session = room.propose();
        room.settle();
        assert!(room.ends(0).iter().any(|end| end.session() == session));
    };
    (0..3).for_each(|_| end(&mut room));
    let create = Command::CreateSession(room.proposal(1));
    assert_eq!(room.try_execute(0, create.clone()), Err(CommandError::TooManyJoined(3)));
    // A session that another signer proposed counts as much as an own one.
    room.nodes[0] = Node::new(Config::default()).unwrap();
    room.nodes[0].add_key(&secret(1)).unwrap();
    room.join = false;
    let session = room.propose();
    room.settle();
    assert_eq!(
        room.try_execute(1, Command::JoinSession { session }),
        Err(CommandError::TooManyJoined(3))
    );
    room.pass(Duration::from_secs(660));
    room.execute(1, create);
}

#[test]
fn valid_signatures_end_an_unjoined_session_and_leave_only_its_name() {
    let mut room = Room::new(2, &Config::default());
    let joined = room.propose();
    room.settle();
    let Event::SessionComplete { signatures, .. } = room.ends(1)[0].clone() else { panic!() };
    assert!(room.nodes[1].session(&joined).is_some(), "what this node consented to");
    room.join = false;
    for number in 2..4 {
        let session = room.propose();
        room.settle();
        assert!(room.nodes[1].session(&session).is_some());
        let signatures = Some(List::new(signatures.clone()).unwrap());
        room.handle(1, input(66, &Frame { signatures, ..empty(session) }));
        assert!(
            matches!(room.ends(1)[..], [.., Event::SessionComplete { session: of, .. }] if *of == session)
        );
        assert!(room.nodes[1].session(&session).is_none());
        room.pass(Duration::from_secs(5));
        assert_eq!(discovered(&room, 1), number, "and not again");
        let join = Command::JoinSession { session };
        assert_eq!(room.try_execute(1, join), Err(CommandError::Ended(session)));
    }
}

#[test]
fn a_signer_without_memory_is_shown_its_join_with_the_signatures() {
    let mut room = Room::new(2, &Config::default());
    let session = room.propose();
    room.settle();
    assert!(room.is_complete(0) && room.is_complete(1));
    room.nodes[1] = Node::new(Config::default()).unwrap();
    room.nodes[1].add_key(&secret(2)).unwrap();
    room.events[1].clear();
    room.execute(1, Command::SetContact(contact(1)));
    room.join = false;
    room.execute(1, Command::SayHello);
    room.settle();
    assert!(room.is_complete(1));
    // Its application can look up what it needs to know of the session.
    let view = room.nodes[1].session(&session).unwrap();
    assert!(view.signatures.is_some() && view.joined.contains(&view.me));
}

#[test]
fn a_session_that_cannot_be_resumed_leaves_nothing_behind() {
    let mut room = RoomOf::<Copyable>::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    let kept = room.nodes[0].announcement(&session).unwrap();
    room.nodes[0] = Node::with_engine(Config::default()).unwrap();
    room.nodes[0].add_key(&secret(1)).unwrap();
    let resume = Command::ResumeSession { announcement: kept };
    fail_at(Some(Failing::Statements));
    assert_eq!(room.try_execute(0, resume.clone()), Err(CommandError::CannotSign));
    fail_at(None);
    assert!(room.nodes[0].session(&session).is_none() && room.nodes[0].next_deadline().is_none());
    room.execute(0, resume);
    assert!(room.nodes[0].session(&session).is_some());
}

/// Makes two nodes that have signed this many sessions and have one open session.
fn with_ended(count: usize) -> (Room, SessionId) {
    let config = Config::default().with_source_burst(100_000).with_discoveries_per_author(10_000);
    let mut room = Room::new(2, &config);
    for _ in 0..count {
        room.propose();
        room.settle();
        room.frames.clear();
        room.publications.clear();
    }
    assert_eq!(room.ends(0).len(), count);
    room.join = false;
    let live = room.propose();
    room.settle();
    room.frames.clear();
    (room, live)
}

/// Returns what signer 1, which has lost its memory, publishes this long after it started.
fn hello(room: &mut Room, after: Duration) -> Input {
    let mut node = Node::new(Config::default()).unwrap();
    node.add_key(&secret(2)).unwrap();
    node.execute(room.now.saturating_sub(after), &mut room.rng, Command::SetContact(contact(1)))
        .unwrap();
    // The node is called every half minute: if it were not called for longer than anyone sleeps, it
    // would take its clock for another one.
    (0..after.as_secs().div_ceil(30)).rev().for_each(|half_minutes| {
        let at = room.now.saturating_sub(Duration::from_secs(30) * half_minutes as u32);
        node.handle(at, &mut room.rng, Input::Tick);
    });
    let outputs = node.execute(room.now, &mut room.rng, Command::SayHello).unwrap();
    let [Output::Publish(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
    Input::Announcement { from: source(9), bytes: bytes.clone() }
}

/// Returns how many frames of the live session and of ended ones node 0 has sent to signer 1, and
/// whether the live one came first.
fn told(room: &mut Room, live: SessionId) -> (usize, usize, bool) {
    let of = room.frames.drain(..).filter(|(from, to, _)| (*from, *to) == (0, 1));
    let sessions: Vec<_> =
        of.map(|(.., bytes)| postcard::from_bytes::<Frame>(&bytes[1..]).unwrap().session).collect();
    let alive = sessions.iter().filter(|session| **session == live).count();
    (alive, sessions.len() - alive, sessions.first() == Some(&live))
}

#[test]
fn a_hello_brings_live_sessions_first_and_ended_ones_at_a_limited_rate() {
    let (mut room, live) = with_ended(1000);
    room.lost = Box::new(|_, _| true);
    let said = hello(&mut room, Duration::ZERO);
    room.handle(0, said);
    let (alive, mut ended, is_first) = told(&mut room, live);
    assert!(alive > 0 && is_first && ended < 16, "{alive} of the live one, {ended} of others");
    for second in 1..=70 {
        // It says hello every second.
        let said = hello(&mut room, Duration::from_secs(second));
        room.handle(0, said);
        room.pass(Duration::from_secs(1));
        let (alive, more, _) = told(&mut room, live);
        assert!(alive + more <= 20, "{alive} and {more} frames in second {second}");
        ended += more;
    }
    assert!((1000..=1070).contains(&ended), "each is told: {ended}");
}

#[test]
fn a_signer_is_not_told_of_what_it_cannot_have_forgotten() {
    // Each session was created a moment ago, and clocks may differ by half a minute.
    for (after, count) in [(0, 5), (29, 5), (31, 0), (600, 0)] {
        let (mut room, live) = with_ended(5);
        room.lost = Box::new(|_, _| true);
        let said = hello(&mut room, Duration::from_secs(after));
        room.handle(0, said);
        let (alive, ended, _) = told(&mut room, live);
        assert!(alive > 0 && ended == count, "remembers for {after} s: {ended}");
    }
}

#[test]
fn a_lost_answer_to_a_hello_is_repeated_less_and_less_often() {
    let (mut room, live) = with_ended(1);
    room.lost = Box::new(|_, _| true);
    let start = room.now;
    let mut answered = Vec::new();
    let mut node = Node::new(Config::default()).unwrap();
    node.add_key(&secret(2)).unwrap();
    node.execute(start, &mut room.rng, Command::SetContact(contact(1))).unwrap();
    node.execute(start, &mut room.rng, Command::SayHello).unwrap();
    for second in 0..200 {
        if second % 5 == 0 {
            let outputs = node.execute(room.now, &mut room.rng, Command::SayHello).unwrap();
            for output in outputs {
                let Output::Publish(bytes) = output else { continue };
                room.handle(0, Input::Announcement { from: source(9), bytes });
            }
        }
        room.pass(Duration::from_secs(1));
        if told(&mut room, live).1 > 0 {
            answered.push(second);
        }
    }
    assert_eq!(answered, [0, 15, 45, 105, 165]);
}
