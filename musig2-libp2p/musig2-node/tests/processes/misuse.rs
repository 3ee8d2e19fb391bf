//! A user's mistake is reported in a sentence, with exit code 2 and without a panic.

use crate::child::{Running, keygen, musig2_node, run};
use std::fs;
use std::io::Read;
use tempfile::tempdir;

#[test]
fn every_mistake_is_explained_in_a_sentence() {
    let folder = tempdir().expect("a folder");
    let path = |file: &str| folder.path().join(file).to_str().expect("text").to_owned();
    let key = path("a.key");
    let own = keygen(folder.path().join("a.key").as_ref());
    let other = keygen(folder.path().join("b.key").as_ref());
    let message = "07".repeat(32);
    let off_curve = format!("02{}", "ff".repeat(32));
    let policy = path("policy.toml");
    fs::write(&policy, "signer_sets = \"any\"\nmessages = [\"07\"]\n").expect("written");
    let unfinished = path("unfinished.toml");
    fs::write(&unfinished, "signer_sets = \"any\"\n").expect("written");
    let unasked = path("unasked.toml");
    let any =
        "signer_sets = \"any\"\nmessages = \"any\"\napprove_command = [\"no-such-program\"]\n";
    fs::write(&unasked, any).expect("written");
    let missing = path("missing");
    let peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let stranger = format!(
        "{}=/ip4/192.0.2.1/tcp/4001/p2p/{peer}",
        keygen(folder.path().join("c.key").as_ref())
    );
    let many: Vec<_> =
        (0..15).map(|number| keygen(folder.path().join(number.to_string()).as_ref())).collect();

    let propose = |more: &[&str]| {
        let mut arguments = vec!["propose".to_owned(), "--key".into(), key.clone()];
        arguments.extend(more.iter().map(ToString::to_string));
        arguments
    };
    let mut too_many =
        propose(&["--message", &message, "--listen", "/ip4/127.0.0.1/tcp/0", "--signer"]);
    too_many.extend(many);
    let cases = [
        (
            propose(&["--signer", "02ab", "--message", &message]),
            "expected 66 hex digits, got 4 characters",
        ),
        (propose(&["--signer", &off_curve, "--message", &message]), "not a point on secp256k1"),
        (
            propose(&["--signer", &other, "--message", "0707"]),
            "expected 64 hex digits, got 4 characters",
        ),
        (propose(&["--signer", &other, "--message", &"0x".repeat(32)]), "Write hex without 0x"),
        (
            propose(&["--signer", &other[2..], "--message", &message]),
            "64 digits are an x-only key (or a secret key",
        ),
        (
            propose(&["--signer", &other, "--message", &message, "--private"]),
            "give --contact PUBKEY=ADDR",
        ),
        (
            propose(&["--signer", &other, "--message", &message, "--contact", &stranger]),
            "this key is not a signer of the session",
        ),
        (propose(&["--signer", &own, "--message", &message]), "your own key is the only signer"),
        (propose(&["--signer", &other, &other, "--message", &message]), "is given twice"),
        (
            propose(&["--signer", &other, "--message", &message, "--bootstrap", "localhost:1"]),
            "not a libp2p address",
        ),
        (
            propose(&["--signer", &other, "--message", &message, "--bootstrap", "/ip4/192.0.2.1"]),
            "no port to dial: write /tcp/4001",
        ),
        (
            propose(&["--signer", &other, "--message", &message, "--contact", "02ab"]),
            "write PUBKEY=ADDR",
        ),
        (
            propose(&["--signer", &other, "--message", &message, "--bip32", "m/1h"]),
            "an aggregate key has only unhardened children",
        ),
        (
            propose(&["--signer", &other, "--message", &message, "--timeout", "0"]),
            "0 is not in 1..=",
        ),
        (propose(&["--signer", &other]), "--message <HEX32>..."),
        (
            propose(&["--signer", &other, "--item", &format!("{message},bip86,bip68")]),
            "`bip68` is not a tweak: write bip86, bip32=PATH or root=HEX",
        ),
        (
            propose(&["--signer", &other, "--item", &message, "--message", &message]),
            "cannot be used with",
        ),
        (propose(&["--signer", &other, "--item", &message, "--bip86"]), "cannot be used with"),
        (
            ["propose", "--signer", &other, "--message", &message].map(String::from).to_vec(),
            "  --key <FILE>, or --daemon [<SOCKET>]\n",
        ),
        (
            ["propose", "--bootstrap", "/ip4/192.0.2.1/tcp/1", "--signer", &other]
                .map(String::from)
                .to_vec(),
            "  --key <FILE>, or --daemon [<SOCKET>]\n",
        ),
        (
            propose(&["--signer", &other, "--message", &message, "--daemon", "socket"]),
            "cannot be used with",
        ),
        (
            ["propose", "--daemon", "--signer", &other].map(String::from).to_vec(),
            "not provided:\n  --message <HEX32>...\n",
        ),
        (
            ["propose", "--daemon", "socket"].map(String::from).to_vec(),
            "not provided:\n  --signer <PUBKEY>...\n  --message <HEX32>...\n",
        ),
        (
            ["propose", "--daemon=socket", "--message", &message].map(String::from).to_vec(),
            "not provided:\n  --signer <PUBKEY>...\n",
        ),
        (vec!["key".into(), own.clone()], "give every signer's public key, including your own"),
        (
            vec!["key".into(), key.clone(), "--bip86".into()],
            "give every signer's public key, including your own",
        ),
        (
            vec!["key".into(), missing.clone()],
            "no key file has this name, and a public key has 33 bytes",
        ),
        (vec!["key".into(), own.clone(), own.clone()], "give each signer once"),
        (vec!["evidence".into(), "verify".into(), missing.clone()], "cannot read"),
        (too_many, "16 signers; at most 15 are allowed"),
        (
            vec![
                "cosign".into(),
                "--approve".into(),
                "all".into(),
                "--key".into(),
                missing.clone(),
            ],
            "keygen",
        ),
        (vec!["cosign".into(), "--key".into(), key.clone()], "standard input is not a terminal"),
        (
            vec!["cosign".into(), "--key".into(), key.clone(), "--approve".into(), policy],
            "policy.toml, line 2, `messages[0]`: expected 64 hex digits, got 2 characters",
        ),
        (
            vec!["cosign".into(), "--key".into(), key.clone(), "--approve".into(), unfinished],
            "unfinished.toml: no `messages`, so the policy allows nothing",
        ),
        (
            vec!["cosign".into(), "--key".into(), key.clone(), "--approve".into(), unasked],
            "no `no-such-program` in PATH: give the program's full path",
        ),
        (
            vec!["cosign".into(), "--key".into(), key.clone(), "--approve".into(), missing.clone()],
            "`all`, `ask`",
        ),
        (vec!["verify".into(), missing], "cannot read"),
        (vec!["demo".into(), "--signers".into(), "1".into()], "1 is not in 2..="),
        (vec!["demo".into(), "--no-such-option".into()], "unexpected argument '--no-such-option'"),
        (vec!["no-such-command".into()], "unrecognized subcommand"),
        (vec![], "Usage: musig2-node"),
    ];
    for (arguments, expected) in cases {
        let told = run(&arguments);
        assert_eq!(told.code, Some(2), "{arguments:?}: {told:?}");
        assert!(told.stderr.contains(expected), "{arguments:?}: {}", told.stderr);
        assert!(!told.stderr.contains("panicked"), "{arguments:?}: {}", told.stderr);
        assert_eq!(told.stdout, "", "{arguments:?}");
        let json = run(arguments.iter().map(String::as_str).chain(["--json"]));
        let failure = json.last();
        assert_eq!(json.stdout.lines().count(), 1, "{arguments:?}: {json:?}");
        assert_eq!(
            (json.code, &failure["type"], &failure["code"]),
            (Some(2), &"failure".into(), &2.into())
        );
        assert!(
            failure["message"].as_str().expect("text").contains(expected),
            "{arguments:?}: {failure}"
        );
    }
}

#[test]
fn a_command_ends_if_it_cannot_listen_on_an_address() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    keygen(&file);
    let key = file.to_str().expect("text");
    let mut first = Running::start([
        "cosign",
        "--approve",
        "all",
        "--key",
        key,
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
    ]);
    let address = first.address();
    let taken = address.split("/p2p/").next().expect("an address");
    // In use; not an address of this machine (RFC 5737); not a transport that exists.
    // Only the last one can never succeed.
    for (unusable, code) in [
        (taken, 1),
        ("/ip4/192.0.2.1/tcp/0", 1),
        ("/ip4/192.0.2.1/udp/0/quic-v1", 1),
        ("/ip4/127.0.0.1/udp/0", 2),
    ] {
        let second =
            Running::start(["cosign", "--approve", "all", "--key", key, "--listen", unusable])
                .finish();
        assert_eq!(second.code, Some(code), "{second:?}");
        assert!(second.stderr.contains(unusable), "{second:?}");
    }
}

/// Returns the exit code and the error output of a command that cannot print its result.
fn unread(arguments: &[&str], stdout: Option<fs::File>) -> (Option<i32>, String) {
    let mut command = musig2_node(arguments);
    match stdout {
        Some(file) => command.stdout(file),
        None => {
            // Closed before the command starts, so that even a quick command finds no reader.
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            command.stdout(writer)
        }
    };
    let mut child = command.spawn().expect("the command starts");
    let mut stderr = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
    (child.wait().expect("it was started").code(), stderr)
}

#[test]
fn a_command_that_cannot_print_its_result_says_why() {
    let signers = [
        "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
        "03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659",
    ];
    let cases = [
        &["demo", "--json"][..],
        &["key", signers[0], signers[1]],
        &["man"],
        &["demo", "--no-such-option", "--json"],
    ];
    for arguments in cases {
        let (code, stderr) = unread(arguments, None);
        assert!(code == Some(1) || code == Some(2), "{arguments:?}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        if code == Some(1) {
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
            assert!(
                stderr.starts_with("error: cannot write to standard output: Broken pipe"),
                "{stderr}"
            );
        }
        let Ok(full) = fs::File::options().write(true).open("/dev/full") else { continue };
        let (code, stderr) = unread(arguments, Some(full));
        assert!(code == Some(1) || code == Some(2), "{arguments:?}");
        assert!(code == Some(2) || stderr.contains("No space left on device"), "{stderr}");
    }
}

#[test]
fn with_json_plain_text_is_printed_inside_an_object() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["config", "--example"],
        &["completions", "bash"],
        &["man"],
    ] {
        let plain = run(arguments);
        let json = run(arguments.iter().chain(&["--json"]));
        assert_eq!((plain.code, json.code), (Some(0), Some(0)), "{json:?}");
        assert_eq!(json.last()["text"].as_str(), Some(plain.stdout.as_str()), "{arguments:?}");
    }
}

#[test]
fn a_secret_given_as_a_public_key_is_never_shown() {
    let secrets = [
        "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn".to_owned(),
        "01".repeat(32),
        "5".repeat(51),
    ];
    for secret in &secrets {
        let message = "07".repeat(32);
        for arguments in [
            &["key", secret, secret][..],
            &["propose", "--key", "a.key", "--message", &message, "--signer", secret],
            &["propose", "--key", "a.key", "--message", &message, "--signer", secret, "--json"],
            &[
                "propose",
                "--key",
                "a.key",
                "--message",
                &message,
                "--contact",
                &format!("{secret}=/ip4/1.2.3.4/tcp/1"),
            ],
        ] {
            let told = run(arguments);
            assert_eq!(told.code, Some(2), "{told:?}");
            assert!(!told.stderr.contains(secret) && !told.stdout.contains(secret), "{told:?}");
        }
    }
}
