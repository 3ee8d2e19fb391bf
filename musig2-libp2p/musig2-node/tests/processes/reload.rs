//! A daemon reads its policy and labels again, and goes on meanwhile.

use crate::child::{musig2_node, run};
use crate::daemons::{Daemon, Signers, message};
use serde_json::json;
use std::fs;
use std::process::{Command, Stdio};

/// Changes a daemon's configuration: replaces each `from` in it with `to`.
fn change(signers: &Signers, signer: usize, from: &str, to: &str) {
    let file = signers.path(signer, "node.toml");
    let text = fs::read_to_string(&file).expect("text");
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).expect("written");
}

fn hang_up(daemon: &mut Daemon, event: &str) -> serde_json::Value {
    daemon.process.send("HUP");
    daemon.process.wait_for(event)
}

#[test]
fn a_reloaded_policy_holds_and_one_with_an_error_does_not() {
    let signers = Signers::new();
    let any = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &any);
    let narrow = signers.policy(&format!("messages = [\"{}\"]", message(1)));
    let mut second = signers.start(1, Some(&first), "", &narrow);
    let _third = signers.start(2, Some(&first), "", &any);
    let before = signers.ask(1, &["status"]).last();

    // A configuration with an error is not taken: the former policy still holds.
    let allowed = |byte: u8| format!("messages = [\"{}\"]", message(byte));
    change(&signers, 1, &allowed(1), "messages = [\"07\"]");
    let refused = hang_up(&mut second, "not_reloaded");
    let error = refused["error"].as_str().expect("text");
    assert!(error.contains("`policy.messages[0]`: expected 64 hex digits"), "{error}");
    let signed = signers.propose(&message(1), &[]).finish();
    assert_eq!(signed.code, Some(0), "the former policy holds: {signed:?}");
    let asked = signers.ask(1, &["reload"]);
    assert_eq!(asked.code, Some(2), "{asked:?}");
    assert_eq!(asked.last()["message"], error, "the same is told who asks over the socket");

    change(&signers, 1, "messages = [\"07\"]", &allowed(2));
    let labels =
        format!("[signers]\nalice = \"{}\"\n[network]\nmax_connections = 100\n", signers.public[0]);
    change(&signers, 1, "[network]\n", &labels);
    let told = hang_up(&mut second, "reloaded");
    assert_eq!(told["needs_restart"], json!(["[network]"]));
    let signed = signers.propose(&message(2), &[]).finish();
    assert_eq!(signed.code, Some(0), "{signed:?}");
    let _declined = signers.propose(&message(1), &["--timeout", "30"]);
    let declined = second.process.wait_for("session_declined");
    assert!(declined["reason"].as_str().expect("text").contains(&message(1)), "{declined}");
    let shown = run(["sessions", "--json", "--socket", &signers.socket(1)]).last();
    assert!(shown["sessions"][0]["labels"].to_string().contains("\"alice\""), "{shown}");

    let other = "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";
    let all = json!(signers.public).to_string();
    change(
        &signers,
        1,
        &format!("signer_sets = [{all}]"),
        &format!("signer_sets = [[\"{other}\"]]"),
    );
    let refused = hang_up(&mut second, "not_reloaded");
    assert!(refused["error"].as_str().expect("text").contains("has this node's key"), "{refused}");
    change(&signers, 1, &format!("signer_sets = [[\"{other}\"]]"), "signer_sets = []");
    let told = signers.ask(1, &["reload"]).last();
    assert_eq!(told["type"], "reloaded");
    assert!(told["notes"][0].as_str().expect("text").contains("no `signer_sets`"), "{told}");
    let after = signers.ask(1, &["status"]).last();
    assert_eq!(after["signs_nothing_without"], "signer_sets");
    assert!(after["policy_read_at"].as_str() > before["policy_read_at"].as_str(), "{after}");
    let log = second.stop().stderr;
    assert_eq!(log.matches("cannot reload the policy").count(), 2, "{log}");
}

#[test]
fn a_reloaded_policy_decides_what_the_former_program_left_open() {
    let signers = Signers::new();
    let any = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &any);
    let slow =
        "messages = \"any\"\napprove_command = [\"sleep\", \"1000\"]\napprove_timeout = \"10m\"";
    let mut second = signers.start(1, Some(&first), "", &signers.policy(slow));
    let _third = signers.start(2, Some(&first), "", &any);
    let proposed = signers.propose(&message(1), &[]);
    second.process.wait_for("session_discovered");
    change(&signers, 1, "approve_command = [\"sleep\", \"1000\"]", "");
    hang_up(&mut second, "reloaded");
    let signed = proposed.finish();
    assert_eq!(signed.code, Some(0), "{signed:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_daemon_under_nohup_does_not_reload_when_its_terminal_closes() {
    let signers = Signers::new();
    let config = signers.configure(0, None, "", &signers.policy("messages = \"any\""));
    let node = musig2_node(["run", "--config", &config]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(node.get_program())
        .args(node.get_args());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let daemon = signers.run(command);
    let before = signers.ask(0, &["status"]).last();
    daemon.process.send("HUP");
    let after = signers.ask(0, &["status"]).last();
    assert_eq!(after["policy_read_at"], before["policy_read_at"]);
    assert_eq!(signers.ask(0, &["reload"]).code, Some(0));
    let stopped = daemon.stop();
    assert_eq!(
        (stopped.code, stopped.stdout.matches("\"reloaded\"").count()),
        (Some(0), 1),
        "{stopped:?}"
    );
}
