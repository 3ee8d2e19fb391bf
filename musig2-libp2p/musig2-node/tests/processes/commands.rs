//! Commands that need no network.

use crate::child::{Finished, keygen, run};
use std::fs;
use tempfile::tempdir;

/// Three keys from the test vectors of BIP327, and below their aggregate in this order.
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
fn the_joint_key_can_be_computed_before_any_session() {
    let told = key(&["--keep-order"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(told.last()["key"], AGGREGATE);
    assert_eq!(told.last().get("address"), None, "it is no taproot output key");

    let sorted = key(&[]).last();
    assert_ne!(sorted["key"], AGGREGATE, "a different order gives a different key");
    let mut signers = SIGNERS;
    signers.sort_unstable();
    assert_eq!(sorted["signers"], serde_json::json!(signers));

    let output = key(&["--bip86", "--chain", "regtest"]).last();
    assert!(output["address"].as_str().expect("an address").starts_with("bcrt1p"), "{output}");
    assert_ne!(output["key"], sorted["key"]);
    assert_ne!(key(&["--bip32", "m/0/5", "--bip86"]).last()["key"], output["key"]);
}

#[test]
fn the_example_configuration_passes_the_check() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("musig2-node.toml");
    let example = run(["config", "--example"]);
    assert_eq!(example.code, Some(0), "{example:?}");
    fs::write(&file, &example.stdout).expect("written");
    keygen(&folder.path().join("signer.key"));
    let checked = run(["config", "--check", file.to_str().expect("text")]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.stdout.contains("nothing will be signed: [policy] has no `signer_sets`"),
        "{}",
        checked.stdout
    );
}

#[test]
fn a_configuration_error_names_the_line_the_key_and_what_is_allowed() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("c.toml");
    let cases = [
        ("\nkeys = \"a\"", "c.toml, line 2: unknown field `keys`, expected one of `key`, "),
        (
            "[network]\nlisten = [\"localhost\"]",
            "c.toml, line 2, `network.listen[0]`: not a libp2p address",
        ),
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
        ("policy_file = \"p\"\n[policy]\nmessages = \"any\"", "keep only one of them"),
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

#[cfg(unix)]
#[test]
fn a_configuration_that_cannot_run_fails_the_check() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    keygen(&path("signer.key"));
    keygen(&path("open.key"));
    fs::set_permissions(path("open.key"), fs::Permissions::from_mode(0o644)).expect("set");
    fs::write(path("text"), "no program").expect("written");
    let text = path("text");
    let not_executable = format!("[policy]\napprove_command = [{text:?}]");
    let cases = [
        ("key = \"missing.key\"", "missing.key: cannot read the key: No such file"),
        ("key = \"open.key\"", "chmod 600"),
        ("passphrase_file = \"missing\"", "missing: cannot read the passphrase: No such file"),
        (
            "[policy]\napprove_command = [\"/nonexistent/approve\"]",
            "approve_command: /nonexistent/approve: No such",
        ),
        (
            "[policy]\napprove_command = [\"no-such-program\", \"-x\"]",
            "no `no-such-program` in PATH",
        ),
        (&not_executable, "run `chmod +x` on it"),
    ];
    let file = path("node.toml");
    let config = file.to_str().expect("text");
    for (text, expected) in cases {
        fs::write(&file, text).expect("written");
        for command in [["config", "--check", config], ["run", "--config", config]] {
            let told = run(command);
            assert_eq!(told.code, Some(2), "{text}: {told:?}");
            assert!(told.stderr.contains(expected), "{text}: {}", told.stderr);
        }
    }
    fs::write(&file, "").expect("written");
    let told = run(["run", "--config", config, "--approve-command", "no-such-program"]);
    assert_eq!(told.code, Some(2), "{told:?}");
}

#[test]
fn the_check_notes_what_is_signed_without_asking() {
    let folder = tempdir().expect("a folder");
    keygen(&folder.path().join("signer.key"));
    let file = folder.path().join("node.toml");
    let check = |text: &str| {
        fs::write(&file, text).expect("written");
        let checked = run(["config", "--check", file.to_str().expect("text")]);
        assert_eq!(checked.code, Some(0), "{checked:?}");
        checked.stdout
    };
    let any = "[policy]\nsigner_sets = \"any\"\nmessages = \"any\"\n";
    assert!(check(any).contains("note        everything that anybody proposes will be signed"));
    let asked =
        check(&format!("{any}approve_command = [\"sh\"]\nmax_items = 300\nmax_duration = \"1h\""));
    assert!(!asked.contains("everything that anybody"), "{asked}");
    assert!(
        asked.contains(
            "`max_items` is 300, but `max_items` in [protocol] allows no session more than 256"
        ),
        "{asked}"
    );
    assert!(
        asked.contains("`max_duration` is 1h, but `max_session_duration` in [protocol] allows no session more than 10m"),
        "{asked}"
    );
    let limited = check(&format!("{any}output_keys = [\"{}\"]", &SIGNERS[0][2..]));
    assert!(!limited.contains("note"), "{limited}");
}

#[test]
fn the_check_notes_what_a_limit_of_zero_means() {
    let folder = tempdir().expect("a folder");
    keygen(&folder.path().join("signer.key"));
    let file = folder.path().join("node.toml");
    let zeros = "max_items = 0\n[results]\nmax_signed = 0\n[protocol]\nmax_discovered_sessions = 0\nmax_memo = 0";
    fs::write(&file, format!("[policy]\nsigner_sets = \"any\"\nmessages = \"any\"\n{zeros}"))
        .expect("written");
    let checked = run(["config", "--check", file.to_str().expect("text")]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let zeros = checked.stdout;
    for note in [
        "note        [policy] `max_items` is 0: this node signs nothing that others propose\n",
        "[results] `max_signed` is 0: signatures are not kept",
        "[protocol] `max_discovered_sessions` is 0: this node signs nothing that others propose\n",
        "[protocol] `max_memo` is 0: sessions with a memo are neither created nor signed\n",
    ] {
        assert!(zeros.contains(note), "{note}: {zeros}");
    }
    assert_eq!(zeros.matches("is 0").count(), 4, "{zeros}");
}

#[test]
fn a_file_that_proves_nothing_convicts_nobody() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("evidence");
    for (content, expected) in [
        (&b""[..], "it is empty"),
        (b"00", "evidence is not evidence: "),
        (b"{\"type\":\"result\"}", "it is text, but not hex"),
        (&[1; 5000], "Give a file from a daemon's `evidence_dir`"),
    ] {
        fs::write(&file, content).expect("written");
        let told = run(["evidence", "verify", file.to_str().expect("text")]);
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(
            told.stderr.contains("is not evidence") && told.stderr.contains(expected),
            "{}",
            told.stderr
        );
    }
    let told = run(["evidence"]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("requires a subcommand"), "{}", told.stderr);
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
        "demo", "keygen", "key", "propose", "cosign", "run", "config", "status", "sessions",
        "abort", "reload", "verify",
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
    let pages = folder.path().join("share/man1");
    let written = run(["man", "--dir", pages.to_str().expect("text")]);
    assert_eq!(written.code, Some(0), "{written:?}");
    let whole = fs::read_to_string(pages.join("musig2-node.1")).expect("text");
    for page in [&page.stdout, &whole] {
        for told in [".SH ENVIRONMENT", "MUSIG2_PASSPHRASE_FILE", ".SH FILES", "approvals/"] {
            assert_eq!(page.matches(told).count(), 1, "{told}: {page}");
        }
    }
    for command in commands {
        let page = pages.join(format!("musig2-node-{command}.1"));
        assert!(page.exists(), "{}", page.display());
    }
}

#[test]
fn a_byte_order_mark_at_the_start_of_a_file_is_ignored() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let marked = |name: &str| {
        let text = fs::read_to_string(path(name)).expect("text");
        // Writing keeps the file's mode.
        fs::write(path(name), format!("\u{feff}{text}")).expect("written");
    };
    keygen(&path("signer.key"));
    fs::write(path("node.toml"), "key = \"signer.key\"\n").expect("written");
    let result = run(["demo", "--json"]);
    fs::write(path("result"), &result.stdout).expect("written");
    for name in ["signer.key", "node.toml", "result"] {
        marked(name);
    }
    for arguments in [
        ["config", "--check", "node.toml"].as_slice(),
        &["verify", "result"],
        &["key", "signer.key"],
    ] {
        let mut arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let file = arguments.pop().expect("a file");
        arguments.push(path(&file).to_str().expect("text").into());
        let told = run(&arguments);
        assert_eq!(told.code, Some(0), "{told:?}");
    }
}

/// Anyone who can write them decides what is signed.
#[cfg(unix)]
#[test]
fn a_configuration_or_program_that_anyone_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    crate::child::keygen(&path("signer.key"));
    fs::write(path("approve"), "#!/bin/sh\n").expect("written");
    let config =
        "[policy]\nsigner_sets = \"any\"\nmessages = \"any\"\napprove_command = [\"./approve\"]\n";
    fs::write(path("node.toml"), config).expect("written");
    let mode = |name: &str, mode| {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode))
            .expect("its mode is changed");
    };
    let check = || run(["config", "--check", path("node.toml").to_str().expect("text")]);
    for (program, file, refused) in
        [(0o755, 0o644, None), (0o757, 0o644, Some("approve")), (0o755, 0o646, Some("node.toml"))]
    {
        mode("approve", program);
        mode("node.toml", file);
        let told = check();
        let Some(refused) = refused else {
            assert_eq!(told.code, Some(0), "{told:?}");
            continue;
        };
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(
            told.stderr.contains("anyone can write") && told.stderr.contains(refused),
            "{}",
            told.stderr
        );
    }
}
