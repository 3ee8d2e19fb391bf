//! Many proposals at once, at several daemons: all of them are signed, whoever proposed them and whatever limits each daemon has.

use crate::daemons::{Daemon, Signers};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::thread;

/// Daemons that sign everything for one another. `limits` is each one's `max_concurrent_sessions`.
fn start(signers: &Signers, limits: [usize; 3]) -> [Daemon; 3] {
    let policy = signers.policy("messages = \"any\"");
    let settings = |signer: usize| format!("[protocol]\nmax_concurrent_sessions = {}\n", limits[signer]);
    let first = signers.start(0, None, "", &format!("{}{policy}", settings(0)));
    let second = signers.start(1, Some(&first), "", &format!("{}{policy}", settings(1)));
    let third = signers.start(2, Some(&first), "", &format!("{}{policy}", settings(2)));
    [first, second, third]
}

/// Proposes over a daemon's socket, and gives the last thing that the daemon says of it.
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
        let asked = (0..3).flat_map(|signer| (0..proposals[signer]).map(move |number| (signer, number)));
        let clients: Vec<_> =
            asked.map(|(signer, number)| scope.spawn(move || propose(signers, signer, number))).collect();
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
fn a_proposer_with_more_places_than_its_co_signers_gets_everything_signed() {
    burst([10, 2, 2], [6, 0, 0]);
}

#[test]
fn three_daemons_that_propose_fifty_sessions_each_at_once_sign_all_hundred_and_fifty() {
    burst([10; 3], [50; 3]);
}
