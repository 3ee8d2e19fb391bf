//! What a node takes on is bounded, and a session that has ended makes room at once.

use crate::common::forge::{empty, input};
use crate::common::{Room, source};
use core::time::Duration;
use musig2_proto::wire::VERSION;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::hello::{Hello, HelloContent};
use musig2_proto::wire::statement::{Abort, AbortReason, Body, Statement};
use musig2_proto::{
    Audience, Boot, Command, Config, Contact, Event, Input, ManifestError, Message, Offence,
    Output, Proposal, SessionId, Severity, Signature, SignerIndex, Timestamp,
};

#[test]
fn an_eleventh_session_runs_after_ten_have_finished() {
    let mut room = Room::new(2, &Config::default());
    for number in 1..=11 {
        room.propose();
        room.settle();
        assert_eq!(room.ends(0).len(), number);
        assert_eq!(room.ends(1).len(), number);
    }
}

#[test]
fn the_sessions_of_one_author_that_await_approval_are_bounded() {
    let config =
        Config::default().with_max_concurrent_sessions(100).with_max_discovered_per_author(3);
    let mut room = Room::new(3, &config);
    room.join = false;
    for author in [0, 0, 0, 0, 1] {
        let session = room.create(author, room.proposal(1));
        room.execute(author, Command::AnnounceSession { session, audience: Audience::Everyone });
    }
    room.settle();
    assert_eq!(room.nodes[2].sessions().count(), 4);
    let offences: Vec<_> = room.reports[2].iter().map(|report| &report.offence).collect();
    assert!(
        !offences.is_empty() && offences.iter().all(|&offence| *offence == Offence::NoRoom),
        "{offences:?}"
    );
}

#[test]
fn a_signed_session_from_the_future_is_reported_once_a_minute() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    room.settle();
    let (bytes, start, proposer) = (room.publications[0].clone(), room.now, room.keys[0]);
    let mut forged = bytes.clone();
    *forged.last_mut().unwrap() ^= 1;
    let mut told = |now: Timestamp, bytes: &Vec<u8>| {
        let input = Input::Announcement { from: source(9), bytes: bytes.clone() };
        let outputs = room.nodes[1].handle(now, &mut room.rng, input);
        let told = outputs.iter().filter_map(|output| match output {
            Output::Event(Event::SessionRefused { session, proposer, error }) => {
                Some((*session, *proposer, ManifestError::clone(error)))
            }
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let in_future = |seconds| ManifestError::InFuture(Duration::from_secs(seconds));
    let before = |seconds| start.saturating_sub(Duration::from_secs(seconds));
    assert_eq!(told(before(100), &forged), []);
    assert_eq!(told(before(100), &bytes), [(session, proposer, in_future(100))]);
    for seconds in [99, 60, 41] {
        assert_eq!(told(before(seconds), &bytes), [], "it was told");
    }
    assert_eq!(told(before(40), &bytes), [(session, proposer, in_future(40))]);
    assert_eq!(told(before(30), &bytes), []);
}

#[test]
fn reports_of_refused_sessions_are_bounded_and_spare_known_proposers() {
    const PROPOSERS: usize = 18;
    let mut room = Room::new(PROPOSERS + 1, &Config::default());
    room.lost = Box::new(|_, _| true);
    // The last of them is not a stranger, although its contact is empty.
    let signer = room.keys[PROPOSERS - 1];
    room.execute(PROPOSERS, Command::AddContact { signer, contact: Contact::default() });
    let early = room.now.saturating_sub(Duration::from_secs(100));
    let mut told = [0; PROPOSERS];
    for (proposer, told) in told.iter_mut().enumerate() {
        for _ in 0..9 {
            let proposal = Proposal::new([room.keys[proposer], room.keys[PROPOSERS]]);
            let session = room.create(proposer, proposal.with_message(Message::new([1; 32])));
            room.execute(
                proposer,
                Command::AnnounceSession { session, audience: Audience::Everyone },
            );
            let bytes = room.publications.last().unwrap().clone();
            let input = Input::Announcement { from: source(proposer), bytes };
            let outputs = room.nodes[PROPOSERS].handle(early, &mut room.rng, input);
            let is_told = |output: &&Output| matches!(output, Output::Event(Event::SessionRefused { session: of, .. }) if *of == session);
            *told += outputs.iter().filter(is_told).count();
        }
    }
    assert_eq!((&told[..16], &told[16..]), ([8; 16].as_slice(), [0, 8].as_slice()));
}

#[test]
fn an_announcement_is_taken_only_in_its_time() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    room.propose();
    room.settle();
    room.lost = Box::new(|_, _| false);
    let bytes = room.publications[0].clone();
    let start = room.now;
    let offence = |room: &mut Room, now: Timestamp| {
        let input = Input::Announcement { from: source(0), bytes: bytes.clone() };
        let outputs = room.nodes[1].handle(now, &mut room.rng, input);
        outputs.into_iter().find_map(|output| match output {
            Output::Report(report) => Some(report.offence),
            Output::Event(Event::SessionDiscovered { .. } | Event::SessionRefused { .. }) => None,
            other => panic!("{other:?}"),
        })
    };
    let late = start.saturating_add(Duration::from_secs(300));
    assert!(matches!(offence(&mut room, late), Some(Offence::Manifest(ManifestError::Over(_)))));
    let early = start.saturating_sub(Duration::from_secs(31));
    assert!(matches!(
        offence(&mut room, early),
        Some(Offence::Manifest(ManifestError::InFuture(_)))
    ));
    let skewed = start.saturating_sub(Duration::from_secs(30));
    assert_eq!(offence(&mut room, skewed), None);
    assert_eq!(room.nodes[1].sessions().count(), 1);
}

#[test]
fn a_session_that_nobody_joined_in_time_is_not_discovered_again() {
    let mut room = Room::new(2, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    room.pass(Config::default().announcement_ttl);
    assert_eq!(room.ends(1).len(), 1, "{:?}", room.events[1]);
    let announcement = room.nodes[0].announcement(&session).unwrap();
    let announcement = Some(postcard::from_bytes(&announcement[1..]).unwrap());
    room.handle(1, input(0, &Frame { announcement, ..empty(session) }));
    room.pass(Duration::from_secs(600));
    assert_eq!(room.ends(1).len(), 1, "{:?}", room.events[1]);
}

#[test]
fn garbage_is_reported_and_changes_nothing() {
    let mut room = Room::new(2, &Config::default());
    let mut report = |input: Input| {
        let outputs = room.nodes[0].handle(room.now, &mut room.rng, input);
        let [Output::Report(report)] = &outputs[..] else { panic!("{outputs:?}") };
        assert_eq!(report.source, source(1));
        (report.offence.clone(), report.offence.severity())
    };
    let frame = |bytes: Vec<u8>| Input::Frame { from: source(1), bytes };
    let announcement = |bytes: Vec<u8>| Input::Announcement { from: source(1), bytes };
    for input in [frame, announcement] {
        assert_eq!(report(input(vec![])), (Offence::Malformed, Severity::Malicious));
        assert_eq!(report(input(vec![2, 0])), (Offence::Version(2), Severity::Benign));
        assert_eq!(report(input(vec![VERSION; 100])), (Offence::Malformed, Severity::Malicious));
        let size = (1 << 20) + 1;
        let large = (Offence::TooLarge { size, max: 1 << 20 }, Severity::Suspicious);
        assert_eq!(report(input(vec![VERSION; size])), large);
    }
}

#[test]
fn an_announcement_with_a_changed_byte_makes_no_session() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    room.propose();
    room.settle();
    let bytes = room.publications[0].clone();
    // The first ten bytes are the version, the kind and `fresh`, which nobody signed.
    for at in 10..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        room.handle(1, Input::Announcement { from: source(0), bytes: changed });
    }
    assert_eq!(room.nodes[1].sessions().count(), 0);
    assert_eq!(room.reports[1].len(), bytes.len() - 10);
    room.handle(1, Input::Announcement { from: source(0), bytes });
    assert_eq!(room.nodes[1].sessions().count(), 1);
}

#[test]
fn few_frames_of_unknown_sessions_are_kept_and_two_senders_asked() {
    let mut room = Room::new(1, &Config::default());
    let push = |session: u16| {
        let mut id = [7; 32];
        id[..2].copy_from_slice(&session.to_le_bytes());
        empty(SessionId::new(id))
    };
    let mut deliver = |from: usize, frame: Frame| {
        room.nodes[0].handle(room.now, &mut room.rng, input(from, &frame))
    };
    // Of one session: the first two senders are asked, once each.
    let asked =
        [1, 1, 2, 3].map(|from| matches!(deliver(from, push(0))[..], [Output::Send { .. }]));
    assert_eq!(asked, [true, false, true, false]);
    // Of many sessions from one sender: no more than eight are kept.
    let reported = (1..200)
        .filter(|&session| matches!(deliver(5, push(session))[..], [Output::Report(_)]))
        .count();
    assert_eq!(reported, 199 - 8);
}

fn statements(session: SessionId, statements: Vec<Statement>) -> Input {
    input(1, &Frame { statements: List::new(statements).unwrap(), ..empty(session) })
}

fn unsigned(number: u64) -> Statement {
    let mut boot = [0; 16];
    boot[..8].copy_from_slice(&number.to_le_bytes());
    let abort = Abort { boot: Boot::new(boot), reason: AbortReason::Convicted, proof: None };
    let (author, signature) = (SignerIndex::new(0), Signature::new([0; 64]));
    Statement { author, body: Body::Abort(abort), signature }
}

#[test]
fn the_signatures_of_a_source_that_are_checked_are_bounded() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    for number in 0..1010 {
        room.handle(0, statements(session, vec![unsigned(number)]));
    }
    let of = |room: &Room, offence| {
        room.reports[0].iter().filter(|report| report.offence == offence).count()
    };
    assert_eq!((of(&room, Offence::BadSignature), of(&room, Offence::TooMany)), (1000, 10));
    // A second later there are two hundred more checks. One frame uses them up, and is given up at
    // the first signature too many.
    room.now = room.now.saturating_add(Duration::from_secs(1));
    room.handle(0, statements(session, (2000..2300).map(unsigned).collect()));
    assert_eq!(room.reports[0].len(), 1011);
    room.handle(0, statements(session, vec![unsigned(3000)]));
    assert_eq!(of(&room, Offence::TooMany), 11);
}

#[test]
fn the_publications_of_a_relay_that_are_checked_are_bounded() {
    let mut room = Room::new(2, &Config::default());
    let (signer, time) = (room.keys[1], room.now);
    let contact = Contact::new(vec![1]).unwrap();
    let content = HelloContent { signer, contact, time, since: time };
    let hello = Hello { content, signature: Signature::new([0; 64]) };
    let publication = Publication::Hello { fresh: [0; 8], hello };
    let bytes = [&[VERSION][..], &postcard::to_allocvec(&publication).unwrap()].concat();
    for _ in 0..1010 {
        room.handle(0, Input::Announcement { from: source(1), bytes: bytes.clone() });
    }
    let of = |offence| room.reports[0].iter().filter(|report| report.offence == offence).count();
    assert_eq!((of(Offence::BadSignature), of(Offence::Busy)), (1000, 10));
}

#[test]
fn false_signatures_do_not_complete_a_session() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.create(0, room.proposal(2));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    for count in 0..4 {
        let signatures = Some(List::new(vec![Signature::new([7; 64]); count]).unwrap());
        room.handle(0, input(1, &Frame { signatures, ..empty(session) }));
    }
    assert!(room.ends(0).is_empty());
    // The session has two items.
    let reported: Vec<_> = room.reports[0].iter().map(|report| report.offence.clone()).collect();
    assert_eq!(
        reported,
        [Offence::Misfit, Offence::Misfit, Offence::FalseSignatures, Offence::Misfit]
    );
}

#[test]
fn frames_that_arrive_before_the_announcement_are_not_lost() {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    // What node 0 publishes reaches node 2 late. What node 1 sends reaches it in time.
    room.lost = Box::new(|from, to| (from, to) == (0, 2));
    room.propose();
    room.settle();
    let announcement = room.publications[0].clone();
    let session = room.nodes[1].sessions().next().unwrap().id;
    room.lost = Box::new(|from, to| from == 0 || (from, to) == (2, 1) || to == 0);
    let signer = room.keys[2];
    room.execute(1, Command::AddContact { signer, contact: crate::common::contact(2) });
    room.execute(1, Command::JoinSession { session });
    room.settle();
    let asked = room.frames.iter().filter(|(from, ..)| *from == 2);
    let requests: Vec<_> = asked
        .map(|(_, to, bytes)| (*to, postcard::from_bytes::<Frame>(&bytes[1..]).unwrap().request))
        .collect();
    assert_eq!(requests, [(1, Request::Announcement)]);
    room.handle(2, Input::Announcement { from: source(0), bytes: announcement });
    let view = room.nodes[2].session(&session).unwrap();
    assert_eq!(view.joined, [view.manifest.index_of(&room.keys[1]).unwrap()]);
}

#[test]
fn a_frame_that_brings_another_sessions_announcement_is_refused() {
    let mut room = Room::new(2, &Config::default());
    room.join = false;
    let [known, other] = [(); 2].map(|()| room.propose());
    room.settle();
    let announcement = room.nodes[0].announcement(&other).unwrap();
    let announcement = Some(postcard::from_bytes(&announcement[1..]).unwrap());
    for session in [known, SessionId::new([7; 32])] {
        let reported = room.reports[1].len();
        room.handle(
            1,
            input(9, &Frame { announcement: Option::clone(&announcement), ..empty(session) }),
        );
        assert_eq!(room.reports[1][reported..].len(), 1);
        assert_eq!(room.reports[1][reported].offence, Offence::Misfit);
    }
}

#[test]
fn a_request_for_an_unknown_session_is_reported_a_declined_one_is_not() {
    let mut room = Room::new(2, &Config::default());
    room.join = false;
    let ask = |session, announcement| {
        input(1, &Frame { request: Request::Announcement, announcement, ..empty(session) })
    };
    room.handle(0, ask(SessionId::new([7; 32]), None));
    assert_eq!(
        room.reports[0].iter().map(|report| &report.offence).collect::<Vec<_>>(),
        [&Offence::UnknownSession]
    );
    let session = room.propose();
    room.settle();
    room.execute(1, Command::DeclineSession { session, reason: None });
    let kept = room.nodes[0].announcement(&session).unwrap();
    let announcement = Some(postcard::from_bytes(&kept[1..]).unwrap());
    room.handle(1, ask(session, announcement));
    assert!(room.reports[1].is_empty() && room.nodes[1].sessions().count() == 0);
}
