//! Where a node takes signers to be: newer information counts, and an empty contact does not.

use crate::common::forge::{empty, input, said};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::{Body, Statement};
use musig2_proto::{Command, Config, Contact, Event, Input, SessionId};

/// Makes two signers, of which node 0 hears only what a test brings it. Node 1 has joined a session
/// and given this contact.
fn withheld(given: Contact) -> (Room, SessionId, Statement) {
    let mut room = Room::new(2, &Config::default());
    room.execute(1, Command::SetContact(given));
    room.lost = Box::new(|from, _| from == 1);
    let session = room.propose();
    room.settle();
    // Node 1 sends its statements to where its application says that node 0 is.
    let signer = room.keys[0];
    room.execute(1, Command::AddContact { signer, contact: contact(0) });
    room.pass(Duration::from_secs(2));
    let join = said(&room, 1, |body| matches!(body, Body::Join(_)));
    (room, session, join)
}

fn tell(room: &mut Room, known: usize) {
    let signer = room.keys[1];
    room.execute(0, Command::AddContact { signer, contact: contact(known) });
}

fn bring(room: &mut Room, session: SessionId, join: Statement) {
    room.handle(
        0,
        input(66, &Frame { statements: List::new(vec![join]).unwrap(), ..empty(session) }),
    );
}

/// Returns where node 0 sends its statements in its next session.
fn sent_to(room: &mut Room) -> Vec<usize> {
    room.join = false;
    let before = room.frames.len();
    room.propose();
    room.settle();
    room.frames[before..].iter().filter(|(from, ..)| *from == 0).map(|(_, to, _)| *to).collect()
}

#[test]
fn a_withheld_join_does_not_override_what_the_application_said_since() {
    let (mut room, session, join) = withheld(contact(9));
    tell(&mut room, 1);
    bring(&mut room, session, join);
    assert_eq!(sent_to(&mut room), [1]);
}

#[test]
fn a_join_overrides_what_the_application_said_before_its_session() {
    let mut room = Room::new(2, &Config::default());
    tell(&mut room, 7);
    room.pass(Duration::from_secs(1));
    room.propose();
    room.settle();
    // Frames that went to the wrong place are sent again with the next poll.
    room.pass(Duration::from_secs(5));
    assert!(room.is_complete(0));
    assert_eq!(sent_to(&mut room), [1]);
}

#[test]
fn a_withheld_join_does_not_override_one_of_a_later_session() {
    let (mut room, session, join) = withheld(contact(9));
    room.lost = Box::new(|_, _| false);
    room.execute(1, Command::SetContact(contact(1)));
    room.propose();
    room.settle();
    assert!(room.is_complete(0));
    bring(&mut room, session, join);
    assert_eq!(sent_to(&mut room), [1]);
}

#[test]
fn a_join_without_a_contact_keeps_the_known_contact() {
    for before in [false, true] {
        let mut room = Room::new(2, &Config::default());
        if before {
            tell(&mut room, 1);
        } else {
            room.propose();
            room.settle();
            assert!(room.is_complete(0));
        }
        room.pass(Duration::from_secs(1));
        room.execute(1, Command::SetContact(Contact::default()));
        let met = room.events[0].len();
        room.propose();
        room.settle();
        assert!(room.events[0][met..].iter().any(Event::is_terminal), "{before}");
        assert_eq!(sent_to(&mut room), [1], "{before}");
    }
}

#[test]
fn a_known_signers_hello_updates_its_view_and_a_repeated_one_does_not() {
    let mut room = Room::new(3, &Config::default());
    let [known, stranger] = [room.keys[1], room.keys[2]];
    room.execute(0, Command::AddContact { signer: known, contact: Contact::default() });
    assert!(
        room.nodes[0]
            .signer(&known)
            .is_some_and(|view| view.contact.is_none() && view.clock.is_none())
    );
    for node in [1, 2] {
        room.execute(node, Command::SetContact(contact(node)));
        room.execute(node, Command::SayHello);
    }
    // The hellos take five seconds to arrive.
    let said = room.now;
    room.now = said.saturating_add(Duration::from_secs(5));
    let hellos = std::mem::take(&mut room.publications);
    let hear = |room: &mut Room| {
        for bytes in &hellos {
            room.handle(0, Input::Announcement { from: source(66), bytes: bytes.clone() });
        }
        room.nodes[0].signer(&known).unwrap()
    };
    let heard = hear(&mut room);
    assert_eq!(heard.contact, Some(contact(1)));
    let clock = heard.clock.unwrap();
    assert_eq!((clock.said, clock.arrived), (said, room.now));
    assert_eq!((clock.ahead(), clock.behind()), (Duration::ZERO, Duration::from_secs(5)));
    assert_eq!(room.nodes[0].signer(&stranger), None, "strangers take no room");
    assert_eq!(room.nodes[0].signers().count(), 1);

    room.now = room.now.saturating_add(Duration::from_secs(20));
    assert_eq!(hear(&mut room), heard);
}

#[test]
fn a_known_proposers_announcement_updates_its_view_before_approval() {
    let mut room = Room::new(2, &Config::default());
    let signer = room.keys[0];
    room.join = false;
    room.execute(1, Command::AddContact { signer, contact: Contact::default() });
    room.execute(0, Command::SetContact(contact(0)));
    room.propose();
    room.settle();
    let view = room.nodes[1].signer(&signer).unwrap();
    assert_eq!(view.contact, Some(contact(0)));
    assert_eq!(view.clock.map(|clock| clock.behind()), Some(Duration::ZERO));
}
