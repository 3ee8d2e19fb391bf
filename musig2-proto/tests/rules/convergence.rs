//! Which node sends what, and when: it sends each statement once, and asks for what is missing,
//! less and less often.

use crate::common::forge::{empty, input, secret};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::bitmap::Bitmap;
use musig2_proto::wire::frame::{Frame, Have, Request};
use musig2_proto::wire::statement::Body;
use musig2_proto::{
    Audience, Boot, Command, Config, Contact, Event, Input, Node, SessionId, SignerIndex, Stepping,
    Topology,
};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn frame(bytes: &[u8]) -> Frame {
    postcard::from_bytes(&bytes[1..]).unwrap()
}

/// Makes a room in which every node knows where the others are.
fn acquainted(count: usize, config: &Config) -> Room {
    let mut room = Room::new(count, config);
    let keys = room.keys.clone();
    for node in 0..count {
        for (other, &signer) in keys.iter().enumerate().filter(|(other, _)| *other != node) {
            room.execute(node, Command::AddContact { signer, contact: contact(other) });
        }
    }
    room
}

#[test]
fn in_a_mesh_each_signer_sends_two_frames_to_each_other() {
    let mut room = acquainted(4, &Config::default());
    room.propose();
    room.pass(seconds(60));
    assert!((0..4).all(|node| room.is_complete(node)));
    assert_eq!((room.frames.len(), room.publications.len()), (2 * 4 * 3, 1));
    for node in 0..4 {
        let to = |other| {
            room.frames.iter().filter(|(from, to, _)| (*from, *to) == (node, other)).count()
        };
        assert!((0..4).all(|other| to(other) == if other == node { 0 } else { 2 }));
    }
}

#[test]
fn through_a_hub_each_signer_sends_and_receives_two_frames() {
    let mut room = Room::new(4, &Config::default().with_topology(Topology::Hub));
    room.propose();
    room.pass(seconds(60));
    assert!((0..4).all(|node| room.is_complete(node)));
    assert!(room.frames.iter().all(|(from, to, _)| *from == 0 || *to == 0));
    assert_eq!((room.frames.len(), room.publications.len()), (4 * 3, 1));
}

#[test]
fn a_hub_holds_back_its_own_statements_for_at_most_half_a_second() {
    let mut room = Room::new(3, &Config::default().with_topology(Topology::Hub));
    room.lost = Box::new(|from, _| from == 2);
    room.propose();
    room.settle();
    let nonces_of_hub = |room: &Room| {
        room.frames.iter().any(|(from, to, bytes)| {
            let stated = frame(bytes).statements;
            (*from, *to) == (0, 1) && stated.iter().any(|one| matches!(one.body, Body::Nonces(_)))
        })
    };
    room.pass(Duration::from_millis(499));
    assert!(!nonces_of_hub(&room));
    room.pass(Duration::from_millis(1));
    assert!(nonces_of_hub(&room));
}

/// Makes a room of two in which node 0 has sent its nonces and waits for those of node 1. From now
/// on everything is lost.
fn waiting_for_nonces() -> (Room, SessionId) {
    let mut room = acquainted(2, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.settle();
    room.execute(0, Command::ShareNonces { session });
    room.settle();
    room.lost = Box::new(|_, _| true);
    (room, session)
}

/// Returns when node 0 sends frames, in milliseconds from now on.
fn sent_in(room: &mut Room, duration: Duration) -> Vec<u64> {
    let (start, mut sent) = (room.now, Vec::new());
    let from_0 = |room: &Room| room.frames.iter().filter(|(from, ..)| *from == 0).count();
    while room.now.saturating_since(start) < duration {
        let before = from_0(room);
        room.pass(Duration::from_millis(10));
        sent.extend((before..from_0(room)).map(|_| room.now.as_millis() - start.as_millis()));
    }
    sent
}

#[test]
fn a_waiting_node_polls_after_a_second_and_then_less_and_less_often() {
    let (mut room, _) = waiting_for_nonces();
    let sent = sent_in(&mut room, seconds(40));
    let pauses: Vec<_> = [0].iter().chain(&sent).zip(&sent).map(|(one, next)| next - one).collect();
    let expected = [1000, 2000, 4000, 8000, 8000];
    for (pause, least) in pauses.iter().zip(expected) {
        // A pause may be a quarter longer, at random, plus the ten milliseconds of this test's
        // steps.
        assert!((least..=least + least / 4 + 10).contains(pause), "{pauses:?}");
    }
    assert!(
        pauses.len() >= expected.len()
            && pauses.iter().zip(expected).any(|(pause, least)| *pause > least + 10)
    );
}

#[test]
fn every_third_poll_in_vain_sends_everything_and_a_hello() {
    let mut room = acquainted(3, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.settle();
    for node in [0, 1] {
        room.execute(node, Command::ShareNonces { session });
    }
    // Both wait for node 2 and also ask each other, so node 1 says that it holds what node 0
    // stated.
    room.pass(seconds(2));
    room.lost = Box::new(|_, _| true);
    let (before, said) = (room.frames.len(), room.publications.len());
    room.pass(seconds(50));
    let polls = room.frames[before..].iter().filter(|(from, to, _)| (*from, *to) == (0, 1));
    let brought: Vec<_> = polls
        .map(|(.., bytes)| {
            let poll = frame(bytes);
            assert_eq!(poll.request, Request::Statements);
            !poll.statements.is_empty()
        })
        .collect();
    assert!(brought.len() >= 6);
    for three in brought.windows(3) {
        assert_eq!(three.iter().filter(|brings| **brings).count(), 1, "{brought:?}");
    }
    let hellos = room.publications[said..].iter().filter(|bytes| {
        let publication = postcard::from_bytes(&bytes[1..]).unwrap();
        matches!(publication, Publication::Hello { hello, .. } if hello.content.signer == room.keys[0])
    });
    assert_eq!(hellos.count(), brought.iter().filter(|brings| **brings).count());
}

#[test]
fn while_joins_are_missing_polls_slow_to_every_half_minute() {
    let mut room = acquainted(2, &Config::default());
    room.join = false;
    room.propose();
    room.settle();
    room.lost = Box::new(|_, _| true);
    let sent = sent_in(&mut room, seconds(140));
    let longest = sent.iter().zip(&sent[1..]).map(|(one, next)| next - one).max().unwrap();
    assert!((30_000..=37_510).contains(&longest), "{sent:?}");
}

#[test]
fn a_signer_that_reconnects_is_asked_at_once_but_not_too_often() {
    let (mut room, _) = waiting_for_nonces();
    room.pass(seconds(10));
    let before = room.frames.len();
    room.handle(0, Input::PeerConnected(source(7)));
    assert_eq!(room.frames.len(), before, "nobody here speaks from there");
    for _ in 0..10 {
        room.handle(0, Input::PeerConnected(source(1)));
    }
    assert_eq!(room.frames.len(), before + 1);
    room.pass(Duration::from_millis(200));
    room.handle(0, Input::PeerConnected(source(1)));
    assert_eq!(room.frames.len(), before + 1);
}

/// Returns how much node 0, which waits, sends and publishes in a minute while this peer connects
/// to it twenty times a second.
fn in_a_minute(flapping: Option<usize>) -> (usize, usize) {
    let (mut room, session) = waiting_for_nonces();
    // Anyone can claim in a frame to be signer 1, in a later life.
    let (_, _, bytes) = room.frames.iter().rfind(|(from, ..)| *from == 1).unwrap();
    let have = frame(bytes).have.map(|have| Have { boot: Boot::new([9; 16]), ..have });
    room.handle(0, input(66, &Frame { have, ..empty(session) }));
    let from_0 = |room: &Room| room.frames.iter().filter(|(from, ..)| *from == 0).count();
    let before = (from_0(&room), room.publications.len());
    for _ in 0..1200 {
        flapping.into_iter().for_each(|peer| room.handle(0, Input::PeerConnected(source(peer))));
        room.pass(Duration::from_millis(50));
    }
    (from_0(&room) - before.0, room.publications.len() - before.1)
}

#[test]
fn a_flapping_connection_gets_only_its_signer_asked_ever_less_often() {
    let (frames, publications) = in_a_minute(None);
    assert_eq!(in_a_minute(Some(66)), (frames, publications), "who only says that it is a signer");
    let (asked, said) = in_a_minute(Some(1));
    // It asks after 0.25, 0.5, 1, 2 and 4 seconds, and then every 8 seconds.
    assert!((frames + 6..=frames + 12).contains(&asked), "{asked} frames instead of {frames}");
    assert_eq!(said, publications);
}

#[test]
fn only_the_signer_that_reconnects_is_asked() {
    let mut room = acquainted(4, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.settle();
    room.execute(0, Command::ShareNonces { session });
    room.settle();
    room.lost = Box::new(|_, _| true);
    let before = room.frames.len();
    room.handle(0, Input::PeerConnected(source(2)));
    let asked: Vec<_> = room.frames[before..].iter().map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(asked, [(0, 2)]);
}

#[test]
fn churn_on_the_topic_slows_announcements_until_somebody_joins() {
    let in_a_minute = |flapping: bool| {
        let mut room = Room::new(3, &Config::default());
        room.lost = Box::new(|_, _| true);
        room.propose();
        let before = room.publications.len();
        let flap = |room: &mut Room, times: u32| {
            for _ in 0..times {
                if flapping {
                    room.handle(0, Input::AudienceGrew);
                }
                room.pass(Duration::from_millis(50));
            }
        };
        flap(&mut room, 1200);
        let said = room.publications.len() - before;
        // Somebody has heard of it and joins. Newcomers are then told soon again.
        room.lost = Box::new(|from, to| from + to != 1);
        room.until(|room| {
            room.nodes[1].sessions().next().is_some_and(|view| view.joined.len() == 2)
        });
        room.until(|room| {
            room.nodes[0].sessions().next().is_some_and(|view| view.joined.len() == 2)
        });
        let before = room.publications.len();
        flap(&mut room, 20);
        (said, room.publications.len() - before)
    };
    let (calm, _) = in_a_minute(false);
    let (flapping, after) = in_a_minute(true);
    // It publishes after 0.25, 0.5, 1, 2, 4 and 8 seconds, and then every 15 seconds.
    assert!((calm + 5..=calm + 9).contains(&flapping), "{flapping} publications instead of {calm}");
    assert!(after >= 2, "{after} in the second after a join");
}

#[test]
fn others_announce_only_while_the_coordinator_is_silent() {
    let mut room = Room::new(3, &Config::default());
    // Node 2 hears nothing, so the session stays open.
    room.lost = Box::new(|_, to| to == 2);
    room.propose();
    // The coordinator announces at once, after one second, and after two more. Node 1 would
    // announce after five seconds.
    room.pass(Duration::from_millis(6_900));
    let announcements =
        |room: &Room| room.publications.iter().filter(|bytes| bytes[1] == 0).count();
    assert_eq!(announcements(&room), 3);
    // The coordinator is not heard any more.
    room.lost = Box::new(|from, to| to == 2 || from == 0);
    room.pass(seconds(7));
    let by_both = announcements(&room) - 3;
    assert!(by_both >= 2, "{by_both}");
}

#[test]
fn what_an_author_cannot_deliver_is_relayed_once_after_half_a_second() {
    let mut room = Room::new(3, &Config::default().with_stepping(Stepping::Manual));
    room.join = false;
    let session = room.propose();
    room.settle();
    // Node 1 does not know where node 2 is, and says so. Node 0 knows.
    room.execute(1, Command::JoinSession { session });
    let signer = room.keys[2];
    room.execute(0, Command::AddContact { signer, contact: contact(2) });
    room.settle();
    let view = room.nodes[0].session(&session).unwrap();
    let author = view.manifest.index_of(&room.keys[1]).unwrap();
    let relayed = |room: &Room| {
        let to_2 = room.frames.iter().filter(|(from, to, _)| (*from, *to) == (0, 2));
        to_2.filter(|(.., bytes)| frame(bytes).statements.iter().any(|one| one.author == author))
            .count()
    };
    room.pass(Duration::from_millis(499));
    assert_eq!(relayed(&room), 0);
    room.pass(Duration::from_millis(1));
    assert_eq!(relayed(&room), 1);
    room.lost = Box::new(|_, to| to == 0);
    room.pass(seconds(30));
    assert_eq!(relayed(&room), 1);
}

#[test]
fn a_hub_relays_everything_that_waits_together() {
    let mut room = Room::new(15, &Config::default().with_topology(Topology::Hub));
    room.join = false;
    let session = room.propose();
    room.settle();
    for node in 1..15 {
        room.execute(node, Command::JoinSession { session });
        room.pass(Duration::from_millis(100));
    }
    room.pass(seconds(5));
    assert!((0..15).all(|node| room.is_complete(node)));
    let of_hub = room.frames.iter().filter(|(from, ..)| *from == 0).count();
    // In those one and a half seconds the hub sends to all three times, and the last time completes
    // the session. Relaying statements one by one would take a hundred frames.
    assert!(of_hub <= 4 * 14, "{of_hub}");
}

#[test]
fn only_a_coordinators_first_frame_brings_the_announcement() {
    let mut room = acquainted(2, &Config::default());
    // Gossip does not arrive.
    let session = room.create(0, room.proposal(1));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::KnownContacts });
    room.pass(seconds(5));
    assert!(room.is_complete(0) && room.is_complete(1));
    let introduced = room.frames.iter().filter(|(.., bytes)| frame(bytes).announcement.is_some());
    assert_eq!(introduced.count(), 1);
    assert!(room.publications.is_empty());
    let (from, to, first) = &room.frames[0];
    assert!((*from, *to) == (0, 1) && frame(first).announcement.is_some());
    assert!(room.frames.iter().all(|(.., bytes)| frame(bytes).request == Request::Nothing));
}

#[test]
fn only_a_request_for_the_announcement_is_answered_with_it() {
    let (mut room, session) = waiting_for_nonces();
    for (request, introduced) in [(Request::Announcement, true), (Request::Statements, false)] {
        let before = room.frames.len();
        room.handle(0, input(9, &Frame { request, ..empty(session) }));
        let [(0, 9, answer)] = &room.frames[before..] else { panic!() };
        assert_eq!(frame(answer).announcement.is_some(), introduced);
        assert!(!frame(answer).statements.is_empty() && frame(answer).have.is_some());
    }
}

#[test]
fn the_first_statement_that_a_hello_brings_is_the_signers_own_join() {
    let mut room = acquainted(3, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.settle();
    let manifest = room.nodes[0].session(&session).unwrap().manifest;
    for node in [1, 2] {
        room.nodes[node] = Node::new(Config::default()).unwrap();
        room.nodes[node].add_key(&secret(node as u8 + 1)).unwrap();
        room.execute(node, Command::SetContact(contact(node)));
        let before = room.frames.len();
        room.execute(node, Command::SayHello);
        room.settle();
        let answer =
            room.frames[before..].iter().find(|(from, to, _)| (*from, *to) == (0, node)).unwrap();
        let answer = frame(&answer.2);
        assert!(answer.announcement.is_some() && answer.have.is_some());
        let first = answer.statements[0].clone();
        assert!(matches!(first.body, Body::Join(_)));
        assert_eq!(Some(first.author), manifest.index_of(&room.keys[node]));
    }
}

#[test]
fn a_signer_without_a_contact_is_polled_where_it_last_spoke_from() {
    // The frame is its author's own, or one in which another signer relays the statements.
    for is_own in [true, false] {
        let mut room = Room::new(3, &Config::default().with_stepping(Stepping::Manual));
        room.execute(2, Command::SetContact(Contact::default()));
        room.lost = Box::new(|from, _| from == 2);
        let session = room.propose();
        room.settle();
        let (.., bytes) = room.frames.iter().rfind(|(from, to, _)| (*from, *to) == (2, 0)).unwrap();
        let mut of_2 = frame(bytes);
        if !is_own {
            let have = of_2.have.take().unwrap();
            let signer = room.nodes[1].session(&session).unwrap().me;
            of_2.have = Some(Have { signer, ..have });
        }
        let before = room.frames.len();
        room.handle(0, input(9, &of_2));
        room.execute(0, Command::ShareNonces { session });
        // A poll brings them at the latest.
        room.pass(seconds(3));
        let sent = room.frames[before..].iter().any(|(from, to, _)| (*from, *to) == (0, 9));
        assert_eq!(sent, is_own);
    }
}

#[test]
fn a_request_with_another_digest_is_answered_with_everything() {
    let (mut room, session) = waiting_for_nonces();
    let (.., bytes) = room.frames.iter().rfind(|(from, to, _)| (*from, *to) == (1, 0)).unwrap();
    let have = frame(bytes).have.unwrap();
    let have = Have { joins: Bitmap::new(2, [0, 1].map(SignerIndex::new)), ..have };
    let mut given = |have: Have| {
        let (request, before) = (Request::Statements, room.frames.len());
        room.handle(0, input(9, &Frame { request, have: Some(have), ..empty(session) }));
        room.frames[before..].iter().map(|(.., bytes)| frame(bytes).statements.len()).sum::<usize>()
    };
    let nonces = Bitmap::new(2, [0, 1].map(SignerIndex::new));
    let own = Bitmap::new(2, [SignerIndex::new(1 - have.signer.get())]);
    // Node 0 has both joins and its own nonces.
    assert_eq!(given(Have { nonces: own.clone(), ..have.clone() }), 3, "another digest");
    assert_eq!(given(Have { nonces: nonces.clone(), ..have.clone() }), 0, "more");
    assert_eq!(
        given(Have { nonces: Bitmap::new(2, []), ..have.clone() }),
        3,
        "less: nonces, and the joins that nonces need"
    );
}

#[test]
fn a_coordinator_repeats_an_echoed_announcement_no_more_often() {
    let count = |echo: bool| {
        let mut room = acquainted(2, &Config::default());
        room.join = false;
        room.propose();
        let publication = room.publications[0].clone();
        for _ in 0..300 {
            room.pass(Duration::from_millis(100));
            if echo {
                let (from, bytes) = (source(1), publication.clone());
                room.handle(0, Input::Announcement { from, bytes });
            }
        }
        room.publications.len()
    };
    assert_eq!(count(true), count(false));
}

#[test]
fn a_signer_whose_hub_is_silent_asks_those_it_waits_for() {
    let mut room = acquainted(3, &Config::default().with_topology(Topology::Hub));
    room.join = false;
    let session = room.propose();
    room.settle();
    room.execute(1, Command::JoinSession { session });
    room.lost = Box::new(|_, _| true);
    let before = room.frames.len();
    room.pass(seconds(30));
    let asked: Vec<_> = room.frames[before..]
        .iter()
        .filter(|(from, ..)| *from == 1)
        .map(|(_, to, _)| *to)
        .collect();
    assert_eq!(asked[..2], [0, 0], "{asked:?}");
    assert!(asked[2..].contains(&2), "{asked:?}");
}

#[test]
fn a_finished_node_answers_requests_and_nothing_else() {
    let mut room = acquainted(2, &Config::default());
    let session = room.propose();
    room.pass(seconds(5));
    let ask = |request| input(9, &Frame { request, ..empty(session) });
    for (request, introduced) in [
        (Request::Nothing, None),
        (Request::Statements, Some(false)),
        (Request::Announcement, Some(true)),
    ] {
        let before = room.frames.len();
        room.handle(0, ask(request));
        let answers: Vec<_> =
            room.frames[before..].iter().map(|(.., bytes)| frame(bytes)).collect();
        let answered = answers.iter().map(|answer| {
            // A node that does not know the session is sent both joins: one of them may be its own.
            let joins = if answer.announcement.is_some() { 2 } else { 0 };
            assert!(answer.signatures.is_some() && answer.statements.len() == joins);
            answer.announcement.is_some()
        });
        assert_eq!(answered.collect::<Vec<_>>(), introduced.into_iter().collect::<Vec<_>>());
    }
    assert!(room.nodes[0].announcement(&session).is_some());
    assert!(matches!(room.ends(0)[..], [Event::SessionComplete { .. }]));
}
