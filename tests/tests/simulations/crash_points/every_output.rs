//! One crash, after each output that each signer makes in a calm session.

use super::{ALICE, BOB, CAROL, Recorded, crashes, finish, networks, signed};
use musig2_proto::{Command, Stepping};
use musig2_sim::{Answer, Disk, Micros, NodeId, NonceRecord, Partition, Plan, World};

/// Alice's first output says that she created the session. Nothing of it has left her by then:
/// another order announces it.
const CREATED: u64 = 1;

/// Crashes `node` after each of its outputs from `first` on, until a run ends before it would
/// crash. Returns how many crashes there were, and whether in one of them a signer had to sign a
/// second time.
fn exhaust(plan: &Plan, node: NodeId, first: u64, down_for: Micros, disk: Disk) -> (u64, bool) {
    let mut signed_again = false;
    for output in first.. {
        let world =
            signed(plan.clone().with_crash_after_output(node, output, down_for).with_disks(disk));
        if crashes(&world, node) == 0 {
            return (output - first, signed_again);
        }
        signed_again |= NonceRecord::with(|record| record.signed() > 3);
        let back = Micros::from_secs(1) + down_for;
        let completed = world.completed_at(0).unwrap();
        assert!(
            completed < back + Micros::from_secs(15),
            "{node} crashed after output {output}, was back by {back}, and all was done at {completed}"
        );
    }
    unreachable!("a session has fewer outputs than there are numbers")
}

fn exhaust_all(plan: &Plan, down_for: Micros, disk: Disk) {
    let mut signed_again = false;
    for (node, first) in [(ALICE, CREATED + 1), (BOB, 1), (CAROL, 1)] {
        let (points, again) = exhaust(plan, node, first, down_for, disk);
        assert!(points >= 14, "{node} crashed after {points} outputs only");
        signed_again |= again;
    }
    assert!(signed_again, "no crash came between a partial signature and the end");
}

#[test]
fn a_session_survives_any_crash_of_a_signer_back_after_a_second() {
    networks().iter().for_each(|plan| exhaust_all(plan, Micros::from_secs(1), Disk::Empty));
}

#[test]
fn a_session_survives_any_crash_of_a_signer_back_after_twenty_seconds() {
    networks().iter().for_each(|plan| exhaust_all(plan, Micros::from_secs(20), Disk::Empty));
}

/// What was sent to the life before reaches the next one.
#[test]
fn a_session_survives_any_crash_of_a_signer_back_at_once() {
    networks().iter().for_each(|plan| exhaust_all(plan, Micros::ZERO, Disk::Empty));
}

#[test]
fn a_session_survives_any_crash_of_a_signer_that_resumes_it() {
    for down_for in [0, 1, 20].map(Micros::from_secs) {
        networks().into_iter().for_each(|plan| exhaust_all(&plan, down_for, Disk::Kept));
    }
}

#[test]
fn a_session_survives_any_crash_with_manual_stepping() {
    for plan in networks() {
        let config = plan.config.clone().with_stepping(Stepping::Manual);
        let stepping = Answer::After(Micros::from_millis(100));
        let plan = plan.with_config(config).with_stepping(stepping);
        exhaust_all(&plan, Micros::from_secs(1), Disk::Empty);
    }
}

/// Nobody can be asked for a session that was created but not announced.
#[test]
fn a_session_is_gone_if_its_coordinator_crashes_before_announcing() {
    for plan in networks() {
        let plan = plan.with_crash_after_output(ALICE, CREATED, Micros::from_secs(1));
        let mut world: Recorded = World::with_engine(plan).unwrap();
        while crashes(&world, ALICE) == 0 {
            assert_eq!(world.counters().frames + world.counters().publications, 0);
            world.step().unwrap();
        }
        world.run_until_quiet().unwrap();
        world.check_safety().unwrap();
        for node in [ALICE, BOB, CAROL] {
            let application = world.application(node);
            assert!(application.events.is_empty() && application.stored.announcements().is_empty());
        }
    }
}

/// This is the only case in which an announced session is lost: its coordinator forgets it before
/// anybody else has heard of it. The application kept the announcement before anything of it left,
/// and the coordinator resumes the session from it.
#[test]
fn a_session_known_only_to_its_crashed_coordinator_can_be_resumed() {
    let [unheard, crash, back] = [0, 50, 1_050].map(Micros::from_millis);
    for plan in networks() {
        let cut = Partition::new([ALICE], [BOB, CAROL]).during(unheard, back);
        let mut world: Recorded =
            World::with_engine(plan.with_partition(cut).with_crash(ALICE, crash, back)).unwrap();
        world.run_until(crash.saturating_sub(Micros::from_millis(1))).unwrap();
        let session = world.session_id(0).unwrap();
        let announcement = world.application(ALICE).stored.announcements()[&session].to_vec();
        world.run_until(Micros::from_secs(120)).unwrap();
        world.check_safety().unwrap();
        for node in [ALICE, BOB, CAROL] {
            assert!(world.view(node, 0).is_none() && world.application(node).events.is_empty());
        }
        world.command(ALICE, Command::ResumeSession { announcement }).unwrap();
        finish(&mut world);
        assert!(world.completed_at(0).unwrap() < Micros::from_secs(125));
    }
}
