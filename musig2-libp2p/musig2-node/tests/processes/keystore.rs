//! Keys at rest: encrypted with a passphrase, unless told otherwise.

use crate::child::{Running, keygen, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::tempdir;

/// Writes a file of mode 0600 and returns its path.
fn private(path: &Path, text: &str) -> String {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set");
    path.to_str().expect("text").into()
}

#[test]
fn a_new_key_is_encrypted_and_opens_only_with_its_passphrase() {
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
fn a_short_empty_or_exposed_passphrase_is_refused() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let short = private(&path("short"), "1234567\n");
    let empty = private(&path("empty"), "\nsecond line\n");
    let open = private(&path("open"), "correct horse\n");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("set");
    let out = path("a.key");
    for (file, expected) in [
        (short, "the passphrase has only 7 characters: use at least 8"),
        (empty, "the first line holds no passphrase"),
        (open, "mode 0644"),
        (path("missing").to_str().expect("text").into(), "cannot read the passphrase"),
    ] {
        let refused =
            run(["keygen", "--out", out.to_str().expect("text"), "--passphrase-file", &file]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
        assert!(!out.exists());
    }
}

/// `setsid` takes the terminal away if the tests have one.
#[test]
fn without_a_terminal_an_error_says_how_to_give_the_passphrase() {
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
fn keygen_says_when_a_key_is_not_encrypted() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    keygen(&file);
    assert_eq!(fs::read_to_string(&file).expect("a file").trim().len(), 64);
    let shown =
        run(["keygen", "--plain", "--out", folder.path().join("b.key").to_str().expect("text")]);
    assert!(shown.stdout.contains("not encrypted"), "{}", shown.stdout);
}

/// Makes an encrypted key. Returns the key's file, its public key, and the file with its
/// passphrase.
fn encrypted(folder: &Path) -> (String, String, String) {
    let key = folder.join("signer.key").to_str().expect("text").to_owned();
    let old = private(&folder.join("old"), "correct horse\n");
    let made = run(["keygen", "--json", "--out", &key, "--passphrase-file", &old]);
    (key, made.last()["public_key"].as_str().expect("a key").into(), old)
}

#[test]
fn a_changed_passphrase_opens_the_key_and_the_old_one_does_not() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (key, public, old) = encrypted(folder.path());
    let new = private(&path("new"), "battery staple\n");
    std::os::unix::fs::symlink("signer.key", path("link.key")).expect("made");
    let link = path("link.key").to_str().expect("text").to_owned();

    let changed = run([
        "passphrase",
        "--json",
        &link,
        "--passphrase-file",
        &old,
        "--new-passphrase-file",
        &new,
    ]);
    assert_eq!(changed.code, Some(0), "{changed:?}");
    assert_eq!(
        (&changed.last()["public_key"], &changed.last()["encrypted"]),
        (&public.as_str().into(), &true.into())
    );
    assert!(path("link.key").is_symlink(), "the file that it leads to is changed");
    assert_eq!(fs::metadata(&key).expect("a file").permissions().mode() & 0o7777, 0o600);
    assert!(!path("signer.key.new").exists());
    assert_eq!(
        run(["key", "--json", &key, "--passphrase-file", &new]).last()["public_key"],
        public.as_str()
    );
    let refused = run(["key", &key, "--passphrase-file", &old]);
    assert!(refused.stderr.contains("wrong passphrase"), "{refused:?}");

    let plain = run(["passphrase", &key, "--passphrase-file", &new, "--plain"]);
    assert!(plain.stdout.contains("not encrypted"), "{plain:?}");
    assert_eq!(run(["key", "--json", &key]).last()["public_key"], public.as_str());
    let again = run(["passphrase", &key, "--new-passphrase-file", &new]);
    assert_eq!(again.code, Some(0), "a plain key is encrypted for the first time: {again:?}");
    assert!(fs::read(&key).expect("a file").starts_with(b"age-encryption.org/v1\n"));
}

#[test]
fn a_failed_change_of_passphrase_leaves_the_key_file_as_it_was() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (key, _, old) = encrypted(folder.path());
    let before = fs::read(&key).expect("a file");
    let new = private(&path("new"), "battery staple\n");
    let short = private(&path("short"), "1234567\n");
    let missing = path("missing").to_str().expect("text").to_owned();
    let change = |file: &str, old: &str, new: &str| {
        run(["passphrase", file, "--passphrase-file", old, "--new-passphrase-file", new])
    };
    for (told, expected) in [
        (change(&key, &new, &old), "signer.key: wrong passphrase"),
        (change(&key, &old, &short), "the passphrase has only 7 characters: use at least 8"),
        (change(&key, &old, &missing), "missing: cannot read the passphrase"),
        (change(&missing, &old, &new), "missing: cannot read the key"),
    ] {
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(told.stderr.contains(expected), "{expected}: {}", told.stderr);
    }
    // The file may be another key, which somebody means to use next.
    private(&path("signer.key.new"), "another key");
    let told = change(&key, &old, &new);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(
        told.stderr.contains("signer.key.new: already exists, and keys are never overwritten"),
        "{}",
        told.stderr
    );
    assert_eq!(fs::read(path("signer.key.new")).expect("a file"), b"another key");
    assert_eq!(fs::read(&key).expect("a file"), before);
}

/// systemd puts credentials into `$CREDENTIALS_DIRECTORY` with an access list, which shows as mode
/// 0440.
#[test]
fn only_systemd_may_give_a_passphrase_that_a_group_can_read() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let passphrase = private(&path("passphrase"), "correct horse\n");
    let keygen = |name: &str, mode, credentials: &Path| {
        fs::set_permissions(&passphrase, fs::Permissions::from_mode(mode)).expect("set");
        crate::child::musig2_node(["keygen", "--passphrase-file", &passphrase, "--out"])
            .arg(path(name))
            .env("CREDENTIALS_DIRECTORY", credentials)
            .output()
            .expect("the command starts")
    };
    let elsewhere = path("elsewhere");
    for (mode, credentials, is_taken) in [
        (0o440, folder.path(), true),
        (0o440, elsewhere.as_path(), false),
        (0o440, Path::new(""), false),
        (0o444, folder.path(), false),
        (0o460, folder.path(), false),
    ] {
        let name = format!("{mode:o}-{is_taken}.key");
        let made = keygen(&name, mode, credentials);
        assert_eq!(made.status.success(), is_taken, "{made:?}");
        assert_eq!(path(&name).exists(), is_taken);
    }
}
