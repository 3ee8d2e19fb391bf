//! Sessions over a simulated network with faults. Every test ends with [`signed`], which checks the
//! signatures of every signer under the tweaked aggregate key with two libraries, and not through
//! the core.

use core::time::Duration;
use musig2_proto::{
    AbortCause, ChainCode, Command, Config, DerivationPath, Event, Item, MerkleRoot, Message, Note,
    PhaseTimeout, PlainTweak, Signature, Stepping, Topology, Tweak, TweakKind, TweakScalar,
    XOnlyPublicKey,
};
use musig2_sim::{
    Answer, Bip340, Judge, Latency, Micros, NodeId, Partition, Plan, Probability, Profile,
    SessionPlan, World,
};
use std::collections::BTreeSet;

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);
const CAROL: NodeId = NodeId::new(2);

/// Runs to the end. Every signer must then have every signature.
fn signed(plan: Plan) -> World {
    let mut world = World::new(plan).unwrap();
    finish(&mut world);
    world
}

fn finish(world: &mut World) {
    let seed = world.plan().seed;
    world.run_until_quiet().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    world.check().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    verify_with_libsecp256k1(world);
}

/// `World::check` has verified the signatures with the `musig2` crate, and that all signers hold
/// the same bytes. This is the second opinion.
fn verify_with_libsecp256k1(world: &World) {
    for (session, plan) in world.plan().sessions.iter().enumerate() {
        let mut signers: Vec<_> = plan.signers.iter().map(|&node| world.public_key(node)).collect();
        signers.sort();
        let view = world.view(plan.coordinator, session).unwrap();
        let signatures = view.signatures.unwrap();
        assert_eq!(signatures.len(), plan.items.len());
        for (item, signature) in plan.items.iter().zip(&signatures) {
            let key = Bip340::output_key(&signers, item).unwrap();
            assert!(is_valid(&key, item.message(), signature));
        }
    }
}

fn is_valid(key: &XOnlyPublicKey, message: &Message, signature: &Signature) -> bool {
    let key = secp256k1::XOnlyPublicKey::from_byte_array(key.to_bytes()).unwrap();
    let signature = secp256k1::schnorr::Signature::from_byte_array(signature.to_bytes());
    secp256k1::schnorr::verify(&signature, message.as_bytes(), &key).is_ok()
}

/// Loses and duplicates a tenth of everything, from the first moment to the last, and lets messages
/// overtake each other.
fn rough(plan: Plan) -> Plan {
    plan.with_loss(Probability::percent(10))
        .with_duplication(Probability::percent(10))
        .with_latency(Latency::Uniform {
            least: Micros::from_millis(5),
            most: Micros::from_millis(150),
        })
        .with_delays(Probability::percent(5), Latency::Constant(Micros::from_secs(2)))
}

#[test]
fn three_signers_finish_on_a_rough_network_with_each_of_200_seeds() {
    for seed in 0..200 {
        let world = signed(rough(Plan::one_session(3)).with_seed(seed));
        assert!(world.completed_at(0).unwrap() < Micros::from_secs(60), "seed {seed}");
    }
}

#[test]
fn fifteen_signers_finish_on_a_rough_network_with_each_of_200_seeds() {
    for seed in 0..200 {
        let world = signed(rough(Plan::one_session(15)).with_seed(seed));
        assert!(world.counters().lost > 0 && world.counters().duplicated > 0, "seed {seed}");
        assert!(world.completed_at(0).unwrap() < Micros::from_secs(60), "seed {seed}");
    }
}

#[test]
fn signers_behind_a_hub_finish_on_a_rough_network_with_each_of_200_seeds() {
    let config = Config::default().with_topology(Topology::Hub);
    for seed in 0..200 {
        signed(rough(Plan::one_session(5)).with_config(config.clone()).with_seed(seed));
    }
}

#[test]
fn a_partition_heals_and_the_session_finishes() {
    let [from, until] = [30, 20_000].map(Micros::from_millis);
    let partition = Partition::new([ALICE, BOB], [CAROL]).during(from, until);
    for plan in [
        Plan::one_session(3).with_partition(partition.clone()),
        Plan::one_session(3).with_partition(partition.noticed_after(Micros::from_secs(5))),
    ] {
        let mut world = World::new(plan).unwrap();
        world.run_until(until).unwrap();
        assert!(world.completed_at(0).is_none(), "the partition came too late to matter");
        finish(&mut world);
        let late = world.completed_at(0).unwrap().saturating_sub(until);
        assert!(late < Micros::from_secs(10), "finished {late} after the partition");
    }
}

#[test]
fn two_signers_that_never_reach_each_other_finish_through_a_third() {
    for topology in [Topology::Mesh, Topology::Hub] {
        for (one, other) in [(ALICE, BOB), (BOB, CAROL)] {
            for seed in 0..20 {
                let config = Config::default().with_topology(topology);
                let signers = if seed % 2 == 0 { 3 } else { 6 };
                let plan = Plan::one_session(signers).with_config(config).with_known_contacts();
                signed(plan.with_seed(seed).with_partition(Partition::new([one], [other])));
            }
        }
    }
}

#[test]
fn a_late_joiner_is_waited_for() {
    let late = Micros::from_secs(45);
    let started = signed(Plan::one_session(3).with_late_start(BOB, late));
    let listened = signed(Plan::one_session(3).with_late_listener(BOB, late));
    let approved = signed(Plan::one_session(3).with_approval(BOB, Answer::After(late)));
    for world in [started, listened, approved] {
        let completed = world.completed_at(0).unwrap();
        assert!(
            completed > late && completed < late + Micros::from_secs(30),
            "finished at {completed}"
        );
    }
}

#[test]
fn a_duplicate_of_every_message_changes_nothing() {
    for seed in 0..20 {
        let once = signed(Plan::one_session(3).with_known_contacts().with_seed(seed));
        let twice = signed(
            Plan::one_session(3)
                .with_known_contacts()
                .with_seed(seed)
                .with_duplication(Probability::ALWAYS),
        );
        assert_eq!(twice.counters().frames, once.counters().frames, "a duplicate is not answered");
        assert_eq!(twice.completed_at(0), once.completed_at(0));
        for node in [ALICE, BOB, CAROL] {
            let events = |world: &World| world.application(node).events.clone();
            assert_eq!(events(&twice), events(&once));
            assert!(twice.application(node).reports.is_empty());
        }
    }
}

#[test]
fn a_session_finishes_with_messages_in_reverse_order() {
    for seed in 0..20 {
        signed(Plan::one_session(4).with_seed(seed).with_reversal(Micros::from_millis(500)));
    }
}

#[test]
fn a_batch_of_64_items_with_different_tweaks_takes_one_session() {
    let config = Config::default().with_allow_raw_tweaks(true);
    let session = SessionPlan::new(NodeId::first(3)).with_items((0..64).map(item));
    let plan = Plan::new(3).with_config(config).with_known_contacts().with_session(session);
    let world = signed(plan.clone());
    assert_eq!(world.counters().frames, 12, "as many as for one item");
    signed(rough(plan));
}

/// Makes an item with another message and other tweaks for each number.
fn item(number: u8) -> Item {
    let root = Tweak::Taproot { merkle_root: Some(MerkleRoot::new([number; 32])) };
    let path = DerivationPath::new(vec![u32::from(number), 7]).unwrap();
    let child = Tweak::Bip32 { chain_code: ChainCode::BIP328, path };
    let raw = |kind| Tweak::Raw(PlainTweak { kind, scalar: TweakScalar::new([number + 1; 32]) });
    let tweaks = match number % 8 {
        0 => vec![],
        1 => vec![Tweak::BIP86],
        2 => vec![root],
        3 => vec![child],
        4 => vec![child, Tweak::BIP86],
        5 => vec![child, root],
        6 => vec![raw(TweakKind::Plain), raw(TweakKind::XOnly)],
        _ => vec![raw(TweakKind::XOnly), child, root],
    };
    Item::new(Message::new([number; 32])).with_tweaks(tweaks).unwrap()
}

#[test]
fn applications_can_step_through_every_round_by_hand() {
    let config = Config::default().with_stepping(Stepping::Manual);
    let plan = Plan::one_session(3).with_config(config).with_stepping(Answer::Never);
    let mut world = World::new(plan).unwrap();
    let pause = Micros::from_secs(5);
    world.run_until(pause).unwrap();
    let session = world.session_id(0).unwrap();
    let everyone = [ALICE, BOB, CAROL];
    let reached = |world: &World, event: &Event| {
        everyone
            .iter()
            .all(|&node| world.application(node).events.iter().any(|(_, told)| told == event))
    };
    let rounds = [
        (Event::SessionReady { session }, Command::ShareNonces { session }),
        (Event::NoncesComplete { session }, Command::SharePartialSignatures { session }),
        (Event::PartialSigsComplete { session }, Command::FinalizeSession { session }),
    ];
    for (event, command) in rounds {
        assert!(reached(&world, &event), "{event:?}");
        for node in everyone {
            world.command(node, command.clone()).unwrap();
        }
        let next = world.now() + pause;
        world.run_until(next).unwrap();
    }
    finish(&mut world);
    assert_eq!(world.now().get() / pause.get(), 4);
}

#[test]
fn manual_stepping_finishes_on_a_rough_network() {
    let config = Config::default().with_stepping(Stepping::Manual);
    for seed in 0..20 {
        let plan = rough(Plan::one_session(3)).with_config(config.clone()).with_seed(seed);
        signed(plan.with_stepping(Answer::After(Micros::from_millis(700))));
    }
}

#[test]
fn a_private_session_is_published_to_nobody() {
    let plan = Plan::new(4)
        .with_known_contacts()
        .with_session(SessionPlan::new([ALICE, BOB, CAROL]).private());
    let world = signed(plan);
    assert_eq!(world.counters().publications, 0);
    assert!(world.application(NodeId::new(3)).events.is_empty());
}

#[test]
fn ten_sessions_at_once_do_not_disturb_each_other() {
    let signers = [[ALICE, BOB], [BOB, CAROL], [CAROL, ALICE]];
    let plan = (0..10).fold(rough(Plan::new(3)), |plan, number| {
        let items = [item(number)];
        let session = SessionPlan::new(signers[usize::from(number) % 3])
            .at(Micros::from_millis(u64::from(number) * 20))
            .with_items(items);
        plan.with_session(session)
    });
    let config = Config::default().with_allow_raw_tweaks(true);
    signed(plan.with_config(config));
}

#[test]
fn a_session_that_was_not_joined_in_time_is_not_discovered_again() {
    // The others go on asking, and their frames bring the session's announcement.
    let config = Config::default().with_phase_timeout(PhaseTimeout::Report);
    let plan = Plan::one_session(3).with_approval(BOB, Answer::Never).with_config(config);
    let mut world = World::new(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    let told: Vec<_> = world.application(BOB).events.iter().map(|(_, event)| event).collect();
    let [Event::SessionDiscovered { .. }, .., Event::SessionAborted { .. }] = told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        told.iter().filter(|event| matches!(event, Event::SessionDiscovered { .. })).count(),
        1
    );
}

/// Nothing heals, times are short, and one signer aborts: sessions complete, time out, expire and
/// are aborted.
#[test]
fn whatever_goes_wrong_each_session_ends_once_on_each_node() {
    let seconds = Duration::from_secs;
    let config = Config::default()
        .with_announcement_ttl(seconds(12))
        .with_nonce_timeout(seconds(4))
        .with_partial_sig_timeout(seconds(4))
        .with_max_session_duration(seconds(15));
    let mut ends = BTreeSet::new();
    for seed in 0..200 {
        // With every other seed, a session goes on after a phase timed out, until it expires.
        let timeout = if seed % 2 == 0 { PhaseTimeout::End } else { PhaseTimeout::Report };
        let mut plan = Plan::drawn(seed, Profile::Swarm)
            .with_config(config.clone().with_phase_timeout(timeout));
        plan.network.heals_at = None;
        let mut world = World::new(plan).unwrap();
        world.run_until(Micros::from_millis(9_000)).unwrap();
        if let Some(session) = world.session_id(0) {
            // This is refused if the node has not heard of the session, or if it has ended there.
            let abort = Command::AbortSession { session, reason: Note::new("changed my mind") };
            let _ = world.command(BOB, abort);
        }
        world.run_until_quiet().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        world.check_safety().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        for node in world.plan().node_ids() {
            ends.extend(
                world.application(node).events.iter().filter_map(|(_, event)| kind_of_end(event)),
            );
        }
        let silence = world.now() + Micros::from_secs(60);
        world.run_until(silence).unwrap();
        let counters = world.counters();
        world.run_until(silence + Micros::from_secs(3_600)).unwrap();
        assert_eq!(world.counters(), counters, "seed {seed}");
        world.check_safety().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
    assert_eq!(
        ends,
        [
            "aborted",
            "complete",
            "declined",
            "declined by a signer",
            "expired",
            "late signatures",
            "timed out"
        ]
        .into()
    );
}

fn kind_of_end(event: &Event) -> Option<&'static str> {
    match event {
        Event::SessionComplete { .. } => Some("complete"),
        Event::LateSignature { .. } => Some("late signatures"),
        Event::SessionAborted { cause, .. } => Some(match cause {
            AbortCause::BySigner { .. } => "aborted",
            AbortCause::TimedOut { .. } => "timed out",
            AbortCause::Expired { .. } => "expired",
            AbortCause::Declined => "declined",
            AbortCause::SignerDeclined { .. } => "declined by a signer",
            other => panic!("nobody here does that: {other:?}"),
        }),
        _ => None,
    }
}

#[test]
fn without_one_signer_nothing_is_signed_and_all_others_name_it() {
    let config = Config::default().with_announcement_ttl(Duration::from_secs(60));
    let plan = Plan::one_session(3).with_config(config).with_approval(CAROL, Answer::Never);
    let mut world = World::new(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    let id = world.session_id(0).unwrap();
    let view = world.view(ALICE, 0).unwrap();
    let carol = view.manifest.index_of(&world.public_key(CAROL)).unwrap();
    for node in [ALICE, BOB] {
        let (at, end) = world.application(node).terminal(&id).unwrap();
        assert!(at >= Micros::from_secs(60));
        let Event::SessionAborted { cause, released: false, .. } = end else { panic!("{end:?}") };
        let AbortCause::TimedOut { awaiting, .. } = cause else { panic!("{cause:?}") };
        assert_eq!(*awaiting, [carol]);
    }
    assert!(
        world.application(CAROL).terminal(&id).is_none()
            || !world.application(CAROL).approved.contains(&id)
    );
}
