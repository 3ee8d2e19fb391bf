//! Every order of everything that can happen, for a few signers.

use core::time::Duration;
use musig2_proto::Config;
use musig2_sim::{Choice, Exploration, Explorer, Micros, Transparent, Violation};

fn explore(explorer: &Explorer) -> Exploration {
    let explored = explorer.run::<Transparent>().unwrap_or_else(|found| panic!("{found}"));
    assert!(explored.exhausted && explored.settled > 0, "{explored:?}");
    explored
}

#[test]
fn two_signers_sign_in_every_order_with_a_duplicate_and_a_crash() {
    let pair =
        Explorer::new(2).with_duplicates(1).with_crashes(1).with_horizon(Micros::from_secs(2));
    assert!(explore(&pair).states > 10_000);
}

#[test]
fn two_signers_sign_in_every_order_with_loss_duplicate_and_early_tick() {
    let pair = Explorer::new(2).with_losses(1).with_duplicates(1).with_early_ticks(1);
    assert!(explore(&pair.with_horizon(Micros::from_secs(3))).states > 100);
}

#[test]
fn a_proposer_that_kept_its_announcement_survives_every_crash() {
    let pair = Explorer::new(2).with_crashes(1).with_resuming().with_horizon(Micros::from_secs(2));
    assert!(explore(&pair).states > 500);
}

#[test]
fn three_signers_sign_in_every_order() {
    assert!(explore(&Explorer::new(3)).states > 500);
}

#[test]
fn a_violation_is_found_with_a_shortest_way_to_it() {
    // A signer that has no time to ask again does not survive a loss.
    let hasty = Config::default().with_partial_sig_timeout(Duration::from_millis(500));
    let pair = Explorer::new(2).with_config(hasty).with_horizon(Micros::from_secs(3));
    assert!(explore(&pair).states > 5);
    let found = pair.with_losses(1).run::<Transparent>().unwrap_err();
    assert!(matches!(found.violation, Violation::NotComplete { .. }), "{found}");
    let lost: Vec<_> =
        found.moves.iter().filter(|step| matches!(step.choice, Choice::Lost(_))).collect();
    assert_eq!(lost.len(), 1, "{found}");
    assert!(found.to_string().contains("partial signatures"), "{found}");
}

#[test]
fn a_state_limit_is_kept_and_reported() {
    let three = Explorer::new(3).with_state_limit(100);
    let explored = three.run::<Transparent>().unwrap();
    assert_eq!((explored.states, explored.exhausted), (100, false));
}
