//! A signer may restart [`MAX_RESTARTS`] times in one session.

use super::{ALICE, BOB, CAROL, Recorded, crashes, finish};
use musig2_proto::{
    AbortCause, CommandError, Event, Fault, K256, Libsecp256k1, MAX_RESTARTS, SignerIndex,
};
use musig2_sim::{Answer, Disk, Micros, NodeId, Partition, Plan, World};

const LIMIT: u64 = MAX_RESTARTS as u64;

/// Bob joins and crashes again and again while Carol has not decided yet.
fn restarts(times: u64) -> Plan {
    let thinks = Micros::from_secs(60);
    let plan =
        Plan::one_session(3).with_known_contacts().with_approval(CAROL, Answer::After(thinks));
    (1..=times).fold(plan, |plan, number| plan.with_crash(BOB, down(number), up(number)))
}

fn down(number: u64) -> Micros {
    Micros::from_secs(3 * number)
}

fn up(number: u64) -> Micros {
    down(number) + Micros::from_secs(1)
}

fn index(world: &Recorded, node: NodeId) -> SignerIndex {
    world.view(ALICE, 0).unwrap().manifest.index_of(&world.public_key(node)).unwrap()
}

#[test]
fn eight_restarts_of_one_signer_are_nobodys_fault() {
    let mut world: Recorded = World::with_engine(restarts(LIMIT)).unwrap();
    finish(&mut world);
    assert_eq!(crashes(&world, BOB), MAX_RESTARTS);
    assert!(world.lives(BOB).all(|life| !life.approved.is_empty()), "each life joined");
    assert_eq!(world.view(ALICE, 0).unwrap().restarts, 8);
}

/// His node learns of the lives before from the others, and does not join once too often.
#[test]
fn a_signer_that_is_told_of_its_lives_does_not_join_too_often() {
    let mut world: Recorded = World::with_engine(restarts(LIMIT + 1)).unwrap();
    world.run_until_quiet().unwrap();
    world.check_safety().unwrap();
    let refusals = &world.application(BOB).refusals;
    assert!(matches!(refusals[..], [(_, _, CommandError::RestartLimit(_))]), "{refusals:?}");
    for node in [ALICE, CAROL] {
        let ends = world.application(node).events.iter();
        let ends: Vec<_> = ends.filter(|(_, event)| event.is_terminal()).collect();
        let [(_, Event::SessionAborted { cause: AbortCause::TimedOut { awaiting, .. }, .. })] =
            ends[..]
        else {
            panic!("{ends:?}")
        };
        assert_eq!(*awaiting, [index(&world, BOB)]);
    }
}

/// The tenth life hears nobody, and joins. Everyone can prove that it is one too many, and whose it
/// is.
#[test]
fn the_tenth_life_of_one_signer_convicts_it_and_nobody_else() {
    let deaf = Partition::new([ALICE, CAROL], [BOB]).one_way();
    let deaf = deaf.during(down(LIMIT + 1), up(LIMIT + 1) + Micros::from_secs(5));
    let plan = restarts(LIMIT + 1).with_disks(Disk::Kept).with_partition(deaf);
    let mut world: Recorded = World::with_engine(plan).unwrap();
    world.run_until_quiet().unwrap();
    world.check_safety().unwrap();
    let session = world.session_id(0).unwrap();
    for node in [ALICE, BOB, CAROL] {
        let Some((at, Event::SessionAborted { cause, .. })) =
            world.application(node).terminal(&session)
        else {
            panic!("{node}: {:?}", world.application(node).events)
        };
        let AbortCause::Convicted { signer, fault: Fault::RestartLimit, evidence } = cause else {
            panic!("{node}: {cause:?}")
        };
        assert_eq!(*signer, index(&world, BOB));
        // Alice hears of it from Bob himself. Carol, who has not joined, checks her board when she
        // does.
        assert!(node != ALICE || at < up(LIMIT + 1) + Micros::from_secs(1), "{node} at {at}");
        let bob = world.public_key(BOB);
        assert_eq!(evidence.verify::<Libsecp256k1>().unwrap().key, bob);
        assert_eq!(evidence.verify::<K256>().unwrap().key, bob);
    }
}
