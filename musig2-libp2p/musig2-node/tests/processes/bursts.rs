//! Many proposals at once at several daemons: all of them are signed, whichever daemon proposed
//! them and whatever limits each daemon has.

use crate::daemons::{Daemon, Signers};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread;

/// Starts daemons that sign everything for one another. `limits` has the `max_concurrent_sessions`
/// of each.
fn start(signers: &Signers, limits: [usize; 3]) -> [Daemon; 3] {
    let policy = signers.policy("messages = \"any\"");
    let settings =
        |signer: usize| format!("[protocol]\nmax_concurrent_sessions = {}\n", limits[signer]);
    let first = signers.start(0, None, "", &format!("{}{policy}", settings(0)));
    let second = signers.start(1, Some(&first), "", &format!("{}{policy}", settings(1)));
    let third = signers.start(2, Some(&first), "", &format!("{}{policy}", settings(2)));
    [first, second, third]
}

/// Proposes over a daemon's socket, and returns the last thing that the daemon says about it.
fn propose(signers: &Signers, signer: usize, number: u8) -> Value {
    let message = format!("{signer:02x}{number:02x}{}", "5e".repeat(30));
    let request = json!({
        "request": "propose", "signer": signers.public, "message": [message], "keep_order": false, "timeout": 120,
    });
    let mut stream = UnixStream::connect(signers.socket(signer)).expect("connected");
    writeln!(stream, "{request}").expect("written");
    let last = BufReader::new(stream).lines().map_while(Result::ok).last().expect("an answer");
    serde_json::from_str(&last).expect("every line is JSON")
}

/// Has each daemon propose this many sessions, all of them at once, and waits for them all.
fn burst(limits: [usize; 3], proposals: [u8; 3]) {
    let signers = Signers::new();
    let _daemons = start(&signers, limits);
    let signers = &signers;
    let failed: Vec<Value> = thread::scope(|scope| {
        let asked =
            (0..3).flat_map(|signer| (0..proposals[signer]).map(move |number| (signer, number)));
        let clients: Vec<_> = asked
            .map(|(signer, number)| scope.spawn(move || propose(signers, signer, number)))
            .collect();
        let ends = clients.into_iter().map(|client| client.join().expect("no panic"));
        ends.filter(|end| end["type"] != "result").collect()
    });
    assert!(failed.is_empty(), "{} of {proposals:?} failed, such as {}", failed.len(), failed[0]);
}

#[test]
fn two_daemons_that_propose_ten_sessions_each_at_once_sign_them_all() {
    burst([10; 3], [10, 10, 0]);
}

#[test]
fn three_daemons_that_propose_eight_sessions_each_at_once_sign_them_all() {
    burst([10; 3], [8; 3]);
}

#[test]
fn a_proposer_with_more_places_than_its_co_signers_gets_all_signed() {
    burst([10, 2, 2], [6, 0, 0]);
}

#[test]
fn three_daemons_that_propose_fifty_sessions_each_at_once_sign_all() {
    burst([10; 3], [50; 3]);
}

/// Proposes, and waits until the session is created. Dropping the answers leaves the session
/// running.
fn begin(signers: &Signers, signer: usize, number: u8) -> (BufReader<UnixStream>, String) {
    let message = format!("{signer:02x}{number:02x}{}", "7a".repeat(30));
    let request = json!({"request": "propose", "signer": signers.public, "message": [message], "timeout": 120});
    let mut stream = UnixStream::connect(signers.socket(signer)).expect("connected");
    writeln!(stream, "{request}").expect("written");
    let mut answers = BufReader::new(stream);
    let mut line = String::new();
    answers.read_line(&mut line).expect("text");
    let made: Value = serde_json::from_str(&line).expect("one JSON object");
    (answers, made["session"].as_str().unwrap_or_else(|| panic!("a session: {made}")).into())
}

#[test]
fn queued_sessions_wait_again_after_a_restart_and_are_signed() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let one_place = format!("[protocol]\nmax_concurrent_sessions = 1\n{policy}");
    let second = signers.start(1, None, "", &policy);
    let mut first = signers.start(0, Some(&second), "", &one_place);
    first.process.wait_for("peer_connected");
    // The third signer is missing, so joined sessions stay open.
    let (_own, own) = begin(&signers, 0, 1);
    let (_own_later, own_later) = begin(&signers, 0, 2);
    assert_eq!(first.process.wait_for("session_queued")["session"], own_later.as_str());
    let (_other, other) = begin(&signers, 1, 1);
    assert_eq!(first.process.wait_for("session_joined")["session"], other.as_str());
    let (_other_later, other_later) = begin(&signers, 1, 2);
    assert_eq!(first.process.wait_for("session_queued")["session"], other_later.as_str());

    drop(first);
    let mut first = signers.start(0, Some(&second), "", &one_place);
    let resumed: BTreeSet<_> =
        (0..4).map(|_| first.process.wait_for("session_resumed")["session"].to_string()).collect();
    assert_eq!(resumed.len(), 4);
    let listed = signers.ask(0, &["sessions"]).last();
    let phase = |session: &str| {
        let mut all = listed["sessions"].as_array().expect("a list").iter();
        all.find(|one| one["session"] == session).expect("it is known")["phase"].clone()
    };
    assert_eq!(
        [&own, &own_later, &other, &other_later].map(|session| phase(session)),
        ["joining", "queued", "joining", "queued"]
    );

    let mut third = signers.start(2, Some(&second), "", &policy);
    let signed: BTreeSet<_> = (0..4)
        .map(|_| third.process.wait_for("result")["session"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(signed, BTreeSet::from([own, own_later, other, other_later]));
}
