//! A node that crashes loses its memory. What reaches it while it is down is lost, and it comes
//! back as a new node with the same key.

use musig2_proto::{Command, Event, Libsecp256k1};
use musig2_sim::{
    Action, Answer, Disk, Micros, NodeId, NonceRecord, Partition, Plan, Recording, Step, World,
};

const ALICE: NodeId = NodeId::new(0);
const BOB: NodeId = NodeId::new(1);

fn steps(world: &World, node: NodeId) -> impl Iterator<Item = &Step> {
    world.trace().recorded().iter().filter(move |step| step.node == node)
}

#[test]
fn the_same_crashes_give_the_same_run() {
    let run = |plan: Plan| {
        let mut world = World::new(plan).unwrap();
        world.run_until_quiet().unwrap();
        world.check().unwrap();
        world.trace().hash()
    };
    let plan = Plan::one_session(3).with_crash(BOB, Micros::from_millis(15), Micros::from_secs(1));
    assert_eq!(run(plan.clone()), run(plan.clone()));
    assert_ne!(run(plan), run(Plan::one_session(3)));
}

#[test]
fn a_crash_after_an_output_loses_the_rest_of_the_call() {
    let outputs = |plan: Plan| {
        let mut world = World::new(plan).unwrap().recorded();
        world.run_until(Micros::from_millis(500)).unwrap();
        let is_output = |step: &&Step| {
            matches!(
                step.action,
                Action::Sent { .. }
                    | Action::Published { .. }
                    | Action::Event(_)
                    | Action::Reported(_)
            )
        };
        steps(&world, ALICE)
            .filter(is_output)
            .map(|step| (step.at, step.action.clone()))
            .collect::<Vec<_>>()
    };
    let whole = outputs(Plan::one_session(3));
    for output in 1..whole.len() {
        let plan = Plan::one_session(3).with_crash_after_output(
            ALICE,
            output as u64,
            Micros::from_secs(1),
        );
        assert_eq!(outputs(plan), whole[..output]);
    }
}

#[test]
fn messages_to_a_node_that_is_down_are_lost() {
    let plan =
        Plan::one_session(2).with_crash(BOB, Micros::from_millis(5), Micros::from_millis(15));
    let mut world = World::new(plan).unwrap().recorded();
    world.run_until(Micros::from_millis(20)).unwrap();
    let kinds: Vec<_> = steps(&world, BOB)
        .filter_map(|step| match step.action {
            Action::Started => Some((step.at, "starts")),
            Action::Crashed { .. } => Some((step.at, "crashes")),
            Action::Restarted => Some((step.at, "comes back")),
            Action::Missed { .. } => Some((step.at, "misses")),
            _ => None,
        })
        .collect();
    let millis = Micros::from_millis;
    assert_eq!(
        kinds,
        [
            (millis(0), "starts"),
            (millis(5), "crashes"),
            (millis(10), "misses"),
            (millis(15), "comes back")
        ]
    );
}

#[test]
fn a_crashed_application_forgets_what_it_was_about_to_do() {
    let plan = Plan::one_session(2).with_approval(BOB, Answer::After(Micros::from_secs(2)));
    let mut world = World::new(plan).unwrap();
    world.run_until(Micros::from_secs(1)).unwrap();
    world.crash(BOB, Disk::Empty);
    assert!(world.node(BOB).is_none());
    world.restart(BOB).unwrap();
    world.restart(BOB).unwrap();
    world.run_until(Micros::from_millis(2_500)).unwrap();
    assert_eq!(world.lives(BOB).count(), 2);
    assert!(world.lives(BOB).all(|life| life.approved.is_empty()));
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    assert!(
        world.completed_at(0).unwrap() > Micros::from_secs(3),
        "asked again, and thought it over again"
    );
}

#[test]
fn a_run_is_not_over_while_a_forgotten_session_can_come_back() {
    // Everything is complete and silent when Bob comes back and finds nobody.
    let [crash, back, heal] = [1, 2, 30].map(Micros::from_secs);
    let plan = Plan::one_session(2)
        .with_crash(BOB, crash, back)
        .with_partition(Partition::new([ALICE], [BOB]).during(crash, heal));
    let mut world = World::new(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    assert!(world.completed_at(0).unwrap() > heal);
}

#[test]
fn an_announcement_is_stored_before_it_leaves_and_resumed_from_disk() {
    for (disk, resumes) in [
        (Disk::Empty, false),
        (Disk::Kept, true),
        // The announcement is made 5 ms before the crash.
        (Disk::RolledBack(Micros::from_millis(4)), true),
        (Disk::RolledBack(Micros::from_millis(6)), false),
    ] {
        let [crash, back] = [5, 1_000].map(Micros::from_millis);
        let alone = Partition::new([ALICE], [BOB]).during(Micros::ZERO, back);
        let plan = Plan::one_session(2)
            .with_crash(ALICE, crash, back)
            .with_disks(disk)
            .with_partition(alone);
        let mut world = World::new(plan).unwrap();
        world.run_until(Micros::from_millis(1)).unwrap();
        assert_eq!(world.application(ALICE).stored.announcements().len(), 1);
        world.run_until(Micros::from_secs(60)).unwrap();
        world.check().unwrap();
        assert_eq!(world.completed_at(0).is_some(), resumes);
    }
}

#[test]
fn a_rolled_back_disk_signs_nothing_twice() {
    // Bob has completed the session. His disk comes back as it was before that, so he resumes the
    // session and is told its end.
    let [crash, back] = [1_000, 2_000].map(Micros::from_millis);
    let plan = Plan::one_session(3).with_crash(BOB, crash, back);
    let plan = plan.with_disks(Disk::RolledBack(Micros::from_millis(980)));
    let mut world: World<Recording<Libsecp256k1>> = World::with_engine(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check().unwrap();
    assert!(world.completed_at(0).unwrap() > back);
    assert!(world.application(BOB).approved.contains(&world.session_id(0).unwrap()));
    assert_eq!(NonceRecord::with(NonceRecord::signed), 3, "each signed once");
    // The same holds wherever he crashes, and whatever of his disk is left.
    for output in 1..30 {
        for age in [1, 5, 11, 25].map(Micros::from_millis) {
            let plan =
                Plan::one_session(3).with_crash_after_output(BOB, output, Micros::from_secs(1));
            let mut world: World<Recording<Libsecp256k1>> =
                World::with_engine(plan.with_disks(Disk::RolledBack(age))).unwrap();
            world.run_until_quiet().unwrap();
            world.check().unwrap();
        }
    }
}

#[test]
fn a_session_approved_before_a_crash_is_not_asked_about_again() {
    let thinks = Answer::After(Micros::from_secs(20));
    let completed = |disk| {
        let [crash, back] = [21_000, 22_000].map(Micros::from_millis);
        let plan = Plan::one_session(2).with_approval(BOB, thinks).with_crash(BOB, crash, back);
        // Nobody hears Alice's signature in time, so Bob has to begin again.
        let alone = Partition::new([ALICE], [BOB]).during(Micros::from_secs(19), back);
        let mut world = World::new(plan.with_disks(disk).with_partition(alone)).unwrap();
        world.run_until_quiet().unwrap();
        world.check().unwrap();
        world.completed_at(0).unwrap()
    };
    assert!(completed(Disk::Kept) < Micros::from_secs(35));
    assert!(completed(Disk::Empty) > Micros::from_secs(40));
}

#[test]
fn an_application_keeps_the_contacts_it_knew_on_its_disk() {
    let [crash, back] = [1_000, 2_000].map(Micros::from_millis);
    let told = |disk| {
        let plan = Plan::one_session(3)
            .with_known_contacts()
            .with_crash(BOB, crash, back)
            .with_disks(disk);
        let mut world = World::new(plan).unwrap().recorded();
        world.run_until_quiet().unwrap();
        world.check().unwrap();
        let later = steps(&world, BOB).filter(|step| step.at >= back);
        later
            .filter(|step| matches!(step.action, Action::Ordered(Command::AddContact { .. })))
            .count()
    };
    assert_eq!([Disk::Empty, Disk::Kept, Disk::RolledBack(back)].map(told), [0, 2, 0]);
}

#[test]
fn a_wrong_clock_only_affects_its_own_node() {
    const MINUTE: i64 = 60_000;
    for ahead in [-MINUTE, MINUTE] {
        let mut world = World::new(Plan::one_session(2)).unwrap();
        world.run_until(Micros::from_millis(1)).unwrap();
        world.set_clock(BOB, ahead);
        world.run_until_quiet().unwrap();
        world.check().unwrap();
    }
    let mut world = World::new(Plan::one_session(2)).unwrap();
    world.run_until(Micros::from_millis(15)).unwrap();
    world.set_clock(BOB, 60 * MINUTE);
    let session = world.session_id(0).unwrap();
    world.run_until(Micros::from_millis(16)).unwrap();
    let (_, end) = world.application(BOB).terminal(&session).unwrap();
    assert!(matches!(end, Event::SessionAborted { .. }));
    assert!(world.command(ALICE, Command::Cleanup).is_ok());
    assert!(world.application(ALICE).terminal(&session).is_none());
}
