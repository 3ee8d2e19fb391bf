//! The command `musig2-sim`, as a person or a script uses it.
#![cfg(feature = "cli")]

use musig2_sim::{Case, EngineName, Micros, Plan};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_musig2-sim")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn objects(path: &Path) -> Vec<Value> {
    let lines = std::fs::read_to_string(path).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes a case that is known to fail: its time is over before a message can arrive.
fn hopeless(directory: &Path) -> String {
    let plan = Plan::one_session(3).with_time_limit(Micros::from_millis(1));
    let path = directory.join("case.json");
    std::fs::write(&path, Case::new(plan, EngineName::Transparent, "NotQuiet").to_json()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_run_prints_its_replay_command_first_which_repeats_the_run() {
    let first = sim(&["run", "0x11", "--profile", "swarm", "--trace"]);
    let told = text(&first.stderr);
    assert!(first.status.success(), "{told}");
    assert_eq!(
        told.lines().next(),
        Some(
            "seed 17, profile swarm; replay: musig2-sim run 17 --profile swarm --crypto transparent"
        )
    );
    let again = sim(&["run", "17", "--profile", "swarm", "--crypto", "transparent", "--trace"]);
    assert_eq!(first.stdout, again.stdout);
    assert!(text(&first.stdout).contains("everything held"));
}

#[test]
fn a_run_is_drawn_into_one_page() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("run.html");
    let drawn = sim(&["run", "1", "--crypto", "real", "--html", page.to_str().unwrap()]);
    assert!(drawn.status.success(), "{}", text(&drawn.stderr));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("musig2-sim run 1 --profile"));
}

#[test]
fn a_sweep_ends_its_file_with_a_summary() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("sweep.json");
    let swept = sim(&["sweep", "0..+150", "--jobs", "2", "--json", file.to_str().unwrap()]);
    assert!(swept.status.success(), "{}{}", text(&swept.stdout), text(&swept.stderr));
    let lines = objects(&file);
    let summary = lines.last().unwrap();
    assert_eq!(
        (&summary["type"], &summary["seeds"], &summary["violations"]),
        (&"summary".into(), &150.into(), &0.into())
    );
    assert!(
        summary["sessions"].as_u64().unwrap() >= 150
            && summary["real_sessions"].as_u64().unwrap() >= 1
    );
    assert!(summary["unreached"].is_array());
}

#[test]
fn a_sweep_starts_no_seed_after_its_time_limit() {
    let swept = sim(&["sweep", "0..18446744073709551615", "--time-limit", "200ms"]);
    assert!(swept.status.success(), "{}", text(&swept.stderr));
    assert!(text(&swept.stdout).contains(" of 18446744073709551615 seeds, "));
}

#[test]
fn a_case_that_fails_has_an_exit_code_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let replayed = sim(&["replay", &hopeless(directory.path())]);
    assert_eq!(replayed.status.code(), Some(5), "{}", text(&replayed.stderr));
    assert!(text(&replayed.stdout).contains("VIOLATION (NotQuiet): not quiet by 0.001000 s"));
}

#[test]
fn a_fuzzers_finding_is_replayed_from_its_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("crash");
    std::fs::write(&path, [1, 2, 3]).unwrap();
    let replayed = sim(&["replay", "--bytes", path.to_str().unwrap()]);
    assert!(replayed.status.success(), "{}", text(&replayed.stderr));
    assert!(text(&replayed.stdout).contains("2 nodes, 1 sessions"), "{}", text(&replayed.stdout));
}

#[test]
fn a_passing_seed_cannot_be_shrunk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("case.json");
    let shrunk = sim(&["shrink", "1", "--profile", "calm", "-o", path.to_str().unwrap()]);
    assert_eq!(shrunk.status.code(), Some(1));
    assert!(text(&shrunk.stderr).ends_with(
        "error: nothing to shrink: musig2-sim run 1 --profile calm --crypto transparent passes\n"
    ));
    assert!(!path.exists());
}

#[test]
fn a_stored_case_is_shrunk_further() {
    let directory = tempfile::tempdir().unwrap();
    let [large, small] = ["large.json", "small.json"].map(|name| directory.path().join(name));
    // Three nodes that are given no time.
    let plan = Plan::one_session(3).with_time_limit(Micros::ZERO);
    std::fs::write(&large, Case::new(plan, EngineName::Transparent, "NotQuiet").to_json()).unwrap();
    let shrunk = sim(&["shrink", large.to_str().unwrap(), "-o", small.to_str().unwrap()]);
    assert_eq!(shrunk.status.code(), Some(5), "{}", text(&shrunk.stderr));
    let case = Case::from_json(&std::fs::read_to_string(&small).unwrap()).unwrap();
    assert!(case.plan.nodes.len() < 3, "{:?}", case.plan);
    let nothing = sim(&["shrink", "nothing.json", "-o", small.to_str().unwrap()]);
    assert_eq!(nothing.status.code(), Some(2), "neither a seed nor a file");
}

#[test]
fn seeds_run_the_same_in_two_processes() {
    let checked = sim(&["check-determinism", "0..+30"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert_eq!(text(&checked.stdout), "30 seeds ran the same in two processes\n");
}

#[test]
fn a_wrong_argument_is_named() {
    for (args, complaint) in [
        (&["run", "twelve"][..], "`twelve` is no seed"),
        (&["sweep", "5..5"], "the range `5..5` is empty"),
        (&["run", "1", "--profile", "wild"], "wild"),
        (&["sweep", "0..5", "--time-limit", "soon"], "soon"),
    ] {
        let refused = sim(args);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(complaint), "{}", text(&refused.stderr));
    }
    let missing = sim(&["replay", "no-such-case.json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).starts_with("error: no-such-case.json: "));
}
