//! Messages that each have tweaks of their own.

use crate::child::{Running, object, run};
use crate::daemons::{Signers, message};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

#[test]
fn each_message_is_signed_under_the_key_of_its_own_tweaks() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let _third = signers.start(2, Some(&first), "", &policy);
    let root = "08".repeat(32);
    let items = [
        message(1),
        format!("{},bip86", message(2)),
        format!("{},bip32=m/0/5,bip86", message(3)),
        format!("{},root={root}", message(4)),
    ];
    let options =
        [&[][..], &["--bip86"], &["--bip32", "m/0/5", "--bip86"], &["--taproot-root", &root]];
    let keys = options.map(|options| {
        let given = signers.public.iter().map(String::as_str).chain(options.iter().copied());
        run(["key", "--json"].into_iter().chain(given)).last()["key"].clone()
    });
    let signed_keys = |result: &Value| {
        let signed = result["items"].as_array().expect("a list");
        signed.iter().map(|item| item["aggregate_key"].clone()).collect::<Vec<_>>()
    };

    let socket = signers.socket(0);
    let [_, one, two] = &signers.public;
    let proposed = Running::start(
        ["propose", "--daemon", &socket, "--signer", one, "--signer", two, "--item"]
            .into_iter()
            .chain(items.iter().map(String::as_str)),
    )
    .finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    let result = proposed.last();
    assert_eq!(signed_keys(&result), keys);

    // What a co-signer is shown, as programs and as people read it.
    let asked = second.process.wait_for("session_discovered");
    let kinds = asked["items"].as_array().expect("a list").iter().map(|item| {
        let steps = item["derivation"].as_array().expect("a list");
        steps.iter().map(|step| step["kind"].as_str().expect("text")).collect::<Vec<_>>()
    });
    let expected = [&[][..], &["taproot"], &["bip32", "taproot"], &["taproot"]];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
    let session = result["session"].as_str().expect("a session");
    let shown = run(["sessions", session, "--socket", &signers.socket(1)]).stdout;
    for (place, expected) in [
        "",
        "taproot output key without scripts (BIP86)",
        "child key at m/0/5 (BIP32, chain code of BIP328)",
        &format!("taproot output key with script root {root} (BIP341)"),
    ]
    .into_iter()
    .enumerate()
    {
        let (_, item) = shown.split_once(&format!("item {place} ")).expect("it is shown");
        let item = item.split("    item ").next().unwrap_or_default();
        assert!(
            item.contains(&format!("key     {}", keys[place].as_str().expect("a key"))),
            "{shown}"
        );
        assert_eq!(item.contains("tweak   "), !expected.is_empty(), "{shown}");
        assert!(item.contains(expected), "{shown}");
    }

    // A program can ask for the same.
    let mut stream = UnixStream::connect(&socket).expect("connected");
    let request = json!({"request": "propose", "signer": [one, two], "item": items, "timeout": 60});
    writeln!(stream, "{request}").expect("written");
    let last = BufReader::new(stream).lines().last().expect("an answer").expect("text");
    let result = object(&last);
    assert_eq!(result["type"], "result", "{result}");
    assert_eq!(signed_keys(&result), keys);
}
