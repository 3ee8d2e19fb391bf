//! Runs that once violated an oracle, stored as what happened in them: a seed would mean something
//! else as soon as plans are drawn differently.

use musig2_sim::{Case, Outcome, Plan, Point, Transparent, trial};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn read(name: &str) -> Plan {
    let text = fs::read_to_string(folder().join(name).with_extension("json")).unwrap();
    let case = Case::from_json(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(case.expected, "", "{name}: it holds today");
    case.plan
}

fn run(name: &str) -> Outcome {
    let outcome = trial::run::<Transparent>(read(name));
    assert_eq!(outcome.verdict, Ok(()), "{name}");
    outcome
}

#[test]
fn a_proposer_may_lose_with_its_memory_what_the_others_need() {
    run("proposer_lost_what_others_needed");
}

#[test]
fn a_copied_machine_may_draw_for_a_salt_what_the_first_drew_for_a_nonce() {
    run("copied_machine_drew_a_salt_for_a_nonce");
}

#[test]
fn sessions_of_a_stranger_may_take_a_place() {
    run("strangers_sessions_took_a_place");
}

#[test]
fn a_node_set_back_by_two_hours_that_nobody_calls_ends_in_time() {
    run("clock_set_back_while_nobody_called");
}

#[test]
fn nodes_that_did_not_join_again_cannot_pass_on_what_they_got() {
    run("everyone_crashed_and_could_not_pass_on");
}

#[test]
fn a_session_made_late_by_a_byzantine_node_is_forgotten_in_time() {
    run("session_made_late_by_a_byzantine_node");
}

#[test]
fn a_node_set_back_in_time_may_take_its_own_join_for_anothers() {
    let outcome = run("node_set_back_takes_its_own_join_for_anothers");
    assert!(outcome.coverage.contains(Point::KeyInUseElsewhere));
}

/// The plans that these inputs of the fuzzer meant when they broke something.
#[test]
fn inputs_that_broke_something_still_mean_the_same_plan() {
    for name in [
        "two_attempts_of_a_session_of_equal_items_may_both_be_signed",
        "two_attempts_of_one_of_two_equal_sessions_may_both_be_signed",
    ] {
        let input = folder().join("../../../fuzz/regressions/plan").join(name);
        let meant = Plan::from_bytes(&fs::read(input).unwrap());
        assert_eq!(meant, read(name), "{name}");
        run(name);
    }
}

#[test]
fn every_stored_case_has_its_test() {
    let tests = include_str!("cases.rs");
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(tests.contains(&format!("\"{name}\"")), "{name}");
    }
}
