//! What strangers and co-signers can make a node do, keep and relay.

use crate::common::forge::{empty, input, nonces, secret, sign};
use crate::common::{Room, contact, source};
use core::time::Duration;
use musig2_proto::wire::announcement::{Announcement, Publication};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::{Frame, Request};
use musig2_proto::wire::proof::Proof;
use musig2_proto::wire::statement::{Abort, AbortReason, Body, Statement};
use musig2_proto::wire::{decode_message, encode_message};
use musig2_proto::{
    AbortCause, Audience, Boot, Command, Config, DerivationPath, Event, Fault, Input, Item,
    ManifestError, Message, Node, Offence, Output, Phase, PhaseTimeout, Proposal, SecretKey,
    SessionId, Severity, Signature, Stepping, Tweak,
};

fn stranger(number: u8) -> Node {
    let mut node = Node::new(Config::default()).unwrap();
    node.add_key(&secret(number)).unwrap();
    node
}

/// Makes a session with these co-signers that a stranger announces.
fn announced_by(room: &mut Room, number: u8, others: &[u8]) -> (SessionId, Vec<u8>) {
    let mut author = stranger(number);
    let keys = author
        .public_keys()
        .chain(others.iter().flat_map(|&other| stranger(other).public_keys().collect::<Vec<_>>()));
    let proposal = Proposal::new(keys.collect::<Vec<_>>()).with_message(Message::new([1; 32]));
    let created =
        author.execute(room.now, &mut room.rng, Command::CreateSession(proposal)).unwrap();
    let [Output::Event(Event::SessionCreated { session })] = created[..] else {
        panic!("{created:?}")
    };
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    let outputs = author.execute(room.now, &mut room.rng, announce).unwrap();
    let published = outputs.into_iter().find_map(|output| match output {
        Output::Publish(bytes) => Some(bytes),
        _ => None,
    });
    (session, published.unwrap())
}

/// Returns what a node reports about an input that came from `source(66)`.
fn reported(room: &mut Room, node: usize, input: Input) -> Option<Offence> {
    let known = room.reports[node].len();
    room.handle(node, input);
    room.reports[node].get(known).map(|report| report.offence.clone())
}

fn heard(bytes: Vec<u8>) -> Input {
    Input::Announcement { from: source(66), bytes }
}

fn frame(
    session: SessionId,
    statements: Vec<Statement>,
    signatures: Option<Vec<Signature>>,
) -> Input {
    let (statements, signatures) =
        (List::new(statements).unwrap(), signatures.map(|all| List::new(all).unwrap()));
    input(66, &Frame { statements, signatures, ..empty(session) })
}

/// Makes a signer's abort with the proof that the signer itself equivocated.
fn confession(session: SessionId, author: u16, count: usize, key: &SecretKey) -> Statement {
    let [first, second] = [2, 3].map(|fill| nonces(session, author, fill, count, key));
    let proof = Some(Box::new(Proof::EquivocatingNonces { first, second }));
    sign(
        session,
        author,
        Body::Abort(Abort { boot: Boot::new([1; 16]), reason: AbortReason::Convicted, proof }),
        key,
    )
}

#[test]
fn forged_announcements_of_open_and_ended_sessions_are_reported() {
    let mut room = Room::new(3, &Config::default());
    let joined = room.propose();
    room.settle();
    assert!(room.is_complete(1), "a tombstone");
    room.join = false;
    let open = room.propose();
    room.settle();
    let declined = room.propose();
    room.settle();
    room.execute(1, Command::DeclineSession { session: declined, reason: None });
    for session in [joined, open, declined] {
        let bytes = room.nodes[0].announcement(&session).unwrap();
        let genuine: Announcement = decode_message(&bytes, bytes.len()).unwrap();
        let publish = |announcement| {
            heard(encode_message(&Publication::Announcement { fresh: [9; 8], announcement }))
        };
        assert_eq!(reported(&mut room, 1, publish(genuine.clone())), None);
        let forged = Announcement { signature: Signature::new([7; 64]), ..genuine };
        assert_eq!(reported(&mut room, 1, publish(forged)), Some(Offence::BadSignature));
    }
}

#[test]
fn a_known_announcement_is_relayed_at_a_bounded_rate_while_in_time() {
    for joins in [true, false] {
        let mut room = Room::new(3, &Config::default());
        room.join = joins;
        let session = room.propose();
        room.settle();
        let bytes = room.nodes[0].announcement(&session).unwrap();
        let announcement: Announcement = decode_message(&bytes, bytes.len()).unwrap();
        let mut number = 0_u64;
        let mut repeat = |room: &mut Room| {
            number += 1;
            let (fresh, announcement) = (number.to_le_bytes(), announcement.clone());
            let publication = Publication::Announcement { fresh, announcement };
            reported(room, 1, heard(encode_message(&publication)))
        };
        let mut passed_on =
            [(); 20].map(|()| repeat(&mut room)).iter().filter(|one| one.is_none()).count();
        assert!((4..=8).contains(&passed_on), "{passed_on} at once");
        passed_on = 0;
        for _ in 0..100 {
            room.now = room.now.saturating_add(Duration::from_millis(100));
            passed_on += usize::from(repeat(&mut room).is_none());
        }
        assert_eq!(passed_on, 20, "in ten seconds");
        // Its five minutes are over, and so is the minute by which clocks may differ.
        room.now = room.now.saturating_add(Duration::from_secs(350));
        assert!(matches!(repeat(&mut room), Some(Offence::Manifest(ManifestError::Over(_)))));
    }
}

#[test]
fn every_signature_of_a_batch_is_charged_for() {
    let config = Config::default().with_source_burst(100).with_checks_per_source(1);
    let mut room = Room::new(2, &config);
    room.lost = Box::new(|from, to| (from, to) == (1, 0));
    let session = room.create(0, room.proposal(40));
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.settle();
    let signatures = |count| Some(vec![Signature::new([1; 64]); count]);
    assert_eq!(
        reported(&mut room, 0, frame(session, vec![], signatures(41))),
        Some(Offence::Misfit)
    );
    assert_eq!(
        reported(&mut room, 0, frame(session, vec![], signatures(40))),
        Some(Offence::FalseSignatures)
    );
    assert_eq!(
        reported(&mut room, 0, frame(session, vec![], signatures(40))),
        Some(Offence::FalseSignatures)
    );
    assert_eq!(
        reported(&mut room, 0, frame(session, vec![], signatures(40))),
        Some(Offence::TooMany)
    );
}

#[test]
fn a_session_keeps_one_proof_and_none_that_is_too_long() {
    let mut room = Room::new(1, &Config::default());
    room.join = false;
    let (session, bytes) = announced_by(&mut room, 60, &[1, 61, 62]);
    room.handle(0, heard(bytes));
    let keys = room.nodes[0].session(&session).unwrap().manifest.signers().to_vec();
    let index = |number| {
        let key = stranger(number).public_keys().next().unwrap();
        keys.iter().position(|other| *other == key).unwrap() as u16
    };
    let statements = |room: &Room| room.nodes[0].session(&session).unwrap().statements;
    let long = confession(session, index(60), 4096, &secret(60));
    assert_eq!(reported(&mut room, 0, frame(session, vec![long], None)), Some(Offence::Misfit));
    assert_eq!(statements(&room), 0);
    for number in [60, 61, 62] {
        let abort = confession(session, index(number), 1, &secret(number));
        assert_eq!(reported(&mut room, 0, frame(session, vec![abort], None)), None);
        assert_eq!(statements(&room), 1);
    }
}

#[test]
fn a_proof_convicts_even_in_an_abort_of_a_life_that_never_joined() {
    let mut room = Room::new(3, &Config::default());
    room.lost = Box::new(|_, to| to == 2);
    let session = room.propose();
    room.settle();
    let keys = room.nodes[0].session(&session).unwrap().manifest.signers().to_vec();
    let index = keys.iter().position(|key| *key == room.keys[2]).unwrap() as u16;
    // The abort is by a life whose join is missing.
    let abort = confession(session, index, 1, &secret(3));
    room.handle(0, frame(session, vec![abort], None));
    let [Event::SessionAborted { cause: AbortCause::Convicted { signer, fault, .. }, .. }] =
        room.ends(0)[..]
    else {
        panic!("{:?}", room.ends(0))
    };
    assert_eq!((signer.get(), *fault), (index, Fault::Equivocation));
    room.pass(Duration::from_secs(10));
    assert_eq!(room.ends(1).len(), 1, "and whoever asks is told");
}

#[test]
fn strangers_sessions_keep_no_restarted_signer_out_of_its_own() {
    let mut room = Room::new(3, &Config::default());
    room.join = false;
    let session = room.propose();
    room.settle();
    let kept = room.nodes[0].announcement(&session).unwrap();
    let flooded = |room: &mut Room| {
        room.nodes[0] = stranger(1);
        room.execute(0, Command::SetContact(contact(0)));
        room.events[0].clear();
        for number in 100..140 {
            let (_, bytes) = announced_by(room, number, &[1]);
            room.handle(0, heard(bytes));
        }
        let full = room.nodes[0].sessions().count();
        assert_eq!(full, 32, "strangers have half of the room");
    };
    flooded(&mut room);
    room.execute(0, Command::ResumeSession { announcement: kept });
    assert!(room.nodes[0].session(&session).is_some());
    // Without anything kept, its co-signers, which are strangers to it now, bring its own earlier
    // join.
    room.settle();
    flooded(&mut room);
    room.execute(0, Command::SayHello);
    room.settle();
    assert!(room.nodes[0].session(&session).is_some());
}

#[test]
fn strangers_leave_room_only_for_sessions_that_a_signer_had_joined() {
    for joins in [true, false] {
        let mut room = Room::new(2, &Config::default().with_stepping(Stepping::Manual));
        room.join = joins;
        let session = room.propose();
        room.settle();
        room.nodes[1] = stranger(2);
        room.join = false;
        for number in 100..140 {
            let (_, bytes) = announced_by(&mut room, number, &[2]);
            // From where the coordinator's announcements come: otherwise they would make room for
            // its session.
            room.handle(1, Input::Announcement { from: source(0), bytes });
        }
        room.execute(1, Command::SetContact(contact(1)));
        room.execute(1, Command::SayHello);
        room.settle();
        assert_eq!(room.nodes[1].session(&session).is_some(), joins);
    }
}

#[test]
fn announcements_without_room_cost_other_proposers_nothing() {
    let mut room = Room::new(1, &Config::default());
    room.join = false;
    for number in 100..200 {
        let (_, bytes) = announced_by(&mut room, number, &[1]);
        for _ in 0..20 {
            room.handle(0, heard(bytes.clone()));
        }
    }
    let friend = stranger(50).public_keys().next().unwrap();
    room.execute(0, Command::AddContact { signer: friend, contact: contact(5) });
    let (session, bytes) = announced_by(&mut room, 50, &[1]);
    assert_eq!(reported(&mut room, 0, heard(bytes)), None);
    assert!(room.nodes[0].session(&session).is_some());
}

#[test]
fn a_large_batch_that_the_configuration_allows_is_taken() {
    let mut room = Room::new(2, &Config::default().with_max_items(1000));
    let path = || Tweak::Bip32 {
        chain_code: musig2_proto::ChainCode::BIP328,
        path: DerivationPath::new(vec![0, 5]).unwrap(),
    };
    let proposal = (0..300_u16).fold(Proposal::new(room.keys.clone()), |proposal, number| {
        let mut message = [0; 32];
        message[..2].copy_from_slice(&number.to_be_bytes());
        proposal.with_item(
            Item::new(Message::new(message)).with_tweaks(vec![path(), Tweak::BIP86]).unwrap(),
        )
    });
    room.nodes[1] =
        Node::new(Config::default().with_max_items(1000).with_source_burst(100)).unwrap();
    room.nodes[1].add_key(&secret(2)).unwrap();
    let session = room.create(0, proposal);
    room.execute(0, Command::AnnounceSession { session, audience: Audience::Everyone });
    room.settle();
    assert!(room.nodes[1].session(&session).is_some(), "{:?}", room.reports[1]);
}

#[test]
fn discoveries_of_one_authors_sessions_are_bounded() {
    let config =
        Config::default().with_discoveries_per_author(1).with_max_discovered_per_author(100);
    let mut room = Room::new(1, &config);
    room.join = false;
    let busy: Vec<_> = (0..11)
        .map(|_| {
            let (_, bytes) = announced_by(&mut room, 60, &[1]);
            reported(&mut room, 0, heard(bytes))
        })
        .collect();
    assert_eq!(busy, [vec![None; 10], vec![Some(Offence::Busy)]].concat());
    let (_, bytes) = announced_by(&mut room, 61, &[1]);
    assert_eq!(reported(&mut room, 0, heard(bytes)), None, "another author's budget is its own");
    assert_eq!(room.events[0].len(), 11);
}

#[test]
fn an_abort_of_an_earlier_life_does_not_prevent_a_new_one() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    let session = room.propose();
    let keys = room.nodes[0].session(&session).unwrap().manifest.signers().to_vec();
    let me = keys.iter().position(|key| *key == room.keys[0]).unwrap() as u16;
    let boot = Boot::new([77; 16]);
    let old = Body::Abort(Abort {
        boot,
        reason: AbortReason::Requested(Default::default()),
        proof: None,
    });
    room.handle(0, frame(session, vec![sign(session, me, old, &secret(1))], None));
    room.execute(0, Command::AbortSession { session, reason: Default::default() });
    assert!(!room.events[0].iter().any(|event| matches!(event, Event::SessionError { .. })));
    assert!(matches!(room.ends(0)[..], [Event::SessionAborted { .. }]));
}

#[test]
fn a_node_that_timed_out_gives_its_partials_out_until_expiry() {
    let config = Config::default().with_partial_sig_timeout(Duration::from_secs(2));
    let mut room = Room::new(3, &config);
    let session = room.propose();
    room.until(|room| room.has_all_nonces(1));
    room.lost = Box::new(|_, _| true);
    room.pass(Duration::from_secs(5));
    assert!(
        matches!(room.ends(1)[..], [Event::SessionAborted { released: true, .. }]),
        "{:?}",
        room.ends(1)
    );
    let gives_partials = |room: &mut Room| {
        let ask = Frame { request: Request::Statements, ..empty(session) };
        let known = room.frames.len();
        room.handle(1, input(66, &ask));
        room.frames[known..].iter().any(|(_, _, bytes)| {
            let frame: Frame = decode_message(bytes, bytes.len()).unwrap();
            frame.statements.iter().any(|statement| matches!(statement.body, Body::Partials(_)))
        })
    };
    let expiry = room.nodes[1].session(&session).unwrap().manifest.expires_at();
    room.now = expiry.saturating_sub(Duration::from_millis(1));
    assert!(gives_partials(&mut room));
    room.now = expiry;
    assert!(!gives_partials(&mut room));
}

#[test]
fn unsent_partials_are_not_sent_after_expiry_even_without_a_tick() {
    let mut room =
        Room::new(3, &Config::default().with_partial_sig_timeout(Duration::from_secs(3600)));
    let session = room.propose();
    room.until(|room| room.has_all_nonces(1));
    room.lost = Box::new(|_, _| true);
    room.settle();
    let view = room.nodes[1].session(&session).unwrap();
    assert!(view.released && room.ends(1).is_empty());
    let asks = input(66, &Frame { request: Request::Statements, ..empty(session) });
    let gives_partials = |room: &mut Room, at| {
        room.now = at;
        let known = room.frames.len();
        room.handle(1, Input::clone(&asks));
        room.frames[known..].iter().any(|(_, _, bytes)| {
            let frame: Frame = decode_message(bytes, bytes.len()).unwrap();
            frame.statements.iter().any(|statement| matches!(statement.body, Body::Partials(_)))
        })
    };
    let expiry = view.manifest.expires_at();
    assert!(!gives_partials(&mut room, expiry));
}

#[test]
fn ended_sessions_leave_only_their_names_if_they_take_too_much() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    // A session that takes little room, before all others.
    let small = room.propose();
    room.execute(0, Command::AbortSession { session: small, reason: Default::default() });
    room.events[0].clear();
    let mut first = None;
    // Each ends with a proof of 4,096 nonces in a session of one item, which is kept twice: on the
    // board and as evidence.
    for _ in 0..140 {
        room.now = room.now.saturating_add(Duration::from_secs(1));
        let session = room.propose();
        let manifest = room.nodes[0].session(&session).unwrap().manifest;
        first.get_or_insert((session, room.nodes[0].announcement(&session).unwrap()));
        let accused = manifest.index_of(&room.keys[1]).unwrap();
        let wrong = nonces(session, accused.get(), 7, 4096, &secret(2)).statement();
        room.handle(0, frame(session, vec![wrong], None));
    }
    let ended = room.ends(0);
    assert_eq!(ended.len(), 140);
    assert!(ended.iter().all(|end| {
        matches!(
            end,
            Event::SessionAborted {
                cause: AbortCause::Convicted { fault: Fault::InvalidNonce, .. },
                ..
            }
        )
    }));
    let (first, announcement) = first.unwrap();
    let kept = room.nodes[0].sessions().count();
    assert!((100..130).contains(&kept), "{kept} of half a megabyte in 64");
    assert!(
        room.nodes[0].session(&small).is_some(),
        "what others take a lot for does not make it forget"
    );
    assert!(room.nodes[0].session(&first).is_none());
    // They are not opened again.
    let announcement = decode_message(&announcement, announcement.len()).unwrap();
    let publication = encode_message(&Publication::Announcement { fresh: [1; 8], announcement });
    room.handle(0, heard(publication));
    assert_eq!(room.nodes[0].sessions().count(), kept);
}

/// Has node 0 end a session that `coordinator` proposed, by a proof of this many nonces.
fn convicted(room: &mut Room, coordinator: usize, nonces_in_proof: usize) -> SessionId {
    room.now = room.now.saturating_add(Duration::from_secs(1));
    let session = room.create(coordinator, room.proposal(1));
    room.execute(coordinator, Command::AnnounceSession { session, audience: Audience::Everyone });
    if coordinator != 0 {
        let announcement = room.nodes[coordinator].announcement(&session).unwrap();
        let announcement = decode_message(&announcement, announcement.len()).unwrap();
        room.handle(
            0,
            heard(encode_message(&Publication::Announcement { fresh: [1; 8], announcement })),
        );
        room.execute(0, Command::JoinSession { session });
    }
    let accused =
        room.nodes[0].session(&session).unwrap().manifest.index_of(&room.keys[1]).unwrap();
    let wrong = nonces(session, accused.get(), 7, nonces_in_proof, &secret(2)).statement();
    room.handle(0, frame(session, vec![wrong], None));
    assert!(room.nodes[0].session(&session).unwrap().cause.is_some());
    session
}

#[test]
fn small_sessions_of_one_coordinator_evict_no_large_one_of_another() {
    let mut room = Room::new(2, &Config::default());
    room.lost = Box::new(|_, _| true);
    room.join = false;
    let large = convicted(&mut room, 1, 4096);
    // Each is half as large, and together they take 100 MB.
    let small: Vec<_> = (0..400).map(|_| convicted(&mut room, 0, 2000)).collect();
    let kept = small.iter().filter(|session| room.nodes[0].session(session).is_some()).count();
    assert!(kept < small.len(), "there is room for all");
    assert!(room.nodes[0].session(&large).is_some());
}

#[test]
fn an_inactive_session_ends_whatever_its_phases_may_take() {
    let config = Config::default()
        .with_phase_timeout(PhaseTimeout::Report)
        .with_inactivity_timeout(Duration::from_secs(90));
    let mut room = Room::new(2, &config);
    room.lost = Box::new(|_, _| true);
    room.propose();
    room.pass(Duration::from_millis(89_999));
    assert!(room.ends(0).is_empty());
    room.pass(Duration::from_millis(1));
    let [Event::SessionAborted { cause: AbortCause::TimedOut { phase, awaiting }, .. }] =
        room.ends(0)[..]
    else {
        panic!("{:?}", room.ends(0))
    };
    assert_eq!((*phase, awaiting.len()), (Phase::Joining, 1));
}

#[test]
fn every_offence_has_its_severity() {
    let benign = [
        Offence::Version(9),
        Offence::Busy,
        Offence::Stale(Duration::from_secs(60)),
        Offence::NoRoom,
        Offence::UnknownSession,
        Offence::Manifest(musig2_proto::ManifestError::SeveralOwnKeys),
    ];
    let suspicious =
        [Offence::TooLarge { size: 2, max: 1 }, Offence::Impersonation, Offence::TooMany];
    let malicious = [
        Offence::Malformed,
        Offence::Misfit,
        Offence::BadSignature,
        Offence::FalseProof,
        Offence::FalseSignatures,
    ];
    assert!(benign.iter().all(|offence| offence.severity() == Severity::Benign));
    assert!(suspicious.iter().all(|offence| offence.severity() == Severity::Suspicious));
    assert!(malicious.iter().all(|offence| offence.severity() == Severity::Malicious));
}

#[test]
fn an_announcement_with_a_repeated_key_or_two_own_keys_is_refused() {
    let mut room = Room::new(1, &Config::default());
    room.nodes[0].add_key(&secret(2)).unwrap();
    let (_, bytes) = announced_by(&mut room, 60, &[1, 2]);
    let several = Offence::Manifest(musig2_proto::ManifestError::SeveralOwnKeys);
    assert_eq!(reported(&mut room, 0, heard(bytes)), Some(several));
    // One of the strangers' keys takes the place of the other.
    let (_, mut bytes) = announced_by(&mut room, 60, &[1, 61]);
    let [one, other] = [60, 61].map(|number| stranger(number).public_keys().next().unwrap());
    let place = bytes.windows(33).position(|window| window == one.as_bytes()).unwrap();
    bytes[place..place + 33].copy_from_slice(other.as_bytes());
    assert!(matches!(reported(&mut room, 0, heard(bytes)), Some(Offence::Manifest(_))));
    assert_eq!(room.nodes[0].sessions().count(), 0);
}
