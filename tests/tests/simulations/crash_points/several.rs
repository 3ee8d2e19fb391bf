//! Several crashes in one run.

use super::{ALICE, BOB, CAROL, crashes, networks, rough, signed};
use musig2_sim::{Disk, Micros, NodeId, Plan};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Returns a number below `end`.
fn below(rng: &mut ChaCha20Rng, end: u64) -> u64 {
    rng.next_u64() % end
}

/// Crashes two signers of three, each after any of its first forty outputs, for up to ten seconds.
fn two_crashes(plan: Plan, seed: u64) -> Plan {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let spared = u16::try_from(below(&mut rng, 3)).unwrap();
    let crashing = NodeId::first(3).filter(|node| node.get() != spared);
    crashing.fold(plan.with_seed(seed), |plan, node| {
        let (output, down_for) =
            (2 + below(&mut rng, 39), Micros::from_millis(below(&mut rng, 10_000)));
        plan.with_crash_after_output(node, output, down_for)
    })
}

/// The two may be the only ones that know of the session, so their applications keep the
/// announcement.
#[test]
fn two_signers_may_crash_on_a_rough_network_with_each_of_500_seeds() {
    let mut both = 0;
    let networks = networks().map(rough);
    for (seed, plan) in (0..500).zip(networks.iter().cycle()) {
        let world = signed(two_crashes(plan.clone(), seed).with_disks(Disk::Kept));
        both +=
            usize::from(NodeId::first(3).filter(|&node| crashes(&world, node) > 0).count() == 2);
    }
    assert!(both > 200, "in {both} of 500 runs only did both crash before the end");
}

/// The third remembers. What the others do not happen to be sent, they ask for.
#[test]
fn two_signers_may_crash_if_the_third_remembers() {
    for plan in networks() {
        for (one, other) in [(ALICE, BOB), (BOB, CAROL), (CAROL, ALICE)] {
            // By 25 ms everyone knows the session; nobody completes before 30 ms.
            for (at, later) in [(25, 26), (26, 500), (27, 1_500)] {
                let [at, later, back] = [at, later, 3_000].map(Micros::from_millis);
                let plan = plan.clone().with_crash(one, at, back).with_crash(other, later, back);
                signed(plan);
            }
        }
    }
}

#[test]
fn all_signers_may_crash_one_after_another() {
    for plan in networks() {
        for first in (12..60).step_by(4) {
            for down_for in [50, 1_000, 5_000] {
                // When the next one crashes, each is back, and its hello has been answered.
                let turn = |number| Micros::from_millis(first + number * (down_for + 30));
                let plan =
                    (0..).zip([CAROL, ALICE, BOB]).fold(plan.clone(), |plan, (number, node)| {
                        plan.with_crash(
                            node,
                            turn(number),
                            turn(number) + Micros::from_millis(down_for),
                        )
                    });
                let world = signed(plan);
                assert!([ALICE, BOB, CAROL].iter().all(|&node| crashes(&world, node) == 1));
            }
        }
    }
}

/// Nobody remembers the session. Each signer has only its key and the announcement.
#[test]
fn all_signers_may_crash_at_once_and_resume() {
    for plan in networks() {
        for millis in 12..45 {
            let [at, back] = [millis, 2_000].map(Micros::from_millis);
            let plan = [ALICE, BOB, CAROL].into_iter().fold(plan.clone(), |plan, node| {
                plan.with_crash(node, at, back + Micros::from_millis(u64::from(node.get())))
            });
            signed(plan.with_disks(Disk::Kept));
        }
    }
}
