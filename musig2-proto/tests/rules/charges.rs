//! What a source may ask of a node has a price, which is what it costs the node.

use crate::common::forge::{empty, input};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::announcement::Publication;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::encode_message;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::proof::{Proof, Signed};
use musig2_proto::wire::statement::{Abort, AbortReason, Body, Join, Statement};
use musig2_proto::{
    Audience, Boot, ChainCode, Command, Config, Contact, DerivationPath, Event, Input, Item,
    Message, Node, Offence, Output, Proposal, SecretKey, Signature, SignerIndex, Source, Tweak,
};

/// Configures a source's budget: eight signature checks at once, and one more each second.
fn poor() -> Config {
    Config::default().with_max_signers(2).with_source_burst(8).with_checks_per_source(1)
}

/// Returns the announcement of a session that this stranger wants to sign with these others. Its
/// item has a path of this many steps.
fn announced(room: &mut Room, stranger: u8, others: &[usize], steps: usize) -> Vec<u8> {
    let mut node = Node::new(Config::default()).unwrap();
    let key = node.add_key(&SecretKey::new([100 + stranger; 32])).unwrap();
    let path = DerivationPath::new(vec![1; steps]).unwrap();
    let item = Item::new(Message::new([1; 32]))
        .with_tweaks(vec![Tweak::Bip32 { chain_code: ChainCode::BIP328, path }])
        .unwrap();
    let signers = others.iter().map(|&other| room.keys[other]).chain([key]);
    let proposal = Proposal::new(signers).with_item(item);
    let created = node.execute(room.now, &mut room.rng, Command::CreateSession(proposal)).unwrap();
    let [Output::Event(Event::SessionCreated { session })] = created[..] else {
        panic!("{created:?}")
    };
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    let outputs = node.execute(room.now, &mut room.rng, announce).unwrap();
    let Some(Output::Publish(bytes)) = outputs.first() else { panic!("{outputs:?}") };
    bytes.clone()
}

/// Returns what was wrong with the input, if anything was.
fn offence(room: &mut Room, input: Input) -> Option<Offence> {
    let outputs = room.nodes[0].handle(room.now, &mut room.rng, input);
    outputs.into_iter().find_map(|output| match output {
        Output::Report(report) => Some(report.offence),
        _ => None,
    })
}

#[test]
fn an_announcement_costs_two_checks_plus_half_per_key_and_step() {
    // How many announcements of two signers and this many steps are taken at once for eight checks.
    for (steps, taken) in [(0, 2), (2, 2), (4, 1), (10, 1)] {
        let by_gossip = |room: &mut Room, bytes| {
            offence(room, Input::Announcement { from: source(9), bytes }) != Some(Offence::Busy)
        };
        let by_frame = |room: &mut Room, bytes: Vec<u8>| {
            let Publication::Announcement { announcement, .. } =
                postcard::from_bytes(&bytes[1..]).unwrap()
            else {
                panic!()
            };
            let frame = empty(announcement.content.manifest.id());
            let frame = Frame { announcement: Some(announcement), ..frame };
            offence(room, input(9, &frame)) != Some(Offence::TooMany)
        };
        for hear in [&by_gossip as &dyn Fn(&mut Room, Vec<u8>) -> bool, &by_frame] {
            let mut room = Room::new(1, &poor());
            let heard = (0..6).filter(|&stranger| {
                let bytes = announced(&mut room, stranger, &[0], steps);
                hear(&mut room, bytes)
            });
            assert_eq!(heard.count(), taken, "{steps} steps");
        }
    }
}

#[test]
fn announcements_for_others_cost_one_check_and_leave_room_for_own() {
    let mut room = Room::new(2, &poor());
    for number in 0..10 {
        let bytes = announced(&mut room, number, &[1], 0);
        let heard = offence(&mut room, Input::Announcement { from: source(9), bytes });
        assert_eq!(heard, (number >= 8).then_some(Offence::Busy));
    }
    let bytes = announced(&mut room, 0, &[0], 0);
    assert_eq!(offence(&mut room, Input::Announcement { from: source(9), bytes }), None);
    assert_eq!(room.nodes[0].sessions().count(), 1);
}

/// Makes a hello of the signer with this key, said this many seconds from now.
fn hello(room: &mut Room, secret: u8, after: u64) -> Input {
    hello_from(room, secret, after, contact(7))
}

fn hello_from(room: &mut Room, secret: u8, after: u64, contact: Contact) -> Input {
    let mut node = Node::new(Config::default()).unwrap();
    node.add_key(&SecretKey::new([secret; 32])).unwrap();
    let now = room.now.saturating_add(Duration::from_secs(after));
    node.execute(now, &mut room.rng, Command::SetContact(contact)).unwrap();
    let outputs = node.execute(now, &mut room.rng, Command::SayHello).unwrap();
    let [Output::Publish(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
    Input::Announcement { from: source(9), bytes: bytes.clone() }
}

#[test]
fn strangers_hellos_leave_room_for_co_signers_hellos() {
    for ends in [false, true] {
        let mut room = Room::new(2, &poor());
        room.join = ends;
        room.propose();
        room.settle();
        assert_eq!(room.is_complete(0), ends);
        let heard = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|number| {
            let strange = hello(&mut room, 77 + number, 0);
            offence(&mut room, strange)
        });
        assert_eq!(heard.iter().filter(|offence| **offence == Some(Offence::Busy)).count(), 2);
        let before = room.frames.len();
        let known = hello(&mut room, 2, 0);
        room.handle(0, known);
        assert!(room.reports[0].is_empty() && room.frames.len() > before);
    }
}

#[test]
fn a_signer_pays_for_what_its_hellos_bring_it() {
    // An announcement of 256 items with their nonces, or their signatures, costs as much as one
    // check, beside the check for the hello. If the session is open, the node also pushes its own
    // statements, once.
    for (ends, answered) in [(false, 1 + 1), (true, 1)] {
        let mut room = Room::new(2, &poor());
        room.join = ends;
        let items = (0..=255).fold(Proposal::new(room.keys.clone()), |proposal, item| {
            proposal.with_message(Message::new([item; 32]))
        });
        let session = room.create(0, items);
        room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
        room.settle();
        assert_eq!(room.is_complete(0), ends);
        let before = room.frames.len();
        for second in 0..20 {
            let hello = hello(&mut room, 2, second);
            room.handle(0, hello);
        }
        assert_eq!(room.frames.len() - before, answered, "{ends}");
        // Each answer costs two checks: there are eight to begin with, and one more each second.
        let has_announcement = |bytes: &[u8]| {
            let frame: Frame = postcard::from_bytes(&bytes[1..]).unwrap();
            frame.announcement.is_some()
        };
        let before = room.frames.len();
        for _ in 0..20 {
            room.now = room.now.saturating_add(Duration::from_secs(1));
            let hello = hello(&mut room, 2, 20);
            room.handle(0, hello);
        }
        let told = room.frames[before..]
            .iter()
            .filter(|(_, to, bytes)| *to == 7 && has_announcement(bytes));
        assert!((4..=(8 + 20) / 2).contains(&told.count()), "{ends}");
    }
}

#[test]
fn announcements_for_signers_without_a_contact_are_charged_too() {
    let mut room = Room::new(2, &poor());
    room.join = false;
    for _ in 0..10 {
        room.propose();
    }
    room.settle();
    let before = room.publications.len();
    for second in 0..20 {
        let hello = hello_from(&mut room, 2, second, Contact::default());
        room.handle(0, hello);
    }
    assert_eq!(room.publications.len() - before, 8);
}

#[test]
fn a_source_pays_for_what_an_ended_session_sends_it() {
    let mut room = Room::new(2, &poor());
    let items = (0..=255).fold(Proposal::new(room.keys.clone()), |proposal, item| {
        proposal.with_message(Message::new([item; 32]))
    });
    let session = room.create(0, items);
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.settle();
    assert!(room.is_complete(0));
    let before = room.frames.len();
    // 16 KiB of signatures cost as much as one check, beside the check for the request.
    for _ in 0..20 {
        room.handle(0, input(9, &Frame { request: Request::Statements, ..empty(session) }));
    }
    assert_eq!(room.frames.len() - before, 4);
}

#[test]
fn a_nodes_own_hello_that_comes_back_is_not_answered() {
    for ends in [false, true] {
        let mut room = Room::new(2, &Config::default());
        room.join = ends;
        room.propose();
        room.settle();
        let (own, before) = (hello(&mut room, 1, 0), room.frames.len());
        room.handle(0, own);
        assert_eq!(room.frames.len(), before);
    }
}

#[test]
fn requests_are_answered_until_the_source_has_no_checks_left() {
    for ends in [false, true] {
        let mut room = Room::new(2, &poor());
        room.join = ends;
        let session = room.propose();
        room.settle();
        let before = room.frames.len();
        let ask = Frame { request: Request::Announcement, ..empty(session) };
        for _ in 0..20 {
            room.handle(0, input(9, &ask));
        }
        assert_eq!(room.frames.len() - before, 8);
    }
}

#[test]
fn final_signatures_cost_a_check_each_time() {
    for ends in [false, true] {
        let mut room = Room::new(2, &poor());
        let session = room.propose();
        if ends {
            room.lost = Box::new(|_, _| true);
            room.execute(0, Command::AbortSession { session, reason: musig2_proto::Note::new("") });
        }
        let signatures = Some(List::new(vec![Signature::new([7; 64])]).unwrap());
        let frame = Frame { signatures, ..empty(session) };
        let heard = [(); 10].map(|()| offence(&mut room, input(9, &frame)));
        assert_eq!(heard[..8], [const { Some(Offence::FalseSignatures) }; 8]);
        assert_eq!(heard[8..], [const { Some(Offence::TooMany) }; 2]);
    }
}

#[test]
fn an_abort_costs_one_check_plus_one_per_statement_of_its_proof() {
    let mut room = Room::new(2, &poor());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    let author = SignerIndex::new(0);
    let accuse = |number: u8, joins: usize| {
        let content = Join { boot: Boot::new([number; 16]), contact: Contact::default() };
        let join = Signed { author, content, signature: Signature::new([0; 64]) };
        let proof = Proof::RestartLimit { joins: List::new(vec![join; joins]).unwrap() };
        let reason = AbortReason::Convicted;
        let abort = Abort { boot: Boot::new([number; 16]), reason, proof: Some(Box::new(proof)) };
        let statement =
            Statement { author, body: Body::Abort(abort), signature: Signature::new([0; 64]) };
        let statements = List::new(vec![statement]).unwrap();
        input(9, &Frame { statements, ..empty(session) })
    };
    // They cost six checks and two, so nothing is left of eight.
    assert_eq!(offence(&mut room, accuse(1, 5)), Some(Offence::BadSignature));
    assert_eq!(offence(&mut room, accuse(2, 1)), Some(Offence::BadSignature));
    assert_eq!(offence(&mut room, accuse(3, 1)), Some(Offence::TooMany));
}

#[test]
fn signers_are_heard_and_not_reported_among_many_sources() {
    let config = Config::default().with_checks_per_source(1).with_source_burst(60);
    let mut room = Room::new(3, &config);
    room.join = false;
    let asked = room.propose();
    room.settle();
    let strangers = |room: &mut Room| {
        for node in 0..3 {
            for number in 0..1100_u16 {
                let (from, ask) = (
                    Source::new(number.to_be_bytes()),
                    Frame { request: Request::Statements, ..empty(asked) },
                );
                let bytes = encode_message(&ask);
                room.nodes[node].handle(room.now, &mut room.rng, Input::Frame { from, bytes });
            }
        }
    };
    // No signers have met yet. Their statements are heard nevertheless, and from then on they are
    // known.
    strangers(&mut room);
    room.join = true;
    for _ in 0..3 {
        room.propose();
        room.settle();
        strangers(&mut room);
    }
    for node in 0..3 {
        let ends = room.ends(node);
        assert_eq!(ends.len(), 3, "{ends:?}");
        assert!(ends.iter().all(|end| matches!(end, Event::SessionComplete { .. })), "{ends:?}");
        assert!(room.reports[node].is_empty(), "{:?}", room.reports[node]);
    }
}

#[test]
fn an_announcement_refused_for_its_time_or_shape_costs_nothing() {
    let mut room = Room::new(1, &poor());
    let late = announced(&mut room, 0, &[0], 10);
    room.now = room.now.saturating_add(Duration::from_secs(601));
    for _ in 0..20 {
        let Publication::Announcement { announcement, .. } =
            postcard::from_bytes(&late[1..]).unwrap()
        else {
            panic!()
        };
        let frame = Frame {
            announcement: Some(announcement.clone()),
            ..empty(announcement.content.manifest.id())
        };
        assert!(matches!(offence(&mut room, input(9, &frame)), Some(Offence::Manifest(_))));
        let heard =
            offence(&mut room, Input::Announcement { from: source(9), bytes: late.clone() });
        assert!(matches!(heard, Some(Offence::Manifest(_))));
    }
}

#[test]
fn repeated_hellos_cost_nothing_and_are_not_relayed() {
    let mut room = Room::new(2, &poor());
    room.join = false;
    room.propose();
    room.settle();
    for secret in [2, 77] {
        let said = hello(&mut room, secret, 0);
        assert_eq!(offence(&mut room, said.clone()), None);
        let Input::Announcement { from, bytes } = said else { panic!() };
        for number in 0..100 {
            // Anyone can change `fresh`.
            let mut bytes = bytes.clone();
            bytes[2] = number;
            let again = Input::Announcement { from: from.clone(), bytes };
            assert_eq!(offence(&mut room, again), Some(Offence::Busy));
        }
        let next = hello(&mut room, secret, 1);
        assert_eq!(offence(&mut room, next), None);
    }
}

#[test]
fn hellos_leave_room_for_announcements() {
    let mut room = Room::new(2, &poor());
    for secret in 100..120 {
        let said = hello(&mut room, secret, 0);
        offence(&mut room, said);
    }
    for (number, others) in [(0, &[0][..]), (1, &[1])] {
        let bytes = announced(&mut room, number, others, 0);
        assert_eq!(offence(&mut room, Input::Announcement { from: source(9), bytes }), None);
    }
}
