//! An operator's labels for the signers, and the chain that they sign on: both are shown wherever a
//! signer or an address is named.

use crate::child::{Running, keygen, run};
use crate::daemons::{Signers, message};
use serde_json::{Value, json};
use std::fs;
use tempfile::tempdir;

/// Returns the label of the signer with this key, from an object that has a list of keys and a list
/// of labels.
fn label(object: &Value, key: &str) -> Value {
    let signers = object["signers"].as_array().expect("a list");
    let place = signers.iter().position(|signer| signer == key).expect("it is a signer");
    assert_eq!(object["labels"].as_array().expect("a list").len(), signers.len(), "{object}");
    object["labels"][place].clone()
}

#[test]
fn a_daemon_shows_a_signers_label_wherever_it_names_it() {
    let signers = Signers::new();
    let [own, bob, carol] = &signers.public;
    let told = signers.text(1, "told");
    let script = json!(["sh", "-c", "cat > $0; exit 1", told]);
    let labels = format!("[signers]\nalice = \"{own}\"\n\"Bob's phone\" = \"{bob}\"");
    let mut first =
        signers.start(0, None, "", &format!("{}\n{labels}", signers.policy("messages = \"any\"")));
    let asking = signers.policy(&format!("messages = \"any\"\napprove_command = {script}"));
    let mut second = signers.start(1, Some(&first), "", &format!("{asking}\n{labels}"));

    let proposed = signers.propose(&message(1), &["--timeout", "5"]);
    let discovered = second.process.wait_for("session_discovered");
    assert_eq!(label(&discovered, own), "alice");
    second.process.wait_for("session_declined");
    let question = serde_json::from_str(&fs::read_to_string(&told).expect("a file")).expect("JSON");
    assert_eq!(label(&question, bob), "Bob's phone", "the program is told");
    let declined = run(["results", "--socket", &signers.socket(1)]).stdout;
    assert!(declined.contains("by alice "), "{declined}");

    let session = discovered["session"].as_str().expect("a session");
    let listed = &signers.ask(0, &["sessions"]).last()["sessions"][0];
    assert_eq!(label(listed, bob), "Bob's phone");
    assert_eq!(label(listed, carol), Value::Null);
    let shown = run(["sessions", "--socket", &signers.socket(0)]).stdout;
    assert!(shown.contains(&format!("Bob's phone {}", &bob[..8])), "{shown}");
    let details = run(["sessions", session, "--socket", &signers.socket(0)]).stdout;
    assert!(details.contains(&format!("{own}, alice, you, proposer")), "{details}");
    let ended = proposed.finish();
    assert!(ended.stderr.contains(&format!("signer {bob}, Bob's phone")), "{}", ended.stderr);
    let named = |told: &Value| {
        let signers = told["declined"].as_array().expect("a list").iter();
        signers.filter_map(|signer| signer["label"].as_str()).any(|label| label == "Bob's phone")
    };
    assert!(named(&ended.last()), "{ended:?}");
    first.process.wait_for("session_aborted");
    let record = signers.ask(0, &["results"]).stdout;
    assert!(record.contains("\"labels\":[") && record.contains("\"Bob's phone\""), "{record}");
}

#[test]
fn a_proposer_without_a_daemon_takes_labels_from_its_command_line() {
    let folder = tempdir().expect("a folder");
    let own = folder.path().join("own.key");
    let key = own.to_str().expect("text").to_owned();
    keygen(&own);
    let other = keygen(&folder.path().join("other.key"));
    let propose = |label: &str| {
        let listen = "/ip4/127.0.0.1/tcp/0";
        let message = message(1);
        let arguments =
            ["propose", "--key", &key, "--signer", &other, "--message", &message, "--timeout", "1"];
        run(arguments.iter().chain(&["--listen", listen, "--label", label]))
    };
    let ended = propose(&format!("bob={other}"));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains(&format!("waited for signer {other}, bob\n")),
        "{}",
        ended.stderr
    );
    let refused = propose("bob");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("write LABEL=PUBKEY"), "{}", refused.stderr);
}

#[test]
fn a_daemon_shows_addresses_of_the_configured_chain_everywhere() {
    let signers = Signers::new();
    let told = signers.text(1, "told");
    let script = json!(["sh", "-c", "cat > $0; exit 1", told]);
    let first = signers.start(0, None, "", &signers.policy("messages = \"any\""));
    let asking = signers.policy(&format!("messages = \"any\"\napprove_command = {script}"));
    let mut second = signers.start(1, Some(&first), "chain = \"signet\"", &asking);
    let expected = |chain: &str| {
        let key = ["key", "--json", "--bip86", "--chain", chain].into_iter();
        run(key.chain(signers.public.iter().map(String::as_str))).last()["address"].clone()
    };
    let signet = expected("signet");

    let items = ["--item".into(), format!("{},bip86", message(1)), message(2)];
    let [socket, one, two] = [&signers.socket(0), &signers.public[1], &signers.public[2]];
    let propose = ["propose", "--daemon", socket, "--signer", one, two];
    let _proposed = Running::start(propose.into_iter().chain(items.iter().map(String::as_str)));
    let discovered = second.process.wait_for("session_discovered");
    second.process.wait_for("session_declined");
    let session = discovered["session"].as_str().expect("a session");
    let question = serde_json::from_str(&fs::read_to_string(&told).expect("a file")).expect("JSON");
    let details = signers.ask(1, &["sessions", session]).last();
    let record = signers.ask(1, &["results"]).stdout;
    let record = serde_json::from_str(record.lines().next().expect("a record")).expect("JSON");
    for object in [&discovered, &question, &details, &record] {
        assert_eq!(object["items"][0]["address"], signet, "{object}");
        assert_eq!(object["items"][1].get("address"), None, "no output key: {object}");
    }
    for (signer, address) in [(0, expected("main")), (1, signet)] {
        let shown = run(["sessions", session, "--socket", &signers.socket(signer)]).stdout;
        let address = format!("address {}\n", address.as_str().expect("text"));
        assert_eq!(
            (shown.matches("address ").count(), shown.matches(&address).count()),
            (1, 1),
            "{shown}"
        );
    }
}
