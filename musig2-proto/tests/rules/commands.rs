//! A misused command returns a typed error that says what to do, and changes nothing.

use crate::common::Room;
use core::time::Duration;
use musig2_proto::{
    Audience, ChainCode, Command, CommandError, Config, Contact, DeclineReason, DerivationPath,
    Event, Item, KeyError, ManifestError, Message, Node, Note, Offence, OnDecline, Proposal,
    PublicKey, SecretKey, SessionId, Stepping, Timestamp, Tweak,
};

fn refused(room: &mut Room, node: usize, command: Command) -> CommandError {
    let before: Vec<_> = room.nodes[node].sessions().collect();
    let deadline = room.nodes[node].next_deadline();
    let error = room.try_execute(node, command).unwrap_err();
    assert_eq!(room.nodes[node].sessions().collect::<Vec<_>>(), before);
    assert_eq!(room.nodes[node].next_deadline(), deadline);
    error
}

#[test]
fn a_proposal_that_breaks_a_rule_is_refused_with_the_rule() {
    let mut room = Room::new(3, &Config::default());
    let keys = room.keys.clone();
    let one = || Item::new(Message::new([1; 32]));
    let create =
        |room: &mut Room, proposal: Proposal| refused(room, 0, Command::CreateSession(proposal));
    let manifest = |error| match error {
        CommandError::Manifest(error) => error,
        other => panic!("{other:?}"),
    };

    let error = create(&mut room, Proposal::new([keys[0]]).with_item(one()));
    assert_eq!(manifest(error), ManifestError::TooFewSigners { got: 1, min: 2 });
    let error = create(&mut room, Proposal::new([keys[0], keys[1], keys[1]]).with_item(one()));
    assert!(matches!(manifest(error), ManifestError::DuplicateKey(..)));
    let mut mirrored = *keys[1].as_bytes();
    mirrored[0] ^= 1;
    let error = create(
        &mut room,
        Proposal::new([keys[0], keys[1], PublicKey::new(mirrored)]).with_item(one()),
    );
    assert!(
        matches!(manifest(error), ManifestError::DuplicateKey(..)),
        "one x coordinate, one secret"
    );
    let error =
        create(&mut room, Proposal::new([keys[0], PublicKey::new([5; 33])]).with_item(one()));
    assert_eq!(manifest(error).to_string(), "key 1 is not a point on secp256k1");
    let error = create(&mut room, Proposal::new(keys.clone()));
    assert_eq!(manifest(error), ManifestError::NoItems);
    let many = (0..257).fold(Proposal::new(keys.clone()), |proposal, _| proposal.with_item(one()));
    let error = create(&mut room, many);
    assert_eq!(manifest(error), ManifestError::TooManyItems { got: 257, max: 256 });
    let error = create(&mut room, room_proposal(&keys).with_memo(vec![0; 1025]));
    assert_eq!(manifest(error), ManifestError::MemoTooLong { got: 1025, max: 1024 });
    let error = create(&mut room, room_proposal(&keys).with_duration(Duration::from_secs(601)));
    assert!(matches!(manifest(error), ManifestError::TooLong { .. }));
    let error = create(&mut room, room_proposal(&keys).with_duration(Duration::ZERO));
    assert!(matches!(manifest(error), ManifestError::TooLong { .. }));
    let error = create(&mut room, Proposal::new([keys[1], keys[2]]).with_item(one()));
    assert_eq!(error, CommandError::NotASigner);
    let strangers = (1..=16_u8).map(|number| {
        let mut node = Node::new(Config::default()).unwrap();
        node.add_key(&SecretKey::new([100 + number; 32])).unwrap()
    });
    let error = create(&mut room, Proposal::new(strangers.chain([keys[0]])).with_item(one()));
    assert_eq!(error.to_string(), "17 signers; at most 15 are allowed");
}

fn room_proposal(keys: &[PublicKey]) -> Proposal {
    Proposal::new(keys.iter().copied()).with_message(Message::new([1; 32]))
}

#[test]
fn a_command_in_the_wrong_phase_is_refused() {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    let nobody = SessionId::new([9; 32]);
    assert_eq!(
        refused(&mut room, 0, Command::JoinSession { session: nobody }),
        CommandError::UnknownSession(nobody)
    );
    let session = room.create(0, room.proposal(1));
    assert_eq!(
        refused(&mut room, 0, Command::ShareNonces { session }),
        CommandError::NotAnnounced(session),
        "nobody knows it yet"
    );
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    room.execute(0, announce.clone());
    room.settle();
    assert_eq!(refused(&mut room, 0, announce.clone()), CommandError::NotToAnnounce(session));
    assert_eq!(refused(&mut room, 1, announce), CommandError::NotToAnnounce(session));
    assert_eq!(
        refused(&mut room, 0, Command::JoinSession { session }),
        CommandError::AlreadyJoined(session)
    );
    assert_eq!(
        refused(
            &mut room,
            0,
            Command::DeclineSession { session, reason: Some(DeclineReason::Policy) }
        ),
        CommandError::AlreadyJoined(session)
    );
    let abort = Command::AbortSession { session, reason: Note::new("") };
    assert_eq!(refused(&mut room, 1, abort), CommandError::NotJoined(session));
    room.execute(1, Command::DeclineSession { session, reason: Some(DeclineReason::Policy) });
    assert_eq!(
        refused(&mut room, 1, Command::JoinSession { session }),
        CommandError::Ended(session)
    );
    room.pass(Duration::from_secs(301));
    assert_eq!(
        refused(&mut room, 2, Command::JoinSession { session }),
        CommandError::Ended(session)
    );
}

#[test]
fn a_declined_session_is_not_discovered_again() {
    let mut room = Room::new(2, &Config::default().with_on_decline(OnDecline::Wait));
    room.join = false;
    let session = room.propose();
    room.settle();
    room.execute(1, Command::DeclineSession { session, reason: Some(DeclineReason::Policy) });
    room.pass(Duration::from_secs(60));
    assert!(room.publications.len() > 3, "the coordinator goes on announcing");
    let discovered = |event: &&Event| matches!(event, Event::SessionDiscovered { .. });
    assert_eq!(room.events[1].iter().filter(discovered).count(), 1);
    let announcement = room.nodes[0].announcement(&session).unwrap();
    let resume = Command::ResumeSession { announcement };
    assert_eq!(
        refused(&mut room, 1, resume),
        CommandError::Ended(session),
        "nothing of it was lost"
    );
}

#[test]
fn a_manual_step_that_must_wait_says_for_which_signers() {
    let mut room = Room::new(3, &Config::default().with_stepping(Stepping::Manual));
    let session = room.propose();
    room.pass(Duration::from_secs(1));
    let place = |room: &Room, node: usize| room.nodes[node].session(&session).unwrap().me;
    for node in [0, 1] {
        room.execute(node, Command::ShareNonces { session });
    }
    room.pass(Duration::from_secs(1));
    let awaited = vec![place(&room, 2)];
    let said =
        CommandError::NotReady([0, 2].map(musig2_proto::SignerIndex::new).to_vec()).to_string();
    assert_eq!(said, "still waiting for signers 0, 2");
    for command in
        [Command::SharePartialSignatures { session }, Command::FinalizeSession { session }]
    {
        assert_eq!(refused(&mut room, 0, command), CommandError::NotReady(awaited.clone()));
    }
    room.execute(2, Command::ShareNonces { session });
    room.pass(Duration::from_secs(1));
    for node in 0..3 {
        assert!(room.events[node].contains(&Event::NoncesComplete { session }));
        room.execute(node, Command::SharePartialSignatures { session });
    }
    room.pass(Duration::from_secs(1));
    for node in 0..3 {
        assert!(room.ends(node).is_empty());
        room.execute(node, Command::FinalizeSession { session });
        assert!(room.is_complete(node));
    }
}

#[test]
fn a_key_must_be_valid_and_can_be_added_only_once() {
    let mut node = Node::new(Config::default()).unwrap();
    assert!(matches!(node.add_key(&SecretKey::new([0; 32])), Err(KeyError::Invalid(_))));
    assert!(matches!(node.add_key(&SecretKey::new([0xff; 32])), Err(KeyError::Invalid(_))));
    node.add_key(&SecretKey::new([1; 32])).unwrap();
    assert_eq!(node.add_key(&SecretKey::new([1; 32])), Err(KeyError::Duplicate));
}

#[test]
fn two_own_keys_are_refused_in_one_session_and_fine_in_two() {
    let mut room = Room::new(2, &Config::default());
    let second = room.nodes[0].add_key(&SecretKey::new([50; 32])).unwrap();
    let both = room_proposal(&[room.keys[0], second, room.keys[1]]);
    assert_eq!(
        refused(&mut room, 0, Command::CreateSession(both)),
        CommandError::Manifest(ManifestError::SeveralOwnKeys)
    );
    for own in [room.keys[0], second] {
        let session = room.create(0, room_proposal(&[own, room.keys[1]]));
        room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    }
    room.settle();
    assert_eq!(room.ends(0).len(), 2);
    assert_eq!(room.ends(1).len(), 2);
}

#[test]
fn secret_keys_print_as_redacted() {
    let secret = SecretKey::new([0xab; 32]);
    assert_eq!(format!("{secret:?}"), "SecretKey(<redacted>)");
}

#[test]
fn keys_are_sorted_as_in_bip327_unless_told_otherwise() {
    let mut room = Room::new(3, &Config::default());
    let mut keys = room.keys.clone();
    keys.sort();
    keys.reverse();
    let sorted = room.create(0, room_proposal(&keys));
    let given = room.create(0, room_proposal(&keys).with_keep_order(true));
    let view = |id| room.nodes[0].session(id).unwrap();
    assert!(view(&sorted).manifest.signers().is_sorted());
    assert_eq!(view(&given).manifest.signers(), keys);
    assert_ne!(view(&sorted).output_keys, view(&given).output_keys);
    assert_eq!(view(&given).manifest.created_at(), Timestamp::from_millis(1_800_000_000_000));
}

#[test]
fn a_proposal_and_a_configuration_can_be_read_back() {
    let config = Config::default().with_max_signers(3);
    let room = Room::new(2, &config);
    assert_eq!(*room.nodes[0].config(), config);
    let proposal = room.proposal(2);
    assert_eq!(proposal.signers(), room.keys);
    let messages: Vec<_> = proposal.items().iter().map(|item| *item.message()).collect();
    assert_eq!(messages, [Message::new([0; 32]), Message::new([1; 32])]);
    assert_eq!(room.now.to_string(), "1800000000000 ms");
}

#[test]
fn a_random_generator_that_repeats_makes_no_second_session() {
    let mut room = Room::new(2, &Config::default());
    let seed = || rand_chacha::rand_core::SeedableRng::from_seed([8; 32]);
    let (created, proposal) = (room.now, room.proposal(1));
    room.rng = seed();
    let session = room.create(0, proposal.clone());
    room.rng = seed();
    let again = Command::CreateSession(proposal);
    assert_eq!(refused(&mut room, 0, again.clone()), CommandError::CannotSign);
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.settle();
    assert!(room.is_complete(0));
    (room.now, room.rng) = (created, seed());
    assert_eq!(
        refused(&mut room, 0, again),
        CommandError::CannotSign,
        "nor once the first has ended"
    );
}

#[test]
fn a_joined_or_ended_session_is_not_resumed() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    let announcement = room.nodes[0].announcement(&session).unwrap();
    let resume = Command::ResumeSession { announcement };
    assert_eq!(refused(&mut room, 0, resume.clone()), CommandError::AlreadyJoined(session));
    room.execute(0, Command::AbortSession { session, reason: Note::new("") });
    assert_eq!(refused(&mut room, 0, resume), CommandError::Ended(session));
}

/// Announces a session whose announcement, with memo, contacts and tweaks, is larger than the
/// smallest limit that frames may have.
fn announce_much(room: &mut Room) -> Result<SessionId, CommandError> {
    let (signer, contact) = (room.keys[1], Contact::new(vec![1; Contact::MAX_SIZE]).unwrap());
    room.execute(0, Command::SetContact(contact.clone()));
    room.execute(0, Command::AddContact { signer, contact });
    let path = DerivationPath::new(vec![u32::MAX / 2]).unwrap();
    let tweaks = vec![Tweak::Bip32 { chain_code: ChainCode::BIP328, path }; 4];
    let item = Item::new(Message::new([1; 32])).with_tweaks(tweaks).unwrap();
    let proposal =
        (0..16).fold(Proposal::new(room.keys.clone()), |all, _| all.with_item(item.clone()));
    let session = room.create(0, proposal.with_memo(vec![0; 4096]));
    room.try_execute(0, Command::AnnounceSession { session, audience: Audience::Everyone })
        .map(|()| session)
}

fn spacious(max_frame_size: usize) -> Config {
    let config = Config::default().with_max_items(16).with_max_memo(4096).with_max_signers(2);
    config.with_max_frame_size(max_frame_size)
}

#[test]
fn an_announcement_must_fit_a_frame_with_signatures_and_envelope() {
    let size = |max_frame_size: usize| {
        let mut room = Room::new(2, &spacious(max_frame_size));
        announce_much(&mut room).map(|session| room.nodes[0].announcement(&session).unwrap().len())
    };
    // Sixteen signatures of 64 bytes, four bitmaps of one byte, and 512 bytes around them.
    let least = size(1 << 20).unwrap() + 16 * 64 + 4 + 512;
    assert!(size(least).is_ok());
    assert_eq!(size(least - 1), Err(CommandError::TooLarge { size: least, max: least - 1 }));
}

#[test]
fn an_announcement_too_large_for_a_nodes_own_frames_is_refused() {
    let refused = |max_frame_size: usize| {
        let mut room = Room::new(2, &spacious(1 << 20));
        room.join = false;
        room.nodes[1] = Node::new(spacious(max_frame_size)).unwrap();
        room.nodes[1].add_key(&SecretKey::new([2; 32])).unwrap();
        let session = announce_much(&mut room).unwrap();
        room.settle();
        let size = room.nodes[0].announcement(&session).unwrap().len();
        // The coordinator allows larger frames, so some of its frames may be too large as well.
        let mut offences = room.reports[1].iter().map(|report| report.offence.clone());
        (size, offences.find(|offence| matches!(offence, Offence::Manifest(_))))
    };
    let least = refused(1 << 20).0 + 16 * 64 + 4 + 512;
    assert_eq!(refused(least).1, None);
    let error = ManifestError::TooLarge { size: least, max: least - 1 };
    assert_eq!(refused(least - 1).1, Some(Offence::Manifest(error)));
}
