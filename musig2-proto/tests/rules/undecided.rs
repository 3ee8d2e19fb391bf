//! Sessions about which the application has not decided: whose sessions have places, and which ones
//! make room.

use crate::common::forge::{of_a_stranger, secret};
use crate::common::{Room, contact, source};
use musig2_proto::{
    AbortCause, Audience, Command, Config, Event, Input, Item, Message, Node, Offence, SessionId,
    Stepping,
};

/// Has node 0 hear, from this source, of a session that the stranger with this key made.
fn hear(room: &mut Room, author: u8, from: usize) -> Result<SessionId, Offence> {
    let bytes = announcement(room, author);
    bring(room, from, bytes)
}

/// Makes an announcement, of another session each time.
fn announcement(room: &mut Room, author: u8) -> Vec<u8> {
    of_a_stranger(room, [author; 32], vec![Item::new(Message::new([author; 32]))])
}

fn bring(room: &mut Room, from: usize, bytes: Vec<u8>) -> Result<SessionId, Offence> {
    let reports = room.reports[0].len();
    room.handle(0, Input::Announcement { from: source(from), bytes });
    match room.reports[0].get(reports) {
        Some(report) => Err(report.offence.clone()),
        None => Ok(room.events[0].last().unwrap().session()),
    }
}

/// Returns the sessions that made room, in order.
fn made_room(room: &Room) -> Vec<SessionId> {
    let made = room.events[0].iter().filter(|event| {
        matches!(event, Event::SessionAborted { cause: AbortCause::MadeRoom, released: false, .. })
    });
    made.map(Event::session).collect()
}

fn undecided() -> Room {
    let mut room = Room::new(1, &Config::default());
    room.join = false;
    room
}

#[test]
fn many_sessions_of_few_keys_make_room_for_a_new_proposer() {
    let mut room = undecided();
    let theirs: Vec<_> =
        (0..32).map(|number| hear(&mut room, 40 + number % 4, 9).unwrap()).collect();
    let first = hear(&mut room, 50, 9).unwrap();
    let [gone] = made_room(&room)[..] else { panic!() };
    assert!(theirs.contains(&gone) && room.nodes[0].session(&gone).is_none());
    assert!(room.nodes[0].session(&first).is_some());
    assert_eq!(room.nodes[0].sessions().count(), 32);
    // The same holds for every newcomer, until no key has more than one session.
    for author in 51..78 {
        hear(&mut room, author, 9).unwrap();
    }
    assert_eq!(hear(&mut room, 78, 9), Err(Offence::NoRoom), "each of 32 has one");
    assert!(room.nodes[0].session(&first).is_some());
}

#[test]
fn many_keys_behind_one_connection_make_room_for_one_from_elsewhere() {
    let mut room = undecided();
    for author in 40..72 {
        hear(&mut room, author, 9).unwrap();
    }
    assert_eq!(hear(&mut room, 72, 9), Err(Offence::NoRoom), "from where all came from");
    hear(&mut room, 72, 8).unwrap();
    assert_eq!(made_room(&room).len(), 1);
}

#[test]
fn a_session_that_made_room_comes_back_only_to_a_free_place() {
    let mut room = undecided();
    let announcements: Vec<_> =
        (0..32).map(|number| announcement(&mut room, 40 + number % 4)).collect();
    let theirs: Vec<_> =
        announcements.iter().map(|bytes| bring(&mut room, 9, bytes.clone()).unwrap()).collect();
    let newcomer = hear(&mut room, 50, 9).unwrap();
    let gone = theirs.iter().position(|session| *session == made_room(&room)[0]).unwrap();
    assert_eq!(bring(&mut room, 9, announcements[gone].clone()), Err(Offence::NoRoom));
    room.execute(0, Command::DeclineSession { session: newcomer, reason: None });
    assert_eq!(bring(&mut room, 9, announcements[gone].clone()), Ok(theirs[gone]));
}

#[test]
fn replayed_announcements_keep_no_restarted_signer_out() {
    let config =
        Config::default().with_max_discovered_per_author(3).with_stepping(Stepping::Manual);
    let mut room = Room::new(2, &config);
    let joined = room.propose();
    room.until(|room| room.nodes[1].session(&joined).is_some_and(|view| view.joined.len() == 2));
    room.until(|room| room.nodes[0].session(&joined).is_some_and(|view| view.joined.len() == 2));
    // From here on node 1 hears nothing from node 0 except what somebody replays.
    room.lost = Box::new(|_, _| true);
    room.join = false;
    for _ in 0..4 {
        let session = room.create(0, room.proposal(1));
        room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    }
    room.nodes[1] = Node::new(config).unwrap();
    room.nodes[1].add_key(&secret(2)).unwrap();
    room.events[1].clear();
    for bytes in room.publications.clone().into_iter().skip(1) {
        room.handle(1, Input::Announcement { from: source(9), bytes });
    }
    assert_eq!(room.nodes[1].sessions().count(), 3);
    assert!(room.nodes[1].session(&joined).is_none());
    room.lost = Box::new(|_, _| false);
    room.execute(1, Command::SetContact(contact(1)));
    room.execute(1, Command::SayHello);
    room.until(|room| room.nodes[1].session(&joined).is_some());
    room.execute(1, Command::JoinSession { session: joined });
    assert_eq!(room.nodes[1].sessions().count(), 4);
}
