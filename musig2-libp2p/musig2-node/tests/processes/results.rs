//! A daemon keeps what it signed and gives it out again, whatever happens to the client that asked
//! for it, to the daemon, or to the disk.

use crate::child::{PATIENCE, musig2_node};
use crate::daemons::{Signers, message};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

const ANY: &str = "messages = \"any\"";

/// Gives what `sessions SESSION --json` prints to `verify -`, and returns its exit code.
fn verify(printed: &str) -> Option<i32> {
    let mut verify =
        musig2_node(["verify", "-"]).stdin(Stdio::piped()).spawn().expect("the command starts");
    verify.stdin.take().expect("piped").write_all(printed.as_bytes()).expect("written");
    verify.wait().expect("it was started").code()
}

fn list(signers: &Signers, signer: usize, more: &[&str]) -> Vec<Value> {
    let listed = signers.ask(signer, &[&["results"], more].concat());
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let lines =
        listed.stdout.lines().map(|line| serde_json::from_str(line).expect("every line is JSON"));
    let mut lines: Vec<Value> = lines.collect();
    let last = lines.pop().expect("a last line");
    assert_eq!((&last["type"], &last["count"]), (&json!("results"), &json!(lines.len())), "{last}");
    lines
}

#[test]
fn an_interrupted_proposal_goes_on_and_its_signatures_are_kept() {
    let signers = Signers::new();
    let policy = signers.policy(ANY);
    let first = signers.start(0, None, "", &policy);
    let mut proposed = signers.propose(&message(1), &["--bip86", "--memo", "invoice 7"]);
    let session = proposed.wait_for("session")["session"].as_str().expect("a session").to_owned();
    let interrupted = proposed.signal("INT");
    assert_eq!(interrupted.code, Some(130), "{interrupted:?}");
    let told = &interrupted.stderr;
    assert!(
        told.contains("IS STILL RUNNING")
            && told.contains(&format!("musig2-node sessions {session}")),
        "{told}"
    );

    let mut second = signers.start(1, Some(&first), "", &policy);
    let third = signers.start(2, Some(&first), "", &policy);
    assert_eq!(second.process.wait_for("result")["session"], session.as_str());
    let mut first = first;
    let result = first.process.wait_for("result");
    assert_eq!(
        verify(&signers.ask(0, &["sessions", &session]).stdout),
        Some(0),
        "of one that has just ended"
    );

    // All of them are killed, so no other signer can repeat the signatures.
    drop((first, second, third));
    let again = signers.start(0, None, "", &policy);
    let shown = signers.ask(0, &["sessions", &session[..12]]);
    assert_eq!(verify(&shown.stdout), Some(0), "{shown:?}");
    assert_eq!(shown.last()["items"], result["items"]);
    let [record] = &list(&signers, 0, &[])[..] else { panic!("one record") };
    assert_eq!(record["status"], "signed");
    assert_eq!(record["approval"]["by"], "socket");
    assert_eq!(record["memo"], "696e766f6963652037");
    assert_eq!(record["items"][0]["derivation"], json!([{"kind": "taproot", "merkle_root": null}]));
    for time in ["proposed_at", "approved_at", "ended_at"] {
        assert!(record[time].as_str().is_some_and(|time| time.ends_with('Z')), "{record}");
    }
    // A co-signer also knows by whose decision it took part. It does not ask about the session
    // again, nor report it again.
    let asking = signers.policy(&format!("{ANY}\napprove_command = [\"false\"]"));
    let mut second = signers.start(1, Some(&again), "", &asking);
    let [record] = &list(&signers, 1, &["--status", "signed", "--since", "1h"])[..] else {
        panic!("one record")
    };
    assert_eq!(
        record["approval"],
        json!({"by": "policy", "rule": "signer_sets, messages = \"any\""})
    );
    let next = signers.propose(&message(2), &["--timeout", "30"]);
    let declined = second.process.wait_for("session_declined");
    assert_ne!(declined["session"], session.as_str());
    drop(next);
    for stopped in [second.stop(), again.stop()] {
        assert!(!stopped.stdout.contains("\"result\""), "{}", stopped.stdout);
    }
}

#[test]
fn unsigned_sessions_leave_records_and_evict_no_signed_ones() {
    let signers = Signers::new();
    let bounds = "[results]\nmax_signed = 2\nmax_unsigned = 2";
    let policy = signers.policy(&format!("messages = [\"{}\"]", message(1)));
    let patient = format!("{policy}[protocol]\non_decline = \"Wait\"");
    let first = signers.start(0, None, "", &patient);
    let mut second = signers.start(1, Some(&first), "", &format!("{policy}\n{bounds}"));
    let _third = signers.start(2, Some(&first), "", &policy);
    let proposed = signers.propose(&message(1), &[]).finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    assert_eq!(second.process.wait_for("result"), proposed.last());
    for byte in 2..=4 {
        let _left = signers.propose(&message(byte), &["--timeout", "60"]);
        second.process.wait_for("session_declined");
    }
    let declined = list(&signers, 1, &["--status", "declined"]);
    let messages: Vec<_> =
        declined.iter().map(|record| record["items"][0]["message"].clone()).collect();
    assert_eq!(
        messages,
        [message(4), message(3)],
        "the newest first, and no more than there may be"
    );
    assert!(
        declined[0]["ending"].as_str().expect("text").contains("is not allowed"),
        "{}",
        declined[0]
    );
    assert_eq!(list(&signers, 1, &["--status", "signed"]).len(), 1);
    assert_eq!(list(&signers, 1, &["--limit", "1"]).len(), 1);
    assert_eq!(list(&signers, 1, &["--signer", &signers.public[2]]).len(), 3);
    assert_eq!(list(&signers, 1, &["--since", "2099-01-01"]).len(), 0);
    assert_eq!(signers.ask(1, &["results", "--since", "yesterday"]).code, Some(2));
    let open = list(&signers, 0, &["--status", "open"]);
    assert_eq!(open.len(), 3, "what it proposed: {open:?}");
}

#[test]
fn a_damaged_record_or_an_unwritable_folder_stops_no_signing() {
    let signers = Signers::new();
    let policy = signers.policy(ANY);
    let first = signers.start(0, None, "", &policy);
    let _second = signers.start(1, Some(&first), "", &policy);
    let _third = signers.start(2, Some(&first), "", &policy);
    let sign = |byte| {
        let signed = signers.propose(&message(byte), &[]).finish();
        assert_eq!(signed.code, Some(0), "{signed:?}");
        signed.last()["session"].as_str().expect("a session").to_owned()
    };
    let damaged = sign(1);
    let file: PathBuf = fs::read_dir(signers.path(0, "results/signed"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .next()
        .expect("one record");
    let text = fs::read_to_string(&file).expect("text").replace("\"signed\"", "\"Signed\"");
    fs::write(&file, text).expect("written");

    // A file is in its place, so nothing can be written there, not even by the superuser.
    let results = signers.path(0, "results");
    let aside = signers.path(0, "aside");
    fs::rename(&results, &aside).expect("renamed");
    fs::write(&results, "").expect("written");
    let session = sign(2);
    assert_eq!(verify(&signers.ask(0, &["sessions", &session]).stdout), Some(0));
    let status = signers.ask(0, &["status"]).last();
    assert_eq!(status["results"]["waiting"], 1, "{status}");
    fs::remove_file(&results).expect("removed");
    fs::rename(&aside, &results).expect("renamed");
    let later = sign(3);
    let log = first.stop().stderr;
    assert!(log.contains("cannot write the results"), "{log}");

    // Otherwise the session's signatures would be known from there.
    fs::remove_dir_all(signers.path(0, "approvals")).expect("removed");
    let again = signers.start(0, None, "", &policy);
    let listed = signers.ask(0, &["results"]);
    for session in [&session, &later] {
        assert!(listed.stdout.contains(session.as_str()), "{listed:?}");
    }
    assert_eq!(listed.last()["damaged"], 1, "{listed:?}");
    let told = signers.ask(0, &["sessions", &damaged]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stderr.contains("is damaged: its checksum does not match"), "{told:?}");
    let log = again.stop().stderr;
    assert!(log.contains("omitted an unreadable record from the results"), "{log}");
}

/// Returns the sessions that signer 1 keeps in a folder, taken from the names of the files.
fn kept(signers: &Signers, folder: &str) -> Vec<String> {
    let files = fs::read_dir(signers.path(1, folder)).expect("a folder");
    let names = files.map(|file| file.expect("an entry").file_name().into_string().expect("text"));
    names.filter_map(|name| Some(name.rsplit('-').next()?.split_once('.')?.0.to_owned())).collect()
}

#[test]
fn a_daemon_stopped_while_it_signs_loses_no_result() {
    const COUNT: u8 = 12;
    let signers = Signers::new();
    let policy = signers.policy(ANY);
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let _third = signers.start(2, Some(&first), "", &policy);
    let proposed: Vec<_> = (1..=COUNT).map(|byte| signers.propose(&message(byte), &[])).collect();
    second.process.wait_for("result");
    let stopped = second.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");

    let lines =
        stopped.stdout.lines().map(|line| serde_json::from_str(line).expect("every line is JSON"));
    let lines: Vec<Value> = lines.collect();
    let told = |event: &str| -> Vec<_> {
        let lines = lines.iter().filter(|line| line["event"] == event);
        lines.map(|line| line["session"].as_str().expect("a session").to_owned()).collect()
    };
    let signed = kept(&signers, "results/signed");
    let open = kept(&signers, "approvals");
    assert!(told("session_joined").len() > 1, "there was more than the first: {lines:?}");
    for session in told("session_joined") {
        assert!(signed.contains(&session) || open.contains(&session), "{session} is nowhere");
    }
    for session in told("session_complete") {
        assert!(signed.contains(&session), "{session} is signed");
    }

    let second = signers.start(1, Some(&first), "", &policy);
    for proposed in proposed {
        let signed = proposed.finish();
        assert_eq!(signed.code, Some(0), "{signed:?}");
    }
    let end = Instant::now() + PATIENCE;
    loop {
        let count = list(&signers, 1, &["--status", "signed"]).len();
        if count == usize::from(COUNT) {
            break;
        }
        assert!(Instant::now() < end, "{count} are signed: {:?}", list(&signers, 1, &[]));
    }
    second.stop();
}
