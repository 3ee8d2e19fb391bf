//! `musig2-sim bench` measures the simulator and, in the same run, a bound on its speed.
#![cfg(feature = "cli")]

use serde_json::Value;
use std::process::Command;

#[test]
fn one_json_object_reports_both_engines_and_bounds_on_their_speed() {
    let bench = ["bench", "--json", "--rounds", "3"];
    let output = Command::new(env!("CARGO_BIN_EXE_musig2-sim")).args(bench).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["type"], "bench");
    let number = |thing: &str, what: &str| report[thing][what].as_u64().unwrap();
    let [transparent, real] = ["transparent", "real"]
        .map(|engine| [number(engine, "sessions_per_s"), number(engine, "events_per_s")]);
    // They are far apart, whatever else the machine does.
    assert!(transparent[0] > real[0], "{report}");
    for [sessions, events] in [transparent, real] {
        assert!(sessions > 0 && events > 10 * sessions, "{report}");
    }
    let [bare, with_statements] =
        ["floor", "floor_with_statements"].map(|floor| number(floor, "sessions_per_s"));
    assert!(bare > with_statements && with_statements > real[0], "{report}");
}
