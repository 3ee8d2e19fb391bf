//! What a signer that does not take part says, and what the others do about it.

use crate::common::forge::{empty, input, said, secret, sign};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::statement::{Body, Decline, Statement};
use musig2_proto::{
    AbortCause, AbortReason, Command, Config, DeclineReason, Event, Input, ManifestError, Offence,
    OnDecline, Output, Phase, SessionId, SignerIndex,
};

const NO: DeclineReason = DeclineReason::Person;

/// Makes a room in which a session of all nodes is announced. Only its proposer has joined.
fn proposed(nodes: usize, config: &Config) -> (Room, SessionId) {
    let mut room = Room::new(nodes, config);
    room.join = false;
    let session = room.propose();
    room.settle();
    (room, session)
}

/// Gives the nodes one another's contacts, as if they had met before.
fn meet(room: &mut Room) {
    for (node, other) in
        (0..room.nodes.len()).flat_map(|node| (0..3).map(move |other| (node, other)))
    {
        if let Some(&signer) = room.keys.get(other).filter(|_| node != other) {
            room.execute(node, Command::AddContact { signer, contact: contact(other) });
        }
    }
}

fn decline(room: &mut Room, node: usize, session: SessionId) {
    room.execute(node, Command::DeclineSession { session, reason: Some(NO) });
    room.settle();
}

fn place(room: &Room, node: usize, session: SessionId) -> SignerIndex {
    room.nodes[0].session(&session).unwrap().manifest.index_of(&room.keys[node]).unwrap()
}

/// Returns which signers a node was told to have declined, and why.
fn declined(room: &Room, node: usize) -> Vec<(SignerIndex, DeclineReason)> {
    let of = |event: &Event| match event {
        Event::SignerDeclined { signer, reason, .. } => Some((*signer, *reason)),
        _ => None,
    };
    room.events[node].iter().filter_map(of).collect()
}

/// Returns which signers have declined and not joined, as a node sees its session.
fn decliners(room: &Room, node: usize, session: SessionId) -> Vec<(SignerIndex, DeclineReason)> {
    let view = room.nodes[node].session(&session).unwrap();
    view.declined.iter().map(|one| (one.signer, one.reason)).collect()
}

fn cause(room: &Room, node: usize) -> AbortCause {
    let [Event::SessionAborted { cause, .. }] = room.ends(node)[..] else {
        panic!("{:?}", room.ends(node))
    };
    cause.clone()
}

fn statements(room: &Room, node: usize) -> Vec<Statement> {
    let frames = room.frames.iter().filter(|(from, ..)| *from == node);
    let decoded = frames.map(|(.., bytes)| postcard::from_bytes::<Frame>(&bytes[1..]).unwrap());
    decoded.flat_map(|frame| frame.statements.to_vec()).collect()
}

fn frame(session: SessionId, statement: Statement) -> Frame {
    Frame { statements: List::new(vec![statement]).unwrap(), ..empty(session) }
}

#[test]
fn a_declined_session_ends_and_everyone_learns_who_declined_and_why() {
    let (mut room, session) = proposed(3, &Config::default());
    room.execute(1, Command::JoinSession { session });
    room.settle();
    let signer = place(&room, 2, session);
    decline(&mut room, 2, session);
    assert_eq!(declined(&room, 0), [(signer, NO)]);
    assert_eq!(cause(&room, 0), AbortCause::SignerDeclined { signer, reason: NO });
    assert_eq!(room.nodes[0].session(&session).unwrap().phase, Phase::Aborted);
    assert_eq!(decliners(&room, 0, session), [(signer, NO)]);
    let (by, reason) = (place(&room, 0, session), AbortReason::Declined { signer, reason: NO });
    assert_eq!(cause(&room, 1), AbortCause::BySigner { signer: by, reason });
    assert_eq!(cause(&room, 2), AbortCause::Declined);
    assert!(room.reports.iter().all(Vec::is_empty), "{:?}", room.reports);
}

#[test]
fn a_proposer_set_to_wait_is_told_of_a_decline_and_goes_on() {
    let config = Config::default().with_on_decline(OnDecline::Wait);
    let (mut room, session) = proposed(3, &config);
    meet(&mut room);
    let signer = place(&room, 2, session);
    decline(&mut room, 2, session);
    assert_eq!(declined(&room, 0), [(signer, NO)]);
    assert!(room.ends(0).is_empty());
    room.execute(1, Command::JoinSession { session });
    room.pass(Duration::from_secs(360));
    assert_eq!(declined(&room, 0).len(), 1, "once");
    assert!(
        matches!(cause(&room, 0), AbortCause::TimedOut { awaiting, .. } if awaiting == [signer])
    );
    assert_eq!(decliners(&room, 0, session), [(signer, NO)]);
    // Only the proposer is told.
    assert_eq!(declined(&room, 1), []);
}

#[test]
fn a_stranger_that_asks_about_a_declined_session_pays_and_learns_nothing() {
    let (mut room, session) = proposed(2, &Config::default().with_on_decline(OnDecline::Wait));
    meet(&mut room);
    room.lost = Box::new(|from, _| from == 1);
    decline(&mut room, 1, session);
    room.lost = Box::new(|_, _| false);
    assert!(declined(&room, 0).is_empty(), "it was lost");
    room.pass(Duration::from_secs(5));
    assert_eq!(declined(&room, 0).len(), 1, "the proposer's poll was answered");
    room.pass(Duration::from_secs(1));
    let ask = Frame { request: Request::Statements, ..empty(session) };
    let before = room.frames.len();
    (0..2000).for_each(|_| room.handle(1, input(9, &ask)));
    let answers = &room.frames[before..];
    assert_eq!(answers.len(), 1, "once a second");
    assert!(answers.iter().all(|(from, to, _)| *from == 1 && *to == 0));
    assert!(room.reports[1].iter().any(|report| report.offence == Offence::TooMany));
}

#[test]
fn an_application_may_decline_without_telling_anyone() {
    let (mut room, session) = proposed(2, &Config::default());
    room.execute(1, Command::DeclineSession { session, reason: None });
    room.pass(Duration::from_secs(60));
    assert!(statements(&room, 1).is_empty());
    assert!(room.ends(0).is_empty() && declined(&room, 0).is_empty());
}

#[test]
fn a_join_stands_even_if_an_older_decline_arrives_later() {
    let (mut room, session) = proposed(3, &Config::default());
    room.lost = Box::new(|from, _| from == 1);
    decline(&mut room, 1, session);
    let old = said(&room, 1, |body| matches!(body, Body::Decline(_)));
    // The signer lost its memory, was asked again, and joined.
    room.lost = Box::new(|_, _| false);
    let (signer, contact) = (old.author, musig2_proto::Contact::new(vec![1]).unwrap());
    let join = Body::Join(musig2_proto::wire::statement::Join {
        boot: musig2_proto::Boot::new([7; 16]),
        contact,
    });
    let join = sign(session, signer.get(), join, &secret(2));
    room.handle(0, input(1, &frame(session, join)));
    for node in 0..3 {
        room.handle(0, input(node, &frame(session, old.clone())));
    }
    assert!(declined(&room, 0).is_empty() && room.ends(0).is_empty());
    assert_eq!(room.nodes[0].session(&session).unwrap().declined, []);
}

#[test]
fn a_later_join_drops_a_decline() {
    let (mut room, session) = proposed(2, &Config::default().with_on_decline(OnDecline::Wait));
    let signer = place(&room, 1, session);
    decline(&mut room, 1, session);
    assert_eq!(decliners(&room, 0, session), [(signer, NO)]);
    let contact = musig2_proto::Contact::new(vec![1]).unwrap();
    let join = Body::Join(musig2_proto::wire::statement::Join {
        boot: musig2_proto::Boot::new([7; 16]),
        contact,
    });
    room.handle(0, input(1, &frame(session, sign(session, signer.get(), join, &secret(2)))));
    let view = room.nodes[0].session(&session).unwrap();
    assert_eq!((view.declined, view.joined.len()), (vec![], 2));
}

#[test]
fn nobody_can_decline_in_anothers_name() {
    let (mut room, session) = proposed(3, &Config::default());
    let signer = place(&room, 1, session);
    let forged = sign(session, signer.get(), Body::Decline(Decline { reason: NO }), &secret(3));
    room.handle(0, input(2, &frame(session, forged)));
    // Nobody can decline in the node's own name either.
    let own = sign(
        session,
        place(&room, 0, session).get(),
        Body::Decline(Decline { reason: NO }),
        &secret(1),
    );
    room.handle(0, input(2, &frame(session, own)));
    assert!(declined(&room, 0).is_empty() && room.ends(0).is_empty());
    assert_eq!(
        room.reports[0].iter().map(|report| &report.offence).collect::<Vec<_>>(),
        [&Offence::BadSignature]
    );
}

#[test]
fn a_decline_costs_one_check_and_a_repeated_one_none() {
    let (mut room, session) = proposed(2, &Config::default().with_on_decline(OnDecline::Wait));
    decline(&mut room, 1, session);
    let real = said(&room, 1, |body| matches!(body, Body::Decline(_)));
    let other = sign(
        session,
        real.author.get(),
        Body::Decline(Decline { reason: DeclineReason::Busy }),
        &secret(2),
    );
    for statement in [real, other] {
        (0..2000).for_each(|_| room.handle(0, input(9, &frame(session, statement.clone()))));
    }
    assert!(room.reports[0].is_empty(), "{:?}", room.reports[0]);
    assert_eq!(
        decliners(&room, 0, session),
        [(place(&room, 1, session), NO)],
        "the first word stands"
    );
}

/// Returns for which errors node 1 refused sessions.
fn refused(room: &Room) -> Vec<ManifestError> {
    let of = |event: &Event| match event {
        Event::SessionRefused { error, .. } => Some(ManifestError::clone(error)),
        _ => None,
    };
    room.events[1].iter().filter_map(of).collect()
}

#[test]
fn an_application_may_decline_a_session_beyond_its_nodes_limits() {
    for reason in [None, Some(DeclineReason::Unsupported)] {
        let mut room = Room::new(2, &Config::default());
        room.nodes[1] = musig2_proto::Node::new(Config::default().with_max_items(1)).unwrap();
        room.nodes[1].add_key(&secret(2)).unwrap();
        let session = room.create(0, room.proposal(2));
        let audience = musig2_proto::Audience::Everyone;
        room.execute(0, Command::AnnounceSession { session, audience });
        room.settle();
        assert_eq!(refused(&room), [ManifestError::TooManyItems { got: 2, max: 1 }]);
        assert!(statements(&room, 1).is_empty(), "nothing is said before the application says so");
        room.execute(1, Command::DeclineSession { session, reason });
        room.settle();
        match reason {
            Some(reason) => {
                let signer = place(&room, 1, session);
                assert_eq!(cause(&room, 0), AbortCause::SignerDeclined { signer, reason });
            }
            None => assert!(statements(&room, 1).is_empty() && room.ends(0).is_empty()),
        }
    }
}

/// Returns what node 0 knows if node 1's clock is this many seconds from its own, and node 1's
/// application has it told.
fn with_clock_off_by(seconds: i64) -> (Room, SessionId) {
    let mut room = Room::new(2, &Config::default());
    let session = room.propose();
    let publication = Input::Announcement { from: source(0), bytes: room.publications[0].clone() };
    let off = Duration::from_secs(seconds.unsigned_abs());
    let now = if seconds < 0 { room.now.saturating_sub(off) } else { room.now.saturating_add(off) };
    let outputs = room.nodes[1].handle(now, &mut room.rng, publication);
    let is_refused =
        outputs.iter().any(|output| matches!(output, Output::Event(Event::SessionRefused { .. })));
    if is_refused {
        let reason = Some(DeclineReason::Clock { time: now });
        let order = Command::DeclineSession { session, reason };
        for output in room.nodes[1].execute(now, &mut room.rng, order).unwrap() {
            if let Output::Send { bytes, .. } = output {
                room.handle(0, Input::Frame { from: source(1), bytes });
            }
        }
    }
    (room, session)
}

#[test]
fn a_clock_decline_ends_a_session_unless_its_time_will_come() {
    for seconds in [-29, 299] {
        let (room, _) = with_clock_off_by(seconds);
        assert!(declined(&room, 0).is_empty(), "{seconds} s are no reason");
    }
    for (seconds, ends) in [(-41, false), (-320, false), (-331, true), (301, true), (86_400, true)]
    {
        let (room, session) = with_clock_off_by(seconds);
        let [(signer, DeclineReason::Clock { time })] = declined(&room, 0)[..] else {
            panic!("{seconds}")
        };
        assert_eq!(signer, place(&room, 1, session));
        assert_eq!(time.as_millis() as i64 - room.now.as_millis() as i64, seconds * 1000);
        assert_eq!(!room.ends(0).is_empty(), ends, "{seconds} s");
    }
}

#[test]
fn a_session_declined_for_a_late_clock_is_signed_once_its_time_comes() {
    let (mut room, session) = with_clock_off_by(-41);
    let publication = Input::Announcement { from: source(0), bytes: room.publications[0].clone() };
    room.pass(Duration::from_secs(11));
    room.handle(1, publication);
    room.settle();
    room.pass(Duration::from_secs(10));
    assert!(
        matches!(room.ends(0)[..], [Event::SessionComplete { session: of, .. }] if *of == session)
    );
}

#[test]
fn another_reason_replaces_only_a_decline_because_of_a_clock() {
    let (mut room, session) = with_clock_off_by(-41);
    let signer = place(&room, 1, session);
    let first = declined(&room, 0)[0];
    let clock = DeclineReason::Clock { time: musig2_proto::Timestamp::from_millis(9) };
    for reason in [clock, NO] {
        let statement = sign(session, signer.get(), Body::Decline(Decline { reason }), &secret(2));
        room.handle(0, input(1, &frame(session, statement)));
    }
    assert_eq!(declined(&room, 0), [first, (signer, NO)]);
    assert_eq!(cause(&room, 0), AbortCause::SignerDeclined { signer, reason: NO });
}

#[test]
fn a_decline_of_a_queued_session_is_sent_to_its_proposer() {
    let mut room = Room::new(2, &Config::default().with_on_decline(OnDecline::Wait));
    room.nodes[1] =
        musig2_proto::Node::new(Config::default().with_max_concurrent_sessions(1)).unwrap();
    room.nodes[1].add_key(&secret(2)).unwrap();
    meet(&mut room);
    room.join = false;
    let [first, second] = [room.propose(), room.propose()];
    room.settle();
    // The first stays open for as long as nobody hears of the join.
    room.lost = Box::new(|from, _| from == 1);
    room.execute(1, Command::JoinSession { session: first });
    room.execute(1, Command::JoinSession { session: second });
    assert!(room.nodes[1].session(&second).unwrap().is_queued);
    decline(&mut room, 1, second);
    room.lost = Box::new(|_, _| false);
    room.pass(Duration::from_secs(5));
    assert_eq!(declined(&room, 0), [(place(&room, 1, second), NO)]);
}

#[test]
fn a_proposer_that_gives_up_names_the_missing_and_tells_the_others() {
    let (mut room, session) = proposed(3, &Config::default());
    meet(&mut room);
    room.execute(1, Command::JoinSession { session });
    room.settle();
    let (awaited, proposer) = (place(&room, 2, session), place(&room, 0, session));
    room.execute(0, Command::GiveUp { session });
    room.settle();
    assert_eq!(
        cause(&room, 0),
        AbortCause::TimedOut { phase: Phase::Joining, awaiting: vec![awaited] }
    );
    let told = AbortCause::BySigner { signer: proposer, reason: AbortReason::TimedOut };
    assert_eq!(cause(&room, 1), told);
    assert!(room.events[2].contains(&Event::SessionWithdrawn { session, cause: told }));
    let refused = room.nodes[2].execute(room.now, &mut room.rng, Command::GiveUp { session });
    assert!(matches!(refused, Err(musig2_proto::CommandError::NotJoined(_))));
}
