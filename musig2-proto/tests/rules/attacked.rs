//! Declines, refusals and told signatures, if somebody holds back, repeats or invents messages.

use crate::common::forge::{empty, input, said, secret, sign};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::announcement::{Announcement, Publication};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::statement::{Body, Join, Statement};
use musig2_proto::wire::{decode_message, encode_message};
use musig2_proto::{
    AbortCause, Audience, Boot, Command, Config, Contact, DeclineReason, Event, Input,
    ManifestError, Message, Node, Note, Offence, Proposal, SessionId, SignerIndex, Timestamp,
};

const NO: DeclineReason = DeclineReason::Person;

/// A source that is none of the room's nodes.
const STRANGER: usize = 9;

fn place(room: &Room, node: usize, session: SessionId) -> SignerIndex {
    room.nodes[0].session(&session).unwrap().manifest.index_of(&room.keys[node]).unwrap()
}

fn frame(session: SessionId, statement: Statement) -> Frame {
    Frame { statements: List::new(vec![statement]).unwrap(), ..empty(session) }
}

/// Restarts a node without memory, except for its own contact.
fn forget(room: &mut Room, node: usize, config: Config) {
    room.nodes[node] = Node::new(config).unwrap();
    room.nodes[node].add_key(&secret(node as u8 + 1)).unwrap();
    room.events[node].clear();
    room.execute(node, Command::SetContact(contact(node)));
}

fn join_of(session: SessionId, signer: SignerIndex, key: u8) -> Statement {
    let (boot, contact) = (Boot::new([7; 16]), Contact::new(vec![1]).unwrap());
    sign(session, signer.get(), Body::Join(Join { boot, contact }), &secret(key))
}

fn announced(publication: &[u8]) -> Announcement {
    match decode_message(publication, 1 << 20).unwrap() {
        Publication::Announcement { announcement, .. } => announcement,
        other => panic!("{other:?}"),
    }
}

fn refused(room: &Room, node: usize) -> Vec<SessionId> {
    let of = |event: &Event| match event {
        Event::SessionRefused { session, .. } => Some(*session),
        _ => None,
    };
    room.events[node].iter().filter_map(of).collect()
}

/// Makes a session of three. Node 1 has declined it, lost its memory, and joined. After that its
/// proposer has lost its memory and resumed it. Returns it with that old decline.
fn resumed() -> (Room, SessionId, Statement) {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    room.lost = Box::new(|from, _| from == 1);
    room.execute(1, Command::DeclineSession { session, reason: Some(NO) });
    room.settle();
    let old = said(&room, 1, |body| matches!(body, Body::Decline(_)));
    forget(&mut room, 1, Config::default());
    let publication = Input::Announcement { from: source(0), bytes: room.publications[0].clone() };
    room.handle(1, publication);
    room.lost = Box::new(|_, _| false);
    room.execute(1, Command::JoinSession { session });
    room.settle();
    let announcement = room.nodes[0].announcement(&session).unwrap();
    forget(&mut room, 0, Config::default());
    room.execute(0, Command::ResumeSession { announcement });
    (room, session, old)
}

#[test]
fn a_decline_from_before_a_join_does_not_end_a_resumed_session() {
    let (mut room, session, old) = resumed();
    room.handle(0, input(STRANGER, &frame(session, old)));
    assert!(room.ends(0).is_empty(), "{:?}", room.ends(0));
    room.pass(Duration::from_secs(5));
    room.execute(2, Command::JoinSession { session });
    room.pass(Duration::from_secs(5));
    assert!((0..3).all(|node| room.is_complete(node)), "{:?}", room.ends(0));
}

#[test]
fn a_decline_ends_a_resumed_session_if_nobody_shows_a_join() {
    let (mut room, session, old) = resumed();
    room.lost = Box::new(|from, _| from != 0);
    room.handle(0, input(STRANGER, &frame(session, old)));
    room.pass(Duration::from_secs(20));
    let [Event::SessionAborted { cause, .. }] = room.ends(0)[..] else {
        panic!("{:?}", room.ends(0))
    };
    assert_eq!(*cause, AbortCause::SignerDeclined { signer: place(&room, 1, session), reason: NO });
}

/// Makes two nodes, the second of which only takes sessions of one item, and an announcement of a
/// session with two.
fn too_large() -> (Room, Announcement) {
    let mut room = Room::new(2, &Config::default());
    forget(&mut room, 1, Config::default().with_max_items(1));
    let session = room.create(0, room.proposal(2));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    let announcement = announced(&room.publications[0]);
    (room, announcement)
}

fn introducing(announcement: &Announcement) -> Frame {
    let session = announcement.content.manifest.id();
    Frame { announcement: Some(announcement.clone()), ..empty(session) }
}

#[test]
fn a_stranger_that_relays_a_session_is_not_sent_its_decline() {
    let (mut room, _) = too_large();
    // Its proposer does not say where it is.
    room.execute(0, Command::SetContact(Contact::default()));
    let session = room.create(0, room.proposal(2));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    let announcement = announced(room.publications.last().unwrap());
    room.handle(1, input(STRANGER, &introducing(&announcement)));
    assert_eq!(refused(&room, 1), [session]);
    room.execute(1, Command::DeclineSession { session, reason: Some(NO) });
    room.handle(1, input(STRANGER, &Frame { request: Request::Statements, ..empty(session) }));
    let mut sent = room.frames.iter().filter(|(from, ..)| *from == 1);
    let states =
        |bytes: &[u8]| !decode_message::<Frame>(bytes, 1 << 20).unwrap().statements.is_empty();
    assert!(!sent.any(|(.., bytes)| states(bytes)), "nobody knows where the proposer is");
}

#[test]
fn reports_do_not_show_whether_a_node_has_a_key_of_a_refused_session() {
    let (mut room, mut announcement) = too_large();
    let mut outsider = Node::new(Config::default().with_max_items(1)).unwrap();
    outsider.add_key(&secret(77)).unwrap();
    let mut bytes = announcement.signature.to_bytes();
    bytes[40] ^= 1;
    announcement.signature = musig2_proto::Signature::new(bytes);
    let input = input(STRANGER, &introducing(&announcement));
    // Goes on until the source has long used up what it may send.
    for _ in 0..2000 {
        let signer = room.nodes[1].handle(room.now, &mut room.rng, input.clone());
        let other = outsider.handle(room.now, &mut room.rng, input.clone());
        assert_eq!(signer, other);
    }
    assert!(refused(&room, 1).is_empty());
}

#[test]
fn repeated_expired_sessions_hide_no_newly_refused_session() {
    let mut room = Room::new(2, &Config::default().with_max_concurrent_sessions(64));
    forget(&mut room, 1, Config::default().with_max_items(1));
    room.lost = Box::new(|_, _| true);
    (0..20).for_each(|_| _ = room.propose());
    let end = room.nodes[0].sessions().map(|view| view.manifest.expires_at()).max().unwrap();
    let old: Vec<_> = room.publications.clone();
    room.settle();
    room.now = end;
    room.handle(0, Input::Tick);
    old.into_iter()
        .for_each(|bytes| room.handle(1, Input::Announcement { from: source(STRANGER), bytes }));
    assert!(!refused(&room, 1).is_empty(), "an application is told of them");
    let session = room.create(0, room.proposal(2));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    let bytes = room.publications.last().unwrap().clone();
    room.handle(1, Input::Announcement { from: source(STRANGER), bytes });
    assert_eq!(refused(&room, 1).last(), Some(&session));
}

#[test]
fn a_session_that_an_earlier_life_joined_is_not_reported_as_refused() {
    let (mut room, announcement) = too_large();
    let session = announcement.content.manifest.id();
    let join = join_of(session, place(&room, 1, session), 2);
    let frame = Frame { statements: List::new(vec![join]).unwrap(), ..introducing(&announcement) };
    room.handle(1, input(0, &frame));
    assert_eq!(refused(&room, 1), []);
    // A join that was not signed with this key hides nothing.
    let forged =
        sign(session, place(&room, 1, session).get(), frame.statements[0].body.clone(), &secret(9));
    let frame = Frame { statements: List::new(vec![forged]).unwrap(), ..frame };
    room.handle(1, input(0, &frame));
    assert_eq!(refused(&room, 1), [session]);
}

#[test]
fn a_refused_session_is_forgotten_even_if_it_claims_to_last_months() {
    let mut room = Room::new(2, &Config::default());
    let months = Duration::from_secs(3600 * 24 * 300);
    forget(&mut room, 0, Config::default().with_max_session_duration(months));
    let proposal = room.proposal(1).with_duration(months);
    let session = room.create(0, proposal);
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.lost = Box::new(|from, _| from == 1);
    room.settle();
    assert_eq!(refused(&room, 1), [session]);
    room.execute(1, Command::DeclineSession { session, reason: Some(DeclineReason::Unsupported) });
    let ask = input(0, &Frame { request: Request::Statements, ..empty(session) });
    let config = Config::default();
    let (longest, skew) = (config.max_session_duration, config.clock_skew);
    for (after, answers) in [(longest, 1), (skew * 2, 0)] {
        room.now = room.now.saturating_add(after);
        let before = room.frames.iter().filter(|(from, ..)| *from == 1).count();
        room.handle(1, ask.clone());
        assert_eq!(room.frames.iter().filter(|(from, ..)| *from == 1).count() - before, answers);
    }
}

/// Makes a session that all have signed, and takes node 1's memory away. Returns the session and
/// the command that tells a node its signatures.
fn signed() -> (Room, SessionId, Command) {
    let mut room = Room::new(2, &Config::default());
    let session = room.propose();
    room.settle();
    let [Event::SessionComplete { signatures, .. }] = room.ends(1)[..] else {
        panic!("{:?}", room.ends(1))
    };
    let signatures = signatures.clone();
    let announcement = room.nodes[1].announcement(&session).unwrap();
    room.join = false;
    forget(&mut room, 1, Config::default());
    (room, session, Command::TellSignatures { announcement, signatures })
}

#[test]
fn told_signatures_are_taken_whatever_state_the_session_is_in() {
    let publication =
        |room: &Room| Input::Announcement { from: source(0), bytes: room.publications[0].clone() };
    type Before = fn(&mut Room, SessionId);
    let before: [(&str, Before); 4] = [
        ("asked about", |_, _| {}),
        ("declined", |room, session| {
            room.execute(1, Command::DeclineSession { session, reason: Some(NO) });
        }),
        ("joined", |room, session| room.execute(1, Command::JoinSession { session })),
        ("aborted", |room, session| {
            room.execute(1, Command::JoinSession { session });
            room.execute(1, Command::AbortSession { session, reason: Note::new("no") });
        }),
    ];
    for (name, before) in before {
        let (mut room, session, tell) = signed();
        room.lost = Box::new(|_, _| true);
        let input = publication(&room);
        room.handle(1, input);
        before(&mut room, session);
        room.execute(1, tell.clone());
        let Command::TellSignatures { signatures, .. } = tell else { panic!() };
        let view = room.nodes[1].session(&session).unwrap();
        assert_eq!(view.signatures.as_ref(), Some(&signatures), "{name}");
        let told = room.events[1].iter().filter(|event| match event {
            Event::SessionComplete { signatures: told, .. }
            | Event::LateSignature { signatures: told, .. } => *told == signatures,
            _ => false,
        });
        assert_eq!(told.count(), 1, "{name}");
        assert!(room.nodes[1].announcement(&session).is_some(), "{name}");
        // A node that asks is answered.
        room.frames.clear();
        room.handle(1, self::input(0, &Frame { request: Request::Announcement, ..empty(session) }));
        assert!(room.frames.iter().any(|(from, ..)| *from == 1), "{name}");
    }
}

#[test]
fn told_signatures_that_are_false_are_refused_and_change_nothing() {
    let (mut room, session, tell) = signed();
    let Command::TellSignatures { announcement, signatures } = tell else { panic!() };
    let publication = Input::Announcement { from: source(0), bytes: room.publications[0].clone() };
    room.handle(1, publication.clone());
    room.execute(1, Command::DeclineSession { session, reason: None });
    let mut bytes = signatures[0].to_bytes();
    bytes[40] ^= 1;
    let wrong = vec![musig2_proto::Signature::new(bytes)];
    let refused = room.try_execute(1, Command::TellSignatures { announcement, signatures: wrong });
    assert_eq!(refused, Err(musig2_proto::CommandError::FalseSignatures(session)));
    room.events[1].clear();
    room.handle(1, publication);
    assert!(room.events[1].is_empty(), "it stays declined: {:?}", room.events[1]);
}

#[test]
fn a_strangers_long_sessions_evict_no_newer_decline() {
    let mut room = Room::new(1, &Config::default().with_discoveries_per_author(4096));
    let mut stranger = Node::new(Config::default().with_max_concurrent_sessions(4096)).unwrap();
    let key = stranger.add_key(&secret(50)).unwrap();
    let mut session_of = |room: &mut Room, number: u16, lasts: u64| {
        let mut message = [0; 32];
        message[..2].copy_from_slice(&number.to_be_bytes());
        let proposal = Proposal::new([key, room.keys[0]]).with_message(Message::new(message));
        let proposal = proposal.with_duration(Duration::from_secs(lasts));
        stranger.execute(room.now, &mut room.rng, Command::SetContact(contact(STRANGER))).unwrap();
        let outputs =
            stranger.execute(room.now, &mut room.rng, Command::CreateSession(proposal)).unwrap();
        let session = outputs.iter().find_map(|output| match output {
            musig2_proto::Output::Event(Event::SessionCreated { session }) => Some(*session),
            _ => None,
        });
        let session = session.unwrap();
        let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
        for output in stranger.execute(room.now, &mut room.rng, announce).unwrap() {
            if let musig2_proto::Output::Publish(bytes) = output {
                room.handle(0, Input::Announcement { from: source(STRANGER), bytes });
            }
        }
        stranger.execute(room.now, &mut room.rng, Command::GiveUp { session }).unwrap();
        room.execute(0, Command::DeclineSession { session, reason: Some(NO) });
        room.now = room.now.saturating_add(Duration::from_millis(100));
        session
    };
    room.join = false;
    (0..1024).for_each(|number| _ = session_of(&mut room, number, 600));
    let short = session_of(&mut room, 1024, 300);
    let answers = |room: &mut Room| {
        room.now = room.now.saturating_add(Duration::from_secs(2));
        let before = room.frames.len();
        room.handle(0, input(STRANGER, &Frame { request: Request::Statements, ..empty(short) }));
        room.frames.len() - before
    };
    assert_eq!(answers(&mut room), 1);
    session_of(&mut room, 1025, 600);
    assert_eq!(answers(&mut room), 1, "the newer one stays though it expires first");
}

#[test]
fn expired_sessions_are_reported_alike_with_a_key_and_without() {
    let (mut room, announcement) = too_large();
    let bytes = encode_message(&Publication::Announcement {
        announcement: announcement.clone(),
        fresh: [0; 8],
    });
    let mut outsider = Node::new(Config::default().with_max_items(1)).unwrap();
    outsider.add_key(&secret(77)).unwrap();
    let end: Timestamp = announcement.content.manifest.expires_at();
    room.now = end;
    for _ in 0..2000 {
        let input = Input::Announcement { from: source(STRANGER), bytes: bytes.clone() };
        let signer = room.nodes[1].handle(room.now, &mut room.rng, input.clone());
        let other = outsider.handle(room.now, &mut room.rng, input);
        let reports = |outputs: &[musig2_proto::Output]| {
            let report = |output: &musig2_proto::Output| match output {
                musig2_proto::Output::Report(report) => Some(report.offence.clone()),
                _ => None,
            };
            outputs.iter().filter_map(report).collect::<Vec<_>>()
        };
        assert_eq!(reports(&signer), reports(&other));
        assert!(matches!(reports(&other)[..], [Offence::Manifest(ManifestError::Over(_))]));
    }
}
