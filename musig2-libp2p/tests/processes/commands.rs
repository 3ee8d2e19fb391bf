//! Commands that need no network.

use crate::child::{Finished, run};
use std::fs;
use tempfile::tempdir;

/// Three keys and their aggregate, in this order, from the test vectors of BIP327.
const SIGNERS: [&str; 3] = [
    "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    "03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659",
    "023590a94e768f8e1815c2f24b4d80a8e3149316c3518ce7b7ad338368d038ca66",
];
const AGGREGATE: &str = "90539eede565f5d054f32cc0c220126889ed1e5d193baf15aef344fe59d4610c";

fn key(more: &[&str]) -> Finished {
    run(["key", "--json"].iter().chain(&SIGNERS).chain(more))
}

#[test]
fn the_joint_key_is_told_before_there_is_a_session() {
    let told = key(&["--keep-order"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(told.last()["key"], AGGREGATE);
    assert_eq!(told.last().get("address"), None, "it is no taproot output key");

    let sorted = key(&[]).last();
    assert_ne!(sorted["key"], AGGREGATE, "another order is another key");
    let mut signers = SIGNERS;
    signers.sort_unstable();
    assert_eq!(sorted["signers"], serde_json::json!(signers));

    let output = key(&["--bip86", "--network", "regtest"]).last();
    assert!(output["address"].as_str().expect("an address").starts_with("bcrt1p"), "{output}");
    assert_ne!(output["key"], sorted["key"]);
    assert_ne!(key(&["--bip32", "m/0/5", "--bip86"]).last()["key"], output["key"]);
}

#[test]
fn the_example_of_a_configuration_is_right() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("musig2-node.toml");
    let example = run(["config", "--example"]);
    assert_eq!(example.code, Some(0), "{example:?}");
    fs::write(&file, &example.stdout).expect("written");
    let checked = run(["config", "--check", file.to_str().expect("text")]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.stdout.contains("nothing will be signed: [policy] has no `signer_sets`"),
        "{}",
        checked.stdout
    );
}

#[test]
fn a_wrong_configuration_is_told_with_key_line_and_what_is_allowed() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("c.toml");
    let cases = [
        ("\nkeys = \"a\"", "c.toml, line 2: unknown field `keys`, expected one of `key`, "),
        ("[network]\nlisten = [\"localhost\"]", "c.toml, line 2, `network.listen[0]`: not a libp2p address"),
        ("[network]\nbootstrap = [\"/ip4/192.0.2.1\"]", "no port to dial"),
        (
            "[protocol]\nnonce_timeout = 5",
            "c.toml, line 2, `protocol.nonce_timeout`: invalid type: integer `5`, expected a time",
        ),
        ("[protocol]\ntopology = \"Star\"", "expected `Mesh` or `Hub`"),
        ("[protocol]\nmin_signers = 20", "`min_signers` must be 2 to 15, and is 20"),
        ("[http]\nlisten = \"0.0.0.0:9464\"", "allow_non_loopback = true"),
        (
            "[http]\nlisten = 9464",
            "`http.listen`: invalid type: integer `9464`, expected an address and a port",
        ),
        ("policy_file = \"p\"\n[policy]\nmessages = \"any\"", "keep one of them"),
        ("policy_file = \"missing\"", "missing: cannot read"),
        ("key = ", "c.toml, line 1: "),
    ];
    for (text, expected) in cases {
        fs::write(&file, text).expect("written");
        let path = file.to_str().expect("text");
        for command in [["config", "--check", path], ["run", "--config", path]] {
            let told = run(command);
            assert_eq!(told.code, Some(2), "{text}: {told:?}");
            assert!(told.stderr.contains(expected), "{text}: {}", told.stderr);
        }
    }
}

#[test]
fn what_proves_nothing_convicts_nobody() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("evidence");
    for content in [&b""[..], b"00", b"no evidence", &[1; 5000]] {
        fs::write(&file, content).expect("written");
        let told = run(["evidence", "verify", file.to_str().expect("text")]);
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.stderr.contains("evidence proves nothing"), "{}", told.stderr);
    }
}

#[test]
fn evidence_names_the_culprit_and_nothing_in_it_can_be_changed() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("evidence");
    let hex = include_str!("equivocation.hex").trim();
    let verify = |content: &[u8]| {
        fs::write(&file, content).expect("written");
        run(["evidence", "verify", "--json", file.to_str().expect("text")])
    };
    let told = verify(hex.as_bytes());
    assert_eq!(told.code, Some(0), "{told:?}");
    let conviction = told.last();
    assert_eq!(conviction["fault"], "equivocation");
    assert_eq!(conviction["signer"], 1);
    assert_eq!(conviction["public_key"], conviction["signers"][1]);

    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&hex[place..place + 2], 16).expect("hex"))
        .collect();
    assert_eq!(verify(&bytes).last(), conviction, "bytes and hex are one");
    for place in [0, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert_eq!(verify(&changed).code, Some(1), "byte {place}");
    }
}

#[test]
fn shells_and_manual_pages_know_every_command() {
    let folder = tempdir().expect("a folder");
    let commands = [
        "demo", "keygen", "key", "propose", "cosign", "run", "config", "status", "sessions", "abort",
        "verify",
    ];
    for shell in ["bash", "zsh", "fish"] {
        let script = run(["completions", shell]);
        assert_eq!(script.code, Some(0), "{script:?}");
        for command in commands {
            assert!(script.stdout.contains(command), "{shell}: {command}");
        }
    }
    let page = run(["man"]);
    assert!(page.stdout.contains(".TH musig2-node 1"), "{}", page.stdout);
    let written = run(["man", "--dir", folder.path().to_str().expect("text")]);
    assert_eq!(written.code, Some(0), "{written:?}");
    for command in commands {
        let page = folder.path().join(format!("musig2-node-{command}.1"));
        assert!(page.exists(), "{}", page.display());
    }
}
