//! One key may have several lives, one after another, as often as is allowed, and never two at
//! once. Each attempt stands on its own.

use crate::common::{Room, contact, forge, source};
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::statement::{Body, Join};
use musig2_proto::{
    AbortCause, Audience, Boot, Command, CommandError, Config, DefaultCrypto, Event, Fault, Input,
    MAX_RESTARTS, Message, Node, Output, Proposal, SecretKey, SignerIndex, Stepping,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Puts a node with the key of the room's node `of` in the place of node `node`.
fn replace(room: &mut Room, node: usize, of: usize, config: &Config) {
    room.nodes[node] = Node::new(config.clone()).unwrap();
    room.nodes[node].add_key(&SecretKey::new([of as u8 + 1; 32])).unwrap();
    room.events[node].clear();
    room.execute(node, Command::SetContact(contact(node)));
    room.execute(node, Command::SayHello);
}

#[test]
fn a_key_at_its_restart_limit_cannot_join_and_convict_itself() {
    let config = Config::default();
    let mut room = Room::new(3, &config);
    room.join = false;
    let session = room.propose();
    room.settle();
    for restarts in 0..=MAX_RESTARTS + 1 {
        room.pass(seconds(5));
        let joins = restarts <= MAX_RESTARTS;
        let joined = room.try_execute(1, Command::JoinSession { session });
        assert_eq!(joined, if joins { Ok(()) } else { Err(CommandError::RestartLimit(session)) });
        room.settle();
        assert_eq!(
            room.nodes[0].session(&session).unwrap().restarts as usize,
            restarts.min(MAX_RESTARTS)
        );
        replace(&mut room, 1, 1, &config);
    }
    assert!(room.ends(0).is_empty(), "{:?}", room.ends(0));
}

#[test]
fn a_step_permitted_in_one_attempt_is_not_permitted_in_the_next() {
    let config = Config::default().with_stepping(Stepping::Manual);
    let mut room = Room::new(2, &config);
    let session = room.propose();
    room.settle();
    room.execute(0, Command::ShareNonces { session });
    room.settle();
    let nonces = |room: &Room| room.nodes[0].session(&session).unwrap().nonces.len();
    assert_eq!(nonces(&room), 1);
    replace(&mut room, 1, 1, &config);
    room.pass(seconds(5));
    assert!(
        room.events[0]
            .iter()
            .any(|event| matches!(event, Event::AttemptRestarted { restarts: 1, .. }))
    );
    assert_eq!(nonces(&room), 0);
    let told =
        |room: &Room, of: fn(&Event) -> bool| room.events[0].iter().filter(|one| of(one)).count();
    assert_eq!(told(&room, |event| matches!(event, Event::SessionReady { .. })), 1);
    assert_eq!(told(&room, |event| matches!(event, Event::SignerJoined { .. })), 2);
    for command in [Command::ShareNonces { session }, Command::SharePartialSignatures { session }] {
        for node in [0, 1] {
            room.execute(node, command.clone());
        }
        room.settle();
    }
    assert!(room.ends(0).is_empty());
    // Three joins, the node's own nonces of the first attempt and everyone's of the second, and two
    // partial signatures.
    assert_eq!(room.nodes[0].session(&session).unwrap().statements, 3 + 3 + 2);
    room.execute(0, Command::FinalizeSession { session });
    assert!(room.is_complete(0));
}

#[test]
fn a_key_that_runs_in_two_places_stops_in_both_and_is_convicted() {
    let config = Config::default().with_stepping(Stepping::Manual);
    let mut room = Room::new(3, &config);
    replace(&mut room, 2, 1, &config);
    let proposal = Proposal::new(room.keys[..2].to_vec()).with_message(Message::new([1; 32]));
    let session = room.create(0, proposal);
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.until(|room| {
        room.nodes.iter().all(|node| node.session(&session).is_some_and(|view| view.restarts == 1))
    });
    // The nonces of each reach the other, and then node 0, since anyone who has them may send them
    // on.
    room.lost = Box::new(|_, _| true);
    let stated = [1, 2].map(|node| {
        room.execute(node, Command::ShareNonces { session });
        let (_, _, bytes) = room.frames.last().unwrap();
        Input::Frame { from: source(9), bytes: bytes.clone() }
    });
    for (node, nonces) in [(1, 1), (2, 0), (0, 0), (0, 1)] {
        room.handle(node, Input::clone(&stated[nonces]));
    }
    let cause = |node: usize| match room.ends(node)[..] {
        [Event::SessionAborted { cause, released: false, .. }] => cause,
        ref ends => panic!("{node}: {ends:?}"),
    };
    for twin in [1, 2] {
        assert_eq!(*cause(twin), AbortCause::RivalInstance);
    }
    let AbortCause::Convicted { fault: Fault::ConcurrentInstances, evidence, .. } = cause(0) else {
        panic!("{:?}", cause(0))
    };
    assert_eq!(evidence.verify::<DefaultCrypto>().unwrap().key, room.keys[1]);
}

#[test]
fn a_reset_generator_repeats_no_boot_or_nonce_a_millisecond_later() {
    let mut room = Room::new(2, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    let announcement = room.nodes[0].announcement(&session).unwrap();
    let life = |later: u64| {
        let (mut node, mut rng): (Node, _) =
            (Node::new(Config::default()).unwrap(), ChaCha20Rng::from_seed([9; 32]));
        node.add_key(&SecretKey::new([2; 32])).unwrap();
        let now = room.now.saturating_add(Duration::from_millis(later));
        let command = Command::ResumeSession { announcement: announcement.clone() };
        let outputs = node.execute(now, &mut rng, command).unwrap();
        let bytes = outputs.into_iter().find_map(|output| match output {
            Output::Send { bytes, .. } => Some(bytes),
            _ => None,
        });
        bytes.unwrap()
    };
    let nonces = |bytes: &[u8]| {
        let statements = postcard::from_bytes::<Frame>(&bytes[1..]).unwrap().statements;
        let nonces = statements.iter().find_map(|statement| match &statement.body {
            Body::Nonces(nonces) => Some(nonces.clone()),
            _ => None,
        });
        nonces.unwrap()
    };
    let (first, again, later) = (life(0), life(0), life(1));
    assert_eq!(nonces(&first), nonces(&again), "it is the same generator");
    assert_ne!(nonces(&first).source, nonces(&later).source);
    // Under one boot, different nonces would convict an honest signer.
    assert_ne!(nonces(&first).boot, nonces(&later).boot);
    for bytes in [first, later] {
        room.handle(0, Input::Frame { from: source(9), bytes });
    }
    assert!(room.ends(0).is_empty(), "{:?}", room.ends(0));
    assert_eq!(room.nodes[0].session(&session).unwrap().restarts, 1);
}

#[test]
fn a_node_is_not_its_own_peer_when_others_repeat_what_it_said() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    room.execute(0, Command::AddContact { signer: room.keys[1], contact: contact(1) });
    let session = room.propose();
    room.settle();
    let sent = room.frames.iter().find(|(from, ..)| *from == 0);
    let said: Frame = postcard::from_bytes(&sent.unwrap().2[1..]).unwrap();
    let have = said.have.unwrap();
    // The join of an earlier life, in a frame that claims to be from this node itself.
    let me: SignerIndex = have.signer;
    let join = Join { boot: Boot::new([9; 16]), contact: contact(0) };
    let join = forge::sign(session, me.get(), Body::Join(join), &forge::secret(1));
    let frame = Frame {
        have: Some(have),
        statements: List::new(vec![join]).unwrap(),
        ..forge::empty(session)
    };
    room.handle(0, forge::input(1, &frame));
    let frames = room.frames.len();
    room.handle(0, Input::PeerConnected(source(1)));
    room.handle(0, Input::Tick);
    assert!(room.nodes[0].next_deadline().is_some_and(|at| at > room.now));
    assert_eq!(room.frames.len(), frames, "nobody is asked");
}
