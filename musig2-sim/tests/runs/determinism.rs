//! One plan gives one run, and runs that cannot end are given up.

use musig2_proto::{K256, Libsecp256k1};
use musig2_sim::{
    Action, Answer, Engine, Micros, NodeId, OrderError, Plan, Profile, RunError, TraceHash,
    Violation, World,
};

fn run<C: Engine>(plan: Plan) -> World<C> {
    let mut world = World::with_engine(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world
}

fn hash(plan: Plan) -> TraceHash {
    run::<Libsecp256k1>(plan).trace().hash()
}

#[test]
fn the_same_plan_gives_the_same_run_and_another_seed_a_different_one() {
    for seed in 0..20 {
        let plan = Plan::drawn(seed, Profile::Swarm);
        assert_eq!(hash(plan.clone()), hash(plan.clone()), "seed {seed}");
        // The planned faults are the same, but chances, keys and nonces are different.
        assert_ne!(hash(plan.clone()), hash(plan.with_seed(seed + 1)), "seed {seed}");
    }
}

#[test]
fn a_stored_plan_gives_the_same_run() {
    let plan = Plan::drawn(3, Profile::Swarm);
    let stored = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(hash(plan), hash(stored));
}

#[test]
fn both_engines_give_the_same_run() {
    for seed in 0..5 {
        let plan = Plan::drawn(seed, Profile::Swarm);
        assert_eq!(run::<K256>(plan.clone()).trace().hash(), hash(plan), "seed {seed}");
    }
}

#[test]
fn recording_a_run_does_not_change_it_and_shows_every_step() {
    let mut world = World::new(Plan::drawn(5, Profile::Swarm)).unwrap().recorded();
    world.run_until_quiet().unwrap();
    assert_eq!(world.trace().hash(), hash(Plan::drawn(5, Profile::Swarm)));
    assert_eq!(world.trace().recorded().len() as u64, world.trace().steps());
    let text = world.trace().to_string();
    assert_eq!(text.lines().count() as u64, world.trace().steps());
    assert!(text.contains("COMPLETE"));
    let sent =
        world.trace().recorded().iter().filter(|step| matches!(step.action, Action::Sent { .. }));
    assert_eq!(sent.count() as u64, world.counters().frames);
}

#[test]
fn a_run_that_takes_too_long_is_given_up_and_says_what_is_open() {
    let absent = NodeId::new(1);
    let plan = Plan::one_session(2).with_approval(absent, Answer::Never);
    let mut world = World::new(plan.clone().with_time_limit(Micros::from_secs(20))).unwrap();
    let error = world.run_until_quiet().unwrap_err();
    let id = world.session_id(0).unwrap();
    assert_eq!(
        error.to_string(),
        format!("not quiet by 20.000000 s; open: session {id} on node 0")
    );

    let mut world = World::new(plan.with_step_limit(10)).unwrap();
    assert!(matches!(world.run_until_quiet(), Err(RunError::TooManySteps { limit: 10, .. })));
}

#[test]
fn a_session_that_did_not_complete_is_found() {
    let late = NodeId::new(2);
    let mut world: World =
        World::new(Plan::one_session(3).with_late_start(late, Micros::from_secs(60))).unwrap();
    world.run_until(Micros::from_secs(30)).unwrap();
    world.check_safety().unwrap();
    assert!(matches!(world.check_liveness(), Err(Violation::NotComplete { session: 0, .. })));
    let id = world.session_id(0).unwrap();
    let order = world.command(late, musig2_proto::Command::JoinSession { session: id });
    assert_eq!(order, Err(OrderError::NotStarted(late)));
}
