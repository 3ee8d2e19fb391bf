//! What a daemon reports of its co-signers: which are connected, and why the others are not.

use crate::child::{PATIENCE, musig2_node, run};
use crate::daemons::{Signers, message};
use serde_json::{Value, json};
use std::time::Instant;

/// Waits until `status` reports this of a signer, and returns what it reports.
fn wait_for(signers: &Signers, of: usize, is_so: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let status = signers.ask(0, &["status"]).last();
        let rows = status["co_signers"].as_array().expect("a list");
        let row = rows.iter().find(|row| row["public_key"] == signers.public[of].as_str());
        let row = row.unwrap_or_else(|| panic!("the policy names it: {status}"));
        if is_so(row) {
            return row.clone();
        }
        assert!(Instant::now() < end, "{status}");
    }
}

#[test]
fn status_shows_which_co_signers_are_missing_since_when_and_why() {
    let signers = Signers::new();
    let [_, bob, carol] = &signers.public;
    let labels = format!("[signers]\nbob = \"{bob}\"\ncarol = \"{carol}\"\n");
    let policy = signers.policy("messages = \"any\"");
    let config = signers.configure(0, None, &labels, &policy);
    let mut command = musig2_node(["run", "--config", &config]);
    command.env("RUST_LOG", "musig2_libp2p=info");
    let mut first = signers.run(command);
    let never_met = wait_for(&signers, 2, |_| true);
    for what in [
        "connected",
        "since",
        "peer_id",
        "round_trip_ms",
        "clock_ahead_ms",
        "last_session",
        "last_error",
    ] {
        assert_eq!(never_met[what], Value::Null, "nobody can know: {never_met}");
    }
    let shown = || run(["status", "--socket", &signers.socket(0)]).stdout;
    assert!(shown().contains(&format!("\ncarol {}  unknown ", &carol[..8])), "{}", shown());

    // Their hellos show where they are before there is any session.
    let second = signers.start(1, Some(&first), "", &policy);
    let third = signers.start(2, Some(&first), "", &policy);
    let row =
        wait_for(&signers, 2, |row| row["connected"] == true && !row["round_trip_ms"].is_null());
    let peer = third.address.rsplit('/').next().expect("a peer id").to_owned();
    assert_eq!(
        (&row["label"], &row["peer_id"], &row["relayed"]),
        (&json!("carol"), &json!(peer), &json!(false))
    );
    assert!(
        row["addresses"][0].as_str().expect("text").starts_with("/ip4/127.0.0.1/tcp/"),
        "{row}"
    );
    assert!(
        (-30_000..=0).contains(&row["clock_ahead_ms"].as_i64().expect("a number")),
        "one clock: {row}"
    );
    assert!(row["since"].as_str().is_some(), "{row}");

    let signed = signers.propose(&message(1), &[]).finish();
    assert_eq!(signed.code, Some(0), "{signed:?}");
    let row = wait_for(&signers, 2, |row| row["last_session"]["phase"] == "complete");
    assert_eq!(row["last_session"]["session"], signed.last()["session"]);
    assert_eq!(row["last_error"], Value::Null);
    let status = signers.ask(0, &["status"]).last();
    let connected = status["connected_peers"].as_array().expect("a list");
    let connected =
        connected.iter().find(|one| one["peer_id"] == peer.as_str()).expect("it is connected");
    assert_eq!(connected["signers"], json!([{"public_key": carol, "label": "carol"}]));

    third.stop();
    let lost = first.process.wait_for("peer_disconnected");
    let named = json!([{"public_key": carol, "label": "carol"}]);
    assert_eq!(lost["signers"], named, "{lost}");
    let unsigned = signers.propose(&message(2), &["--timeout", "60"]);
    assert_eq!(first.process.wait_for("dial_failed")["signers"], named);
    let row = wait_for(&signers, 2, |row| !row["last_error"].is_null());
    assert_eq!(row["connected"], false);
    assert!(row["since"].as_str().is_some(), "{row}");
    let error = row["last_error"]["error"].as_str().expect("text");
    assert!(error.starts_with("cannot be dialled: "), "{row}");
    let shown = shown();
    let line = shown.lines().find(|line| line.starts_with("carol ")).expect("a row");
    assert!(line.contains("  NO "), "{shown}");
    assert!(shown.contains("last error ") && shown.contains(error), "{shown}");
    drop(unsigned);

    // The proposer is also told who is missing.
    let ended = signers.propose(&message(3), &["--timeout", "1"]).finish();
    let hint = format!("hint: signer {carol}, carol is not connected since 2");
    assert!(
        ended.stderr.contains(&hint) && !ended.stderr.contains(&format!("hint: signer {bob}")),
        "{}",
        ended.stderr
    );
    let waited = signers.ask(0, &["status"]).last()["co_signers"].to_string();
    assert!(waited.contains("timed out waiting for it"), "{waited}");
    let log = first.stop().stderr;
    let line = log.lines().find(|line| line.contains("cannot be dialled"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(&format!("signer=\"{carol}, carol\"")), "{line}");
    second.stop();
}
