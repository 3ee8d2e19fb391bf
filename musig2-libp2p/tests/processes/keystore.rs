//! Keys at rest: encrypted with a passphrase, unless told otherwise.

use crate::child::{Running, keygen, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

/// A file of mode 0600.
fn private(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set");
    path.to_str().expect("text").into()
}

#[test]
fn a_new_key_is_encrypted_and_opens_with_its_passphrase_alone() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    let key = file.to_str().expect("text");
    let right = private(&folder.path().join("right"), "correct horse\nbattery staple\n");
    let wrong = private(&folder.path().join("wrong"), "wrong horse\n");

    let made = run(["keygen", "--json", "--out", key, "--passphrase-file", &right]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(made.last()["encrypted"], true);
    assert!(fs::read(&file).expect("a file").starts_with(b"age-encryption.org/v1\n"));
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o7777, 0o600);

    let told = run(["key", "--json", key, "--passphrase-file", &right]);
    assert_eq!(told.last()["public_key"], made.last()["public_key"], "{told:?}");
    assert_eq!(run(["key", key, "--passphrase-file", &wrong]).code, Some(2));

    let cosign = ["cosign", "--approve", "all", "--listen", "/ip4/127.0.0.1/tcp/0", "--key", key];
    let refused = run(cosign.iter().chain(&["--passphrase-file", &wrong]));
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("a.key: wrong passphrase"), "{}", refused.stderr);

    let mut opened = Running::start(cosign.iter().chain(&["--passphrase-file", &right]));
    opened.address();
    assert_eq!(opened.terminate().code, Some(0));
}

#[test]
fn a_passphrase_that_protects_nothing_is_refused() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let short = private(&path("short"), "1234567\n");
    let empty = private(&path("empty"), "\nsecond line\n");
    let open = private(&path("open"), "correct horse\n");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("set");
    let out = path("a.key");
    for (file, expected) in [
        (short, "a passphrase of 7 characters: take 8 or more"),
        (empty, "no passphrase in its first line"),
        (open, "mode 0644"),
        (path("missing").to_str().expect("text").into(), "cannot read the passphrase"),
    ] {
        let refused = run(["keygen", "--out", out.to_str().expect("text"), "--passphrase-file", &file]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
        assert!(!out.exists());
    }
}

/// `setsid` takes the terminal away, where the tests have one.
#[test]
fn without_a_terminal_to_ask_on_it_says_how_to_give_the_passphrase() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("a.key");
    let told = Command::new("setsid")
        .args(["--wait", env!("CARGO_BIN_EXE_musig2-node"), "keygen", "--out"])
        .arg(&out)
        .env_remove("MUSIG2_PASSPHRASE_FILE")
        .output()
        .expect("`setsid` starts");
    assert_eq!(told.status.code(), Some(2), "{told:?}");
    let stderr = String::from_utf8(told.stderr).expect("text");
    assert!(stderr.contains("--passphrase-file or MUSIG2_PASSPHRASE_FILE"), "{stderr}");
    assert!(!out.exists());
}

#[test]
fn a_plain_key_says_that_it_is_one() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    keygen(&file);
    assert_eq!(fs::read_to_string(&file).expect("a file").trim().len(), 64);
    let shown = run(["keygen", "--plain", "--out", folder.path().join("b.key").to_str().expect("text")]);
    assert!(shown.stdout.contains("not encrypted"), "{}", shown.stdout);
}
