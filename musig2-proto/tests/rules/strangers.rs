//! What strangers can learn about a node.

use crate::common::forge::{empty, input};
use crate::common::{Room, contact, source};
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::{
    Audience, Command, Config, Input, Message, Node, Output, Proposal, SecretKey, SessionId,
};

/// Makes a session of a stranger with node 0, of which node 0 has heard.
fn probed(room: &mut Room) -> SessionId {
    let mut stranger = Node::new(Config::default()).unwrap();
    let key = stranger.add_key(&SecretKey::new([99; 32])).unwrap();
    let mut order = |command| stranger.execute(room.now, &mut room.rng, command).unwrap();
    order(Command::SetContact(contact(9)));
    let proposal = Proposal::new([key, room.keys[0]]).with_message(Message::new([1; 32]));
    let created = order(Command::CreateSession(proposal));
    let [Output::Event(event)] = &created[..] else { panic!("{created:?}") };
    let session = event.session();
    let announced = order(Command::AnnounceSession { session, audience: Audience::Everyone });
    let [Output::Publish(announcement), ..] = &announced[..] else { panic!("{announced:?}") };
    room.handle(0, Input::Announcement { from: source(8), bytes: announcement.clone() });
    session
}

#[test]
fn a_stranger_is_not_answered_until_its_session_is_joined() {
    let mut room = Room::new(1, &Config::default());
    room.join = false;
    let session = probed(&mut room);
    assert!(room.nodes[0].session(&session).is_some());
    for request in [Request::Nothing, Request::Statements, Request::Announcement] {
        room.handle(0, input(9, &Frame { request, ..empty(session) }));
    }
    assert_eq!((room.frames.len(), room.publications.len()), (0, 0));
    room.execute(0, Command::JoinSession { session });
    let before = room.frames.len();
    room.handle(0, input(9, &Frame { request: Request::Statements, ..empty(session) }));
    assert_eq!(room.frames.len(), before + 1);
}

#[test]
fn a_past_co_signer_is_answered_before_the_session_is_joined() {
    let mut room = Room::new(2, &Config::default());
    room.propose();
    room.settle();
    room.join = false;
    let session = room.propose();
    room.settle();
    for (from, answered) in [(9, 0), (0, 1)] {
        let before = room.frames.len();
        room.handle(1, input(from, &Frame { request: Request::Statements, ..empty(session) }));
        assert_eq!(room.frames.len() - before, answered);
    }
}
