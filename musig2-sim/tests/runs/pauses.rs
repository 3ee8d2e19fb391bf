//! A node that stands still does nothing, and then goes on where it stopped.

use musig2_sim::{
    Action, Answer, Disk, Micros, NodeId, OrderError, Plan, Step, Transparent, World,
};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);

fn millis(millis: u64) -> Micros {
    Micros::from_millis(millis)
}

fn signed(plan: Plan) -> World<Transparent> {
    let mut world = World::with_engine(plan).unwrap().recorded();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world
}

/// Returns what a node does between two moments.
fn steps(world: &World<Transparent>, node: NodeId, from: Micros, until: Micros) -> Vec<&Step> {
    let steps = world.trace().recorded().iter();
    steps.filter(|step| step.node == node && step.at > from && step.at < until).collect()
}

#[test]
fn a_paused_node_does_nothing_and_catches_up_at_once() {
    let [from, until] = [15, 3_000].map(millis);
    let world = signed(Plan::one_session(3).with_pause(BOB, from, until));
    assert_eq!(steps(&world, BOB, from, until), [] as [&Step; 0]);
    assert_eq!(world.counters().lost, 0, "what came meanwhile waits");
    let completed = world.completed_at(0).unwrap();
    assert!(completed >= until && completed < until + millis(100), "completed at {completed}");
}

#[test]
fn messages_to_a_deaf_paused_node_are_lost_and_asked_for_again() {
    let [from, until] = [15, 3_000].map(millis);
    let world = signed(Plan::one_session(3).with_deaf_pause(BOB, from, until));
    let meanwhile = steps(&world, BOB, from, until);
    assert!(!meanwhile.is_empty());
    assert!(meanwhile.iter().all(|step| matches!(step.action, Action::Missed { .. })));
    assert!(world.completed_at(0).unwrap() > until);
}

#[test]
fn a_paused_application_does_later_what_it_was_about_to_do() {
    let thinks = Answer::After(millis(500));
    let plan = Plan::one_session(2).with_approval(BOB, thinks);
    let world = signed(plan.with_deaf_pause(BOB, millis(100), millis(2_000)));
    let ordered = |step: &&Step| step.node == BOB && matches!(step.action, Action::Ordered(_));
    let last = world.trace().recorded().iter().rfind(ordered).unwrap();
    assert_eq!(last.at, millis(2_000));
}

#[test]
fn a_paused_coordinator_proposes_when_it_goes_on() {
    let mut plan = Plan::one_session(2).with_pause(ALICE, millis(100), millis(900));
    plan.sessions[0].at = millis(500);
    let world = signed(plan);
    assert!(world.completed_at(0).unwrap() > millis(900));
}

#[test]
fn paused_nodes_go_on_when_the_network_heals() {
    let heal = Micros::from_secs(2);
    let world = signed(
        Plan::one_session(3).with_pause(BOB, millis(15), Micros::from_secs(900)).with_heal_at(heal),
    );
    assert!(world.completed_at(0).unwrap() < heal + millis(100));
    let never = signed(
        Plan::one_session(3).with_pause(BOB, heal, Micros::from_secs(900)).with_heal_at(heal),
    );
    assert!(
        !never.trace().recorded().iter().any(|step| matches!(step.action, Action::Paused { .. }))
    );
}

#[test]
fn a_crash_ends_a_pause_and_loses_what_waited() {
    let [from, crash, back, until] = [5, 1_500, 2_000, 30_000].map(millis);
    let world =
        signed(Plan::one_session(2).with_pause(BOB, from, until).with_crash(BOB, crash, back));
    let missed =
        world.trace().recorded().iter().filter(|step| matches!(step.action, Action::Missed { .. }));
    assert!(
        missed.filter(|step| step.at == crash).count() >= 2,
        "the announcement and its repetition"
    );
    assert!(
        world.completed_at(0).unwrap() < Micros::from_secs(10),
        "the next life does not stand still"
    );
}

#[test]
fn a_test_can_pause_a_node_and_give_it_no_orders_meanwhile() {
    let mut world: World<Transparent> = World::with_engine(Plan::one_session(2)).unwrap();
    world.run_until(millis(5)).unwrap();
    world.pause(BOB, false);
    world.run_until(Micros::from_secs(30)).unwrap();
    assert!(world.is_paused(BOB));
    let order = world.command(BOB, musig2_proto::Command::SayHello);
    assert_eq!(order, Err(OrderError::Paused(BOB)));
    world.resume(BOB);
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world.pause(BOB, true);
    world.crash(BOB, Disk::Empty);
    world.restart(BOB).unwrap();
    assert!(!world.is_paused(BOB));
}

#[test]
fn the_same_pauses_give_the_same_run() {
    let plan = Plan::one_session(3).with_pause(BOB, millis(15), millis(700));
    let hash = |plan: &Plan| signed(plan.clone()).trace().hash();
    assert_eq!(hash(&plan), hash(&plan));
    assert_ne!(hash(&plan), hash(&Plan::one_session(3)));
}
