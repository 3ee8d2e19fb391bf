//! What a signer does not know of its own past costs time, but never its good name.

use super::{ALICE, BOB, CAROL, Recorded, crashes, finish, networks};
use musig2_proto::{Command, Event, PhaseTimeout};
use musig2_sim::{Disk, Micros, NonceRecord, Partition, World};

/// After the crash Bob resumes from the announcement and hears nobody for a while. He takes this
/// life for his first, joins again, and states nonces for an attempt in which the life before had
/// stated others. Everybody hears him.
#[test]
fn a_signer_whose_own_statements_are_hidden_from_it_is_never_convicted() {
    let mut twice = 0;
    for plan in networks() {
        for output in 1.. {
            let plan = plan.clone().with_known_contacts();
            let plan = plan
                .with_crash_after_output(BOB, output, Micros::from_millis(500))
                .with_disks(Disk::Kept);
            let deaf = Partition::new([ALICE, CAROL], [BOB]).one_way();
            let deaf = deaf.during(Micros::from_millis(400), Micros::from_secs(8));
            let mut world: Recorded = World::with_engine(plan.with_partition(deaf)).unwrap();
            finish(&mut world);
            if crashes(&world, BOB) == 0 {
                break;
            }
            // There are three attempts with nonces: before the crash, in the dark, and with
            // everybody.
            twice += usize::from(NonceRecord::with(|record| record.generated() > 6));
        }
    }
    assert!(twice > 10, "Bob stated nonces of his own in the dark {twice} times only");
}

/// Bob's clock is set an hour ahead, so that he ends the session and forgets it. Then it is set
/// right, and he resumes. His process and its random generator are the same all the time.
#[test]
fn a_signer_that_cleans_up_and_resumes_is_never_convicted() {
    const HOUR: i64 = 3_600_000;
    let mut again = 0;
    for plan in networks() {
        for millis in 11..45 {
            let config = plan.config.clone().with_phase_timeout(PhaseTimeout::Report);
            let mut world: Recorded = World::with_engine(plan.clone().with_config(config)).unwrap();
            world.run_until(Micros::from_millis(millis)).unwrap();
            let session = world.session_id(0).unwrap();
            let announcements = world.application(BOB).stored.announcements();
            let Some(announcement) = announcements.get(&session).map(|bytes| bytes.to_vec()) else {
                continue;
            };
            world.set_clock(BOB, HOUR);
            // Runs until his node has noticed, and a moment longer.
            let noticed = world.now() + Micros::from_millis(1);
            world.run_until(noticed).unwrap();
            world.command(BOB, Command::Cleanup).unwrap();
            assert!(world.view(BOB, 0).is_none(), "forgotten");
            world.set_clock(BOB, 0);
            world.command(BOB, Command::ResumeSession { announcement }).unwrap();
            let expiry = Micros::from_secs(600);
            while world.now() < expiry && !completed(&world) {
                world.step().unwrap();
            }
            assert!(completed(&world), "resumed at {noticed}");
            again += usize::from(NonceRecord::with(|record| record.signed() > 3));
        }
    }
    assert!(again > 10, "{again} runs only had a second attempt");
}

/// Returns whether everyone finally has signatures. (Bob ended the session once before, as expired,
/// so `World::check` would object.)
fn completed(world: &Recorded) -> bool {
    let completes = |event: &Event| matches!(event, Event::SessionComplete { .. });
    [ALICE, BOB, CAROL]
        .iter()
        .all(|&node| world.application(node).events.iter().any(|(_, event)| completes(event)))
}
