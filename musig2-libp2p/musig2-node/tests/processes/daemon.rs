//! `run`: a signer as a service, and the requests that it answers over its socket.

use crate::child::run;
use crate::daemons::{Signers, message};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn three_daemons_sign_what_their_policies_allow_and_decline_the_rest() {
    let signers = Signers::new();
    let policy = signers.policy(&format!("messages = [\"{}\"]\nmax_items = 1", message(1)));
    let patient = format!("{policy}[protocol]\non_decline = \"Wait\"");
    let first = signers.start(0, None, "", &patient);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let mut third = signers.start(2, Some(&first), "", &policy);

    let proposed = signers.propose(&message(1), &["--bip86", "--memo", "invoice 7"]).finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    let result = proposed.last();
    assert_eq!(result["type"], "result");
    assert_eq!(second.process.wait_for("result"), result);
    assert_eq!(third.process.wait_for("result"), result);
    let file = signers.path(0, "result");
    fs::write(&file, &proposed.stdout).expect("written");
    assert_eq!(run(["verify", file.to_str().expect("text")]).code, Some(0));
    let key = run(["key", "--json", "--bip86"]
        .iter()
        .map(ToString::to_string)
        .chain(signers.public.clone()));
    assert_eq!(key.last()["key"], result["items"][0]["aggregate_key"]);

    // They have met, so nobody else needs to hear of the next session.
    let private = signers.propose(&message(1), &["--private", "--keep-order"]).finish();
    assert_eq!(private.code, Some(0), "{private:?}");
    assert_eq!(
        private.last()["signers"],
        json!(signers.public),
        "in the order given, its own first"
    );

    let mut refused = signers.propose(&message(2), &["--bip86", "--memo", "say \u{1b}[31mred"]);
    let session = refused.wait_for("session")["session"].as_str().expect("a session").to_owned();
    for daemon in [&mut second, &mut third] {
        let declined = daemon.process.wait_for("session_declined");
        assert_eq!(declined["session"], session.as_str());
        assert!(declined["reason"].as_str().expect("text").contains(&message(2)), "{declined}");
    }
    // They decline at different times.
    let mut declined = Vec::new();
    while declined.len() < 2 {
        let listed = signers.ask(0, &["sessions", &session]).last();
        declined = listed["declined"].as_array().expect("a list").clone();
    }
    assert!(declined.iter().all(|one| one["reason"] == "policy"), "{declined:?}");
    let listed = signers.ask(0, &["sessions"]).last();
    let listed = listed["sessions"].as_array().expect("a list");
    let open = listed.iter().find(|one| one["session"] == session.as_str()).expect("it is open");
    assert_eq!(open["phase"], "joining");
    assert_eq!(open["joined"], json!([open["me"]]));
    assert_eq!(open["awaiting"].as_array().expect("a list").len(), 2);
    assert!(listed.iter().any(|one| one["phase"] == "complete"), "{listed:?}");

    // A session can be named by the prefix in the table or in full.
    let others: Vec<_> = signers.public[1..].iter().map(|key| key[..8].to_owned()).collect();
    let shown = run(["sessions", "--socket", &signers.socket(0)]).stdout;
    assert!(others.iter().all(|other| shown.contains(other)), "{shown}");
    let row = shown.lines().find(|row| row.starts_with(&session[..8])).expect("a row");
    assert!(
        row.contains("joining") && row.contains(" 1/3         2     1/3 "),
        "joined, declined, nonces: {row}"
    );
    let details = signers.ask(0, &["sessions", &session[..8]]).last();
    assert_eq!(details["type"], "details");
    for key in ["session", "signers", "me", "coordinator", "phase", "joined", "awaiting"] {
        assert_eq!(details[key], open[key], "{key}");
    }
    assert_eq!(details["items"][0]["message"], message(2));
    assert_eq!(
        details["items"][0]["derivation"],
        json!([{"kind": "taproot", "merkle_root": null}])
    );
    let shown = run(["sessions", &session[..8], "--socket", &signers.socket(0)]).stdout;
    let [own, other, _] = &signers.public;
    for expected in [
        &format!("{own}, you, proposer: joined, nonces received\n"),
        &format!("{other}: declined: its policy does not allow it\n"),
        &message(2),
        details["items"][0]["aggregate_key"].as_str().expect("a key"),
        "taproot output key without scripts (BIP86)",
        "\"say \\u{1b}[31mred\"",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert_eq!(signers.ask(0, &["sessions", "ffff"]).code, Some(2));

    let aborted = signers.ask(0, &["abort", &session[..12], "--reason", "wrong amount"]);
    assert_eq!(aborted.code, Some(0), "{aborted:?}");
    assert_eq!(aborted.last()["phase"], "aborted");
    let ended = refused.finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("wrong amount"), "{}", ended.stderr);
    assert_eq!(signers.ask(0, &["abort", "ffff"]).code, Some(2));
}

#[test]
fn a_declined_session_ends_at_once_and_all_learn_who_declined_and_why() {
    let signers = Signers::new();
    let any = signers.policy("messages = \"any\"");
    let strict = signers.policy(&format!("messages = [\"{}\"]", message(1)));
    let first = signers.start(0, None, "", &any);
    let mut second = signers.start(1, Some(&first), "", &any);
    let mut third = signers.start(2, Some(&first), "", &strict);

    // After this session all have met, and each hears of the next one.
    assert_eq!(signers.propose(&message(1), &[]).finish().code, Some(0));
    let ended = signers.propose(&message(2), &["--timeout", "500"]).finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let failure = ended.last();
    assert_eq!(failure["cause"], "signer_declined");
    assert_eq!((&failure["blamed"], &failure["awaiting"]), (&json!([]), &json!([])));
    assert_eq!(failure["declined"].as_array().expect("a list").len(), 1);
    let declined = &failure["declined"][0];
    assert_eq!(declined["public_key"], signers.public[2].as_str());
    assert_eq!(declined["reason"], "policy");
    let words = format!("declined by signer {}: its policy does not allow it", signers.public[2]);
    assert!(ended.stderr.contains(&words), "{}", ended.stderr);
    let told = second.process.wait_for("session_aborted");
    assert_eq!((&told["cause"], &told["declined"][0]), (&json!("signer_declined"), declined));
    assert_eq!(told["ended_by"]["public_key"], signers.public[0].as_str());
    assert_eq!(told["blamed"], json!([]));
    third.process.wait_for("session_declined");

    // A signer that does not answer looks as if it were absent. It is silent either to everybody or
    // to signers that it does not sign with.
    let silent =
        signers.policy(&format!("messages = [\"{}\"]\nanswer_declines = false", message(1)));
    let [_, second_key, third_key] = &signers.public;
    let others = format!(
        "[policy]\nsigner_sets = [[\"{second_key}\", \"{third_key}\"]]\nmessages = \"any\"\n"
    );
    for policy in [silent, others] {
        third.stop();
        third = signers.start(2, Some(&first), "", &policy);
        third.process.wait_for("peer_connected");
        let ended = signers.propose(&message(2), &["--timeout", "4"]).finish();
        let failure = ended.last();
        assert_eq!((&failure["cause"], &failure["declined"]), (&json!("timed_out"), &json!([])));
        assert_eq!(failure["awaiting"][0]["public_key"], signers.public[2].as_str());
        third.process.wait_for("session_declined");
    }
}

#[test]
fn an_approval_program_is_given_the_whole_session_as_json() {
    let signers = Signers::new();
    let any = signers.policy("messages = \"any\"");
    // The program keeps what it is told, and refuses one message.
    let script =
        format!("cat > $1; if grep -q {} $1; then echo 'too much' >&2; exit 3; fi", message(2));
    let told = signers.text(1, "told");
    let command = json!(["sh", "-c", script, "sh", told]);
    let asking = signers.policy(&format!("messages = \"any\"\napprove_command = {command}"));
    let first = signers.start(0, None, "", &any);
    let mut second = signers.start(1, Some(&first), "", &asking);
    let _third = signers.start(2, Some(&first), "", &any);

    let proposed = signers
        .propose(&message(1), &["--bip32", "m/0/5", "--bip86", "--memo", "invoice 7"])
        .finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    let result = proposed.last();
    let text = fs::read_to_string(&told).expect("a file");
    let session: Value = serde_json::from_str(&text).expect("one JSON object");
    assert_eq!(session["session"], result["session"]);
    assert_eq!(session["signers"], result["signers"]);
    let (item, signed) = (&session["items"][0], &result["items"][0]);
    for key in ["message", "aggregate_key", "tweaks"] {
        assert_eq!(item[key], signed[key], "{key}");
    }
    assert_eq!(item["derivation"][0]["path"], "m/0/5");
    assert_eq!(item["derivation"][1], json!({"kind": "taproot", "merkle_root": null}));
    assert_eq!(session["memo"], "696e766f6963652037");
    assert_eq!(
        session["signers"][session["me"].as_u64().expect("a place") as usize],
        signers.public[1]
    );
    assert!(session["expires_at_ms"].as_u64() > session["created_at_ms"].as_u64(), "{session}");

    let _refused = signers.propose(&message(2), &[]);
    let declined = second.process.wait_for("session_declined");
    assert!(
        declined["reason"].as_str().expect("text").contains("declined (exit status: 3)"),
        "{declined}"
    );
    let log = second.stop().stderr;
    assert!(log.contains("too much"), "what the program says is logged: {log}");
}

#[test]
fn an_approval_program_that_does_not_answer_in_time_declines() {
    let signers = Signers::new();
    let any = signers.policy("messages = \"any\"");
    let slow =
        "messages = \"any\"\napprove_command = [\"sleep\", \"1000\"]\napprove_timeout = \"200ms\"";
    let first = signers.start(0, None, "", &any);
    let mut second = signers.start(1, Some(&first), "", &signers.policy(slow));
    let _refused = signers.propose(&message(1), &[]);
    let declined = second.process.wait_for("session_declined");
    assert!(
        declined["reason"].as_str().expect("text").contains("did not answer within 200ms"),
        "{declined}"
    );
}

#[test]
fn a_daemon_reports_its_status_and_stops_on_request() {
    let signers = Signers::new();
    let mut first = signers.start(0, None, "", "");
    assert_eq!(first.serving["signs_nothing_without"], "signer_sets");
    let _second = signers.start(1, Some(&first), "", "");
    first.process.wait_for("peer_connected");

    let status = signers.ask(0, &["status"]).last();
    assert_eq!(status["public_key"], signers.public[0].as_str());
    assert_eq!(status["listening"], json!([first.address]));
    assert_eq!(status["connected_peers"].as_array().expect("a list").len(), 1);
    assert_eq!(status["open_sessions"], 0);
    assert_eq!(signers.ask(0, &["sessions"]).last()["sessions"], json!([]));
    let shown = run(["status", "--socket", &signers.socket(0)]);
    assert!(shown.stdout.contains("connected   to 1 peer"), "{}", shown.stdout);

    assert!(first.get("/healthz").ends_with("\r\n\r\nok\n"), "{}", first.get("/healthz"));
    let metrics = first.get("/metrics");
    assert!(
        metrics.contains("application/openmetrics-text") && metrics.ends_with("# EOF\n"),
        "{metrics}"
    );
    assert!(metrics.lines().any(|line| line.starts_with("musig2_")), "{metrics}");
    assert!(first.get("/").starts_with("HTTP/1.1 404"));
    let address = first.address.clone();

    // The daemon stops although a session is open.
    let _open = signers.propose(&message(1), &[]).wait_for("session");
    let stopped = first.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(
        stopped.stderr.contains("nothing will be signed: [policy] has no `signer_sets`"),
        "{stopped:?}"
    );
    assert!(!signers.path(0, "musig2-node.sock").exists());
    let gone = signers.ask(0, &["status"]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("Check that `musig2-node run` is running"), "{}", gone.stderr);

    let again = signers.start(0, None, "", "");
    let peer = |address: &str| address.rsplit('/').next().map(ToOwned::to_owned);
    assert_eq!(peer(&again.address), peer(&address), "its peer id stays");
}

#[test]
fn a_restarted_daemon_resumes_what_it_had_approved() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let proposed = signers.propose(&message(1), &[]);
    second.process.wait_for("session_joined");
    // The daemon is killed. Its policy would now sign nothing, but what it approved earlier counts.
    drop(second);
    let mut second = signers.start(1, Some(&first), "", "");
    let resumed = second.process.wait_for("session_resumed");
    assert_eq!(resumed["items"][0]["message"], message(1));
    let _third = signers.start(2, Some(&first), "", &policy);
    let proposed = proposed.finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    assert_eq!(second.process.wait_for("result"), proposed.last());
    let stopped = second.stop();
    for other in ["session_error", "session_declined", "session_discovered"] {
        assert!(!stopped.stdout.contains(other), "{}", stopped.stdout);
    }
}

#[test]
fn a_daemon_waits_as_long_as_asked_even_if_the_client_leaves() {
    let signers = Signers::new();
    let mut first = signers.start(0, None, "", "");
    let asked = Instant::now();
    let ended = signers.propose(&message(1), &["--timeout", "2"]).finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("not finished within 2 seconds, while waiting for signers to join"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains(&format!("waited for signer {}", signers.public[1])),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("hint: the daemon is not connected to any peer"), "{ended:?}");
    let aborted = first.process.wait_for("session_aborted");
    assert_eq!(aborted["cause"], "timed_out", "{aborted}");
    // The list is in the order of the session's keys, which is not the order of the signers here.
    let awaiting = aborted["awaiting"].as_array().expect("a list");
    let mut awaited: Vec<_> =
        awaiting.iter().filter_map(|one| one["public_key"].as_str()).collect();
    awaited.sort_unstable();
    let mut others = [signers.public[1].as_str(), signers.public[2].as_str()];
    others.sort_unstable();
    assert_eq!(awaited, others, "{aborted}");

    let mut left = signers.propose(&message(2), &["--timeout", "2"]);
    let session = left.wait_for("session")["session"].clone();
    drop(left);
    assert_eq!(first.process.wait_for("session_aborted")["session"], session);
    // The orders end before the sessions themselves would, half a minute later.
    assert!(asked.elapsed() < Duration::from_secs(25), "{:?}", asked.elapsed());
    let listed = signers.ask(0, &["sessions"]).last();
    for one in listed["sessions"].as_array().expect("a list") {
        let ending = one["ending"].as_str().expect("it has ended");
        assert!(ending.contains("waiting for signers to join; waited for signers"), "{ending}");
    }
}

/// A client that takes this failure for the session's end may pay twice.
#[test]
fn clients_of_a_killed_daemon_learn_that_it_may_still_be_signed() {
    let signers = Signers::new();
    let daemon = signers.start(0, None, "", &signers.policy("messages = \"any\""));
    let mut waiting = signers.propose(&message(1), &["--timeout", "5"]);
    let session = waiting.wait_for("session")["session"].as_str().expect("a session").to_owned();
    drop(daemon);
    let told = waiting.finish();
    assert_eq!(told.code, Some(1), "{told:?}");
    let words = told.last()["message"].as_str().expect("text").to_owned();
    assert!(words.contains("MAY STILL BE SIGNED") && words.contains(&session), "{words}");

    // The session is indeed there again, and it ends when its order said that it would.
    let mut again = signers.start(0, None, "", &signers.policy("messages = \"any\""));
    let known = signers.ask(0, &["sessions", &session]);
    assert_eq!(known.code, Some(0), "{known:?}");
    let ended = again.process.wait_for("session_aborted");
    assert_eq!(ended["session"], session);
    assert_eq!(ended["cause"], "timed_out", "not by its expiry, 30 s later: {ended}");
}

#[test]
fn every_signer_names_the_missing_one_during_and_after_the_session() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let waiting = signers.propose(&message(1), &["--timeout", "6"]);
    second.process.wait_for("session_joined");
    let failure = waiting.finish().last();
    let ended = second.process.wait_for("session_aborted");
    let missing = &signers.public[2];
    for told in [&failure, &ended] {
        assert_eq!(told["cause"], "timed_out", "{told}");
        assert_eq!(told["awaiting"].as_array().map(Vec::len), Some(1), "{told}");
        assert_eq!(told["awaiting"][0]["public_key"], missing.as_str(), "{told}");
    }
    assert_eq!(ended["ended_by"]["public_key"], signers.public[0].as_str(), "{ended}");
    let session = failure["session"].as_str().expect("a session");
    for signer in [0, 1] {
        let listed = signers.ask(signer, &["sessions", session]).last();
        let ending = listed["ending"].as_str().expect("text");
        assert!(ending.contains(&format!("waited for signer {}", &missing[..8])), "{ending}");
        let kept = signers.ask(signer, &["results", "--status", "aborted"]).stdout;
        assert!(kept.contains(&format!("waited for signer {}", &missing[..8])), "{kept}");
    }
}

#[test]
fn a_proposer_that_ends_its_session_is_named_but_not_blamed() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let mut waiting = signers.propose(&message(1), &[]);
    let session = waiting.wait_for("session")["session"].as_str().expect("a session").to_owned();
    second.process.wait_for("session_joined");
    assert_eq!(signers.ask(0, &["abort", &session]).code, Some(0));
    for ended in [second.process.wait_for("session_aborted"), waiting.finish().last()] {
        assert_eq!(ended["session"], session.as_str());
        assert_eq!(ended["cause"], "aborted_by_signer");
        assert_eq!(ended["ended_by"]["public_key"], signers.public[0].as_str(), "{ended}");
        assert_eq!(ended["blamed"], json!([]), "nothing is proven: {ended}");
    }
}

#[test]
fn a_daemon_says_so_with_its_label_if_its_key_is_used_elsewhere() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let labels = format!("[signers]\ntwin = \"{}\"\n", signers.public[1]);
    let settings = format!("{labels}[protocol]\nclock_skew = \"10ms\"\n");
    std::fs::copy(signers.path(1, "signer.key"), signers.path(2, "signer.key")).expect("copied");
    let [mut one, _other] =
        [1, 2].map(|signer| signers.start(signer, Some(&first), &settings, &policy));
    let proposer = signers.propose(&message(1), &["--timeout", "60"]);
    let told = one.process.wait_for("key_in_use_elsewhere");
    assert_eq!((&told["public_key"], &told["label"]), (&json!(signers.public[1]), &json!("twin")));
    let logged = one.stop().stderr;
    let line =
        logged.lines().find(|line| line.contains("another process signs with this node's key"));
    let line = line.unwrap_or_else(|| panic!("{logged}"));
    assert!(
        line.contains("ERROR") && line.contains("twin") && line.contains(&signers.public[1]),
        "{line}"
    );
    proposer.terminate();
}
