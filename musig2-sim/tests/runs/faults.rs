//! Each fault does what its plan says, and no more.

use musig2_proto::rand_core::Rng;
use musig2_sim::{
    Action, Alteration, Blow, Capacity, Delivery, Fate, Kind, Latency, Link, Micros, NetworkModel,
    NodeId, Passage, Pick, Plan, Probability, Profile, Step, Transparent, World,
};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);
const CAROL: NodeId = NodeId::new(2);

fn millis(millis: u64) -> Micros {
    Micros::from_millis(millis)
}

fn signed(plan: Plan) -> World<Transparent> {
    let mut world = World::with_engine(plan).unwrap().recorded();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world
}

/// Returns what became of the frames from one node to another.
fn fates(world: &World<Transparent>, sender: NodeId, receiver: NodeId) -> Vec<(String, Fate)> {
    let sent = world.trace().recorded().iter().filter(|step| step.node == sender);
    sent.filter_map(|step| match &step.action {
        action @ Action::Sent { to: Some(to), fate, .. } if *to == receiver => {
            Some((action.to_string(), *fate))
        }
        _ => None,
    })
    .collect()
}

#[test]
fn only_the_chosen_message_from_one_node_to_another_is_lost() {
    let plan = Plan::one_session(3).with_lost(Pick::first(Kind::Partials).from(ALICE).to(BOB));
    let world = signed(plan);
    let lost: Vec<_> = [ALICE, BOB, CAROL]
        .iter()
        .flat_map(|&from| [ALICE, BOB, CAROL].map(|to| fates(&world, from, to)))
        .flatten()
        .filter(|(_, fate)| *fate == Fate::Lost)
        .collect();
    let [(message, _)] = &lost[..] else { panic!("{lost:?}") };
    assert!(message.contains("to node 1 (partial signatures"), "{message}");
    assert_eq!(world.counters().lost, 1);
}

#[test]
fn each_fault_of_a_plan_takes_one_line() {
    let world = signed(
        Plan::one_session(3)
            .with_lost(Pick::first(Kind::Partials).from(ALICE).to(BOB))
            .with_crash(CAROL, millis(80), millis(900))
            .with_heal_at(Micros::from_secs(5)),
    );
    assert_eq!(world.lives(CAROL).count(), 2);
    assert!(fates(&world, ALICE, BOB).iter().any(|(_, fate)| *fate == Fate::Lost));
}

#[test]
fn a_chosen_message_is_delayed_repeated_or_altered() {
    let pick = Pick::first(Kind::Nonces).from(ALICE).to(BOB);
    let struck = |plan: Plan| {
        let world = signed(plan);
        let first = fates(&world, ALICE, BOB)
            .into_iter()
            .find(|(text, _)| text.contains("nonces"))
            .unwrap();
        first.1
    };
    let calm = struck(Plan::one_session(2));
    let Fate::Arrives { at: usual, again: None, altered: None, .. } = calm else {
        panic!("{calm:?}")
    };
    let delayed = struck(Plan::one_session(2).with_delayed(pick, millis(700)));
    assert!(matches!(delayed, Fate::Arrives { at, .. } if at == usual + millis(700)));
    let repeated = struck(Plan::one_session(2).with_repeated(pick, millis(700)));
    assert!(
        matches!(repeated, Fate::Arrives { at, again: Some(again), .. } if at == usual && again == usual + millis(700))
    );
    let altered = struck(Plan::one_session(2).with_altered(pick));
    assert!(matches!(altered, Fate::Arrives { altered: Some(_), .. }));
}

#[test]
fn every_kind_of_message_can_be_chosen() {
    // Alice proposes, and Bob crashes and says hello. Losing every message of a kind makes nodes
    // ask for them.
    let plan = Plan::one_session(3).with_crash(BOB, millis(15), millis(900));
    for kind in Kind::ALL.into_iter().filter(|&kind| kind != Kind::Abort) {
        let mut world: World<Transparent> = World::with_engine(
            plan.clone().with_lost(Pick::every(kind)).with_heal_at(Micros::from_secs(4)),
        )
        .unwrap();
        world.run_until(Micros::from_secs(4)).unwrap();
        assert!(world.counters().lost > 0, "{kind:?}");
    }
}

#[test]
fn nobody_is_blamed_for_what_the_network_alters() {
    let mut altered = [0; 3];
    for seed in 0..40 {
        let plan = Plan::one_session(3)
            .with_seed(seed)
            .with_corruption(Probability::percent(30))
            .with_heal_at(Micros::from_secs(15));
        let world = signed(plan);
        for step in world.trace().recorded() {
            let (Action::Sent { fate, .. } | Action::Spread { fate, .. }) = step.action else {
                continue;
            };
            let Fate::Arrives { altered: Some(alteration), .. } = fate else { continue };
            altered[match alteration {
                Alteration::Flipped(_) => 0,
                Alteration::Cut(_) => 1,
                _ => 2,
            }] += 1;
        }
        let reports: usize =
            [ALICE, BOB, CAROL].map(|node| world.application(node).reports.len()).iter().sum();
        assert!(world.counters().altered == 0 || reports > 0, "an altered message is noticed");
    }
    assert!(altered.iter().all(|&count| count > 30), "{altered:?}");
}

#[test]
fn a_session_completes_over_a_narrow_link_and_an_overflowing_one() {
    let usual = signed(Plan::one_session(3)).completed_at(0).unwrap();
    let narrow = Capacity::bytes_per_second(5_000);
    let slow = signed(Plan::one_session(3).with_capacity(narrow.with_queue(100_000)))
        .completed_at(0)
        .unwrap();
    assert!(slow > usual + millis(200), "{slow} is not much later than {usual}");
    let world = signed(Plan::one_session(5).with_capacity(narrow.with_queue(700)));
    assert!(world.trace().to_string().contains("the link is full"));
}

#[test]
fn a_targeted_fault_first_changes_only_the_message_that_it_strikes() {
    // The first step that differs is the message that the fault strikes.
    for seed in 0..20 {
        let mut plan = Plan::drawn(seed, Profile::Swarm);
        plan.network.targets.clear();
        let struck = plan.clone().with_lost(Pick::nth(Kind::Partials, 2));
        let steps = |plan: Plan| {
            let mut world: World<Transparent> = World::with_engine(plan).unwrap().recorded();
            world.run_until_quiet().unwrap();
            world.trace().recorded().to_vec()
        };
        let (without, with) = (steps(plan), steps(struck));
        let first = without.iter().zip(&with).find(|(without, with)| without != with);
        let Some((Step { action: before, .. }, Step { action: after, .. })) = first else {
            continue;
        };
        assert!(
            matches!(after, Action::Sent { fate: Fate::Lost, .. })
                && matches!(before, Action::Sent { .. }),
            "seed {seed}: {before} and {after}"
        );
    }
}

#[test]
fn a_plans_targeted_faults_survive_being_stored() {
    let plan = Plan::one_session(2)
        .with_altered(Pick::every(Kind::Hello))
        .with_delayed(Pick::nth(Kind::Join, 3).to(BOB), millis(1))
        .with_capacity(Capacity::bytes_per_second(7));
    let stored = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
    assert!(matches!(plan.network.targets[0].blow, Blow::Altered));
}

#[test]
fn a_links_own_settings_affect_only_its_two_nodes() {
    let slow = Link::default().with_latency(Latency::Constant(millis(700)));
    let world = signed(Plan::one_session(3).with_link(ALICE, BOB, slow));
    let took = |sender, receiver| {
        let sent = world.trace().recorded().iter().filter(|step| step.node == sender);
        let mut took: Vec<_> = sent
            .filter_map(|step| match &step.action {
                Action::Sent { to: Some(to), fate: Fate::Arrives { at, .. }, .. }
                | Action::Spread { to, fate: Fate::Arrives { at, .. }, .. }
                    if *to == receiver =>
                {
                    Some(*at - step.at)
                }
                _ => None,
            })
            .collect();
        took.sort_unstable();
        took.dedup();
        took
    };
    for (sender, receiver) in [(ALICE, BOB), (BOB, ALICE)] {
        assert_eq!(took(sender, receiver), [millis(700)]);
    }
    for (sender, receiver) in [(ALICE, CAROL), (CAROL, ALICE), (BOB, CAROL), (CAROL, BOB)] {
        assert_eq!(took(sender, receiver), [millis(10)]);
    }
}

/// Delivers everything twice, after up to 30 ms at random, but loses what Bob says first to each
/// other node.
struct Forgetful;

impl NetworkModel for Forgetful {
    fn carry(&mut self, passage: &mut Passage<'_>) -> Delivery {
        if passage.from == BOB && passage.number == 0 {
            return Delivery::Lost;
        }
        let chance = Micros::new(u64::from(passage.rng.next_u32()) % 30_000);
        Delivery::Twice(chance, chance + millis(5))
    }
}

#[test]
fn a_custom_network_decides_the_fate_of_each_message_repeatably() {
    let run = || {
        let world =
            World::<Transparent>::with_engine(Plan::one_session(3).with_loss(Probability::ALWAYS));
        let mut world = world.unwrap().with_network(Box::new(Forgetful));
        world.run_until_quiet().unwrap();
        world.check().unwrap();
        (world.completed_at(0).unwrap(), world.counters(), world.trace().hash())
    };
    let (_, counters, hash) = run();
    // It loses the first of Bob's frames to each of the two, and the first of his publications if
    // he made any.
    assert!((2..=4).contains(&counters.lost), "{counters:?}");
    assert!(counters.duplicated > 0);
    assert_eq!(run().2, hash);
}
