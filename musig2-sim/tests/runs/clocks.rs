//! A wrong clock only concerns its own node: it changes when something is late there, and nothing
//! else.

use musig2_proto::{Event, Offence};
use musig2_sim::{
    Answer, Disk, Micros, NodeId, Partition, Plan, PlanError, Profile, Transparent, World, trial,
};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);
const CAROL: NodeId = NodeId::new(2);
const MINUTE: i64 = 60_000;

fn signed(plan: Plan) -> World<Transparent> {
    let mut world = World::with_engine(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    world
}

fn stalled_at(world: &World<Transparent>, node: NodeId) -> Micros {
    let mut events = world.application(node).events.iter();
    events.find(|(_, event)| matches!(event, Event::Stalled { .. })).unwrap().0
}

#[test]
fn a_drifting_clock_within_the_skew_changes_only_when_timeouts_come() {
    let calm = Plan::one_session(3);
    let drifts = calm.clone().with_clock_drift(BOB, 20_000).with_clock_drift(CAROL, -20_000);
    assert!(drifts.must_complete(0));
    // Nothing times out, and the same happens at the same times. (Nonces differ, because the time
    // of the call is part of them.)
    let story = |plan: Plan| {
        let world = signed(plan);
        [ALICE, BOB, CAROL].map(|node| {
            let events = world.application(node).events.iter();
            events.map(|(at, event)| (*at, std::mem::discriminant(event))).collect::<Vec<_>>()
        })
    };
    assert_eq!(story(drifts), story(calm.clone()));
    // Half of the five minutes for joining, by each node's own clock.
    let absent = |plan: Plan| signed(plan.with_approval(CAROL, Answer::Never));
    let world = absent(calm.with_clock_drift(BOB, 20_000));
    assert_eq!(stalled_at(&world, ALICE), Micros::from_secs(150));
    let early = Micros::from_secs(150).saturating_sub(stalled_at(&world, BOB));
    assert!((2_900..3_000).contains(&(early.get() / 1_000)), "{early} early");
}

#[test]
fn a_session_from_the_future_is_taken_once_clocks_agree_enough() {
    let discovered_at = |ahead| {
        let mut world: World<Transparent> =
            World::with_engine(Plan::one_session(2).with_clock_ahead(ALICE, ahead)).unwrap();
        world.run_until_quiet().unwrap();
        world.check_safety().unwrap();
        let application = world.application(BOB);
        let refused = application
            .reports
            .iter()
            .any(|(_, report)| matches!(report.offence, Offence::Manifest(_)));
        let discovered = |event: &Event| matches!(event, Event::SessionDiscovered { .. });
        let discovered = application.events.iter().find(|(_, event)| discovered(event));
        (discovered.unwrap().0, refused)
    };
    assert_eq!(discovered_at(29_000), (Micros::from_millis(10), false));
    let (at, refused) = discovered_at(40_000);
    assert!(refused && at >= Micros::from_secs(10), "discovered at {at}");
    assert!(Plan::one_session(2).with_clock_ahead(ALICE, 29_000).must_complete(0));
    assert!(!Plan::one_session(2).with_clock_ahead(ALICE, 40_000).must_complete(0));
}

#[test]
fn a_clock_set_back_keeps_nobody_waiting() {
    // What Bob should hear is lost, and his clock is set back when he is about to ask for it.
    let [from, jump, until] = [15, 500, 2_000].map(Micros::from_millis);
    let cut = Partition::new([ALICE, CAROL], [BOB]).during(from, until);
    let mut world: World<Transparent> = World::with_engine(
        Plan::one_session(3).with_partition(cut).with_clock_jump(BOB, jump, -10 * MINUTE),
    )
    .unwrap();
    world.run_until_quiet().unwrap();
    world.check_safety().unwrap();
    assert!(world.completed_at(0).unwrap() < Micros::from_secs(10));
}

#[test]
fn a_node_that_slept_through_a_sessions_time_signs_nothing_when_it_wakes() {
    // All nonces are there when Bob's machine falls asleep. It wakes an hour later by its own
    // clock, and only then hears everything that came meanwhile.
    for asleep in 15..35 {
        let [asleep, awake] = [asleep, 1_000].map(Micros::from_millis);
        let plan = Plan::one_session(3).with_pause(BOB, asleep, awake).with_clock_jump(
            BOB,
            asleep,
            60 * MINUTE,
        );
        let outcome = trial::run::<Transparent>(plan);
        assert_eq!(outcome.verdict, Ok(()), "asleep at {asleep}");
    }
}

#[test]
fn a_clock_goes_on_through_a_crash() {
    let [crash, back] = [15, 1_000].map(Micros::from_millis);
    let plan = Plan::one_session(2).with_clock_ahead(BOB, 5_000).with_crash(BOB, crash, back);
    let mut world = signed(plan.with_disks(Disk::Kept));
    let expiry = Micros::from_secs(600);
    world.run_until(expiry).unwrap();
    world.run_until_silent().unwrap();
}

#[test]
fn if_clocks_disagree_only_safety_is_required() {
    for seed in 0..60 {
        let outcome = trial::run::<Transparent>(Plan::drawn(seed, Profile::Skewed));
        assert_eq!(outcome.verdict, Ok(()), "seed {seed}");
    }
    let agree = |plan: &Plan| plan.must_complete(0);
    let plans: Vec<_> = (0..200).map(|seed| Plan::drawn(seed, Profile::Skewed)).collect();
    let agreeing = plans.iter().filter(|plan| agree(plan)).count();
    assert!((50..180).contains(&agreeing), "in {agreeing} of 200 plans");
}

#[test]
fn clock_jumps_forward_take_from_the_time_of_a_phase() {
    let jump = |by| Plan::one_session(2).with_clock_jump(BOB, Micros::from_secs(1), by);
    assert!(jump(10_000).must_complete(0) && jump(-30_000).must_complete(0));
    assert!(!jump(10_001).must_complete(0) && !jump(-30_001).must_complete(0));
}

#[test]
fn an_impossible_clock_is_refused() {
    let year: i64 = 366 * 24 * 60 * MINUTE;
    for plan in [
        Plan::one_session(2).with_clock_ahead(BOB, year),
        Plan::one_session(2).with_clock_drift(BOB, -600_000),
        Plan::one_session(2).with_clock_jump(BOB, Micros::ZERO, -year),
    ] {
        assert_eq!(
            World::<Transparent>::with_engine(plan).err(),
            Some(PlanError::Clock { node: BOB })
        );
    }
}
