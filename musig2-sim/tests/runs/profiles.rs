//! Drawn plans end as they must, whatever they were drawn from.

use musig2_proto::Config;
use musig2_sim::{
    Answer, Coverage, Disk, Latency, Micros, NodeId, Plan, Point, Profile, SessionPlan,
    Transparent, World, trial,
};
use proptest::prelude::*;

fn run(seed: u64, profile: Profile) {
    let mut world = World::new(Plan::drawn(seed, profile)).unwrap();
    world.run_until_quiet().unwrap_or_else(|error| panic!("{profile} {seed}: {error}"));
    world.check().unwrap_or_else(|violation| panic!("{profile} {seed}: {violation}"));
}

#[test]
fn swarms_pass_with_each_of_200_seeds() {
    (0..200).for_each(|seed| run(seed, Profile::Swarm));
}

#[test]
fn every_profile_passes_and_reaches_its_own_coverage_points() {
    for (profile, points) in [
        (Profile::Calm, [Point::SessionComplete, Point::SessionQueued, Point::NoncesComplete]),
        (Profile::Swarm, [Point::Paused, Point::PausedDeaf, Point::Resumed]),
        (
            Profile::Byzantine,
            [Point::BadSignature, Point::ConvictedEquivocation, Point::AbortedBySigner],
        ),
        (Profile::Crashy, [Point::CrashedEmpty, Point::CrashedKept, Point::CrashedRolledBack]),
        (Profile::Skewed, [Point::ClockSet, Point::Manifest, Point::AbortedExpired]),
    ] {
        let mut coverage = Coverage::default();
        for seed in 0..100 {
            let outcome = trial::run::<Transparent>(Plan::drawn(seed, profile));
            assert_eq!(outcome.verdict, Ok(()), "{profile} {seed}");
            coverage.merge(outcome.coverage);
        }
        for point in points {
            assert!(coverage.contains(point), "{profile} does not reach `{point}`");
        }
    }
}

/// Every application decides after a different time, so that each node would take the sessions up
/// in another order.
#[test]
fn more_proposals_at_once_than_places_are_all_signed() {
    for (seed, places) in (0..12).flat_map(|seed| [(seed, 1), (seed, 2), (seed, 3)]) {
        let config = Config::default().with_max_concurrent_sessions(places);
        let latency =
            Latency::Uniform { least: Micros::from_millis(1), most: Micros::from_millis(300) };
        let mut plan = Plan::new(4).with_seed(seed).with_config(config).with_latency(latency);
        for node in plan.node_ids() {
            plan = plan.with_approval(
                node,
                Answer::After(Micros::from_millis(700 * u64::from(node.get()))),
            );
            if node.get() % 2 == 1 {
                plan = plan.with_places(node, 5);
            }
        }
        for session in 0..24 {
            let coordinator = NodeId::new(session % 3);
            plan = plan.with_session(SessionPlan::new(NodeId::first(4)).proposed_by(coordinator));
        }
        let mut world = World::<Transparent>::with_engine(plan).unwrap();
        world.run_until_quiet().unwrap();
        world
            .check()
            .unwrap_or_else(|violation| panic!("seed {seed}, {places} places: {violation}"));
        assert!(
            (0..24).all(|session| world.completed_at(session).is_some()),
            "seed {seed}, {places} places"
        );
        assert!(world.coverage().contains(Point::SessionQueued));
    }
}

#[test]
fn drawn_plans_of_every_profile_let_applications_propose_in_bursts() {
    for profile in Profile::ALL {
        let bursts = (0..60).map(|seed| Plan::drawn(seed, profile)).filter(|plan| {
            let of =
                |node| plan.sessions.iter().filter(|session| session.coordinator == node).count();
            plan.node_ids().any(|node| of(node) > plan.config.max_concurrent_sessions)
        });
        assert!(bursts.count() > 0, "{profile}");
    }
}

#[test]
fn few_bytes_make_a_calm_plan() {
    let plan = Plan::from_bytes(&[]);
    assert_eq!((plan.seed, plan.nodes.len(), plan.sessions.len()), (0, 2, 1));
    assert_eq!(plan.network.frames.latency, Latency::Constant(Micros::ZERO));
    assert!(plan.must_complete(0) && plan.crashes.is_empty() && plan.pauses.is_empty());
    // The fourth profile crashes a node at once and empties its disk.
    let crashy = Plan::from_bytes(&[3]);
    assert_eq!((crashy.crashes.len(), crashy.crashes[0].disk), (1, Disk::Empty));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_make_a_plan_that_passes(
        bytes in proptest::collection::vec(any::<u8>(), 0..400)
    ) {
        let plan = Plan::from_bytes(&bytes);
        prop_assert_eq!(&plan, &Plan::from_bytes(&bytes));
        let stored = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Plan>(&stored).unwrap(), &plan);
        prop_assert_eq!(trial::run::<Transparent>(plan).verdict, Ok(()));
    }
}
