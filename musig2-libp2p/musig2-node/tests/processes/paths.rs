//! Files and folders whose names are not text, and empty files.

use crate::child::{Finished, Running, run};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

/// Runs the command with this file as its last argument.
fn run_with<const N: usize>(arguments: [&str; N], file: impl AsRef<OsStr>) -> Finished {
    run(arguments.iter().map(OsStr::new).chain([file.as_ref()]))
}

/// Writes a file of mode 0600 and returns its path.
fn private(path: PathBuf, text: &str) -> PathBuf {
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    path
}

/// Makes a folder with this name.
fn folder(name: &[u8]) -> (TempDir, PathBuf) {
    let within = tempdir().expect("a folder");
    let folder = within.path().join(OsStr::from_bytes(name));
    fs::create_dir(&folder).expect("made");
    (within, folder)
}

/// macOS refuses such names.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_text_works_and_breaks_no_json() {
    let (_within, folder) = folder(b"sign\xff");
    let path = |name: &[u8]| folder.join(OsStr::from_bytes(name));
    let key = path(b"signer\xfe.key");
    let passphrase = private(path(b"pass\xff"), "correct horse\n");
    let option = |name: &str, value: &Path| [OsString::from(name), value.into()];
    let mut keygen = vec![OsString::from("keygen"), "--json".into()];
    keygen.extend(option("--passphrase-file", &passphrase));
    keygen.extend(option("--out", &key));
    let made = run(&keygen);
    assert_eq!(made.code, Some(0), "{made:?}");
    let public = made.last()["public_key"].clone();
    let again = run(&keygen);
    assert_eq!((again.code, &again.last()["type"]), (Some(2), &"failure".into()), "{again:?}");
    let mut told = vec![OsString::from("key"), "--json".into(), key.clone().into()];
    told.extend(option("--passphrase-file", &passphrase));
    assert_eq!(run(&told).last()["public_key"], public);

    // The program is found in the configuration's folder, no matter where the daemon is started.
    let asked = path(b"asked");
    let config = path(b"node\xff.toml");
    fs::write(path(b"approve"), "#!/bin/sh\ntouch \"$(dirname \"$0\")/asked\"\n").expect("written");
    fs::set_permissions(path(b"approve"), fs::Permissions::from_mode(0o755)).expect("set");
    let settings = "key = \"other.key\"\n[policy]\nsigner_sets = \"any\"\nmessages = \"any\"\napprove_command = [\"./approve\"]\n\
        [network]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\n";
    fs::write(&config, settings).expect("written");
    let other = crate::child::keygen(&path(b"other.key"));
    for arguments in [["config", "--check"].as_slice(), &["config", "--json", "--check"]] {
        let checked = run(arguments.iter().map(OsStr::new).chain([config.as_os_str()]));
        assert_eq!(checked.code, Some(0), "{checked:?}");
    }
    let mut daemon =
        Running::start([OsStr::new("run"), OsStr::new("--config"), config.as_os_str()]);
    let serving = daemon.wait_for("serving");
    assert!(
        serving["socket"].as_str().expect("text").ends_with("sign\u{fffd}/musig2-node.sock"),
        "{serving}"
    );
    let address = daemon.address();
    let socket = path(b"musig2-node.sock");
    assert_eq!(run_with(["status", "--json", "--socket"], &socket).code, Some(0));

    let mut propose = vec![OsString::from("propose")];
    propose.extend(option("--key", &key));
    propose.extend(option("--passphrase-file", &passphrase));
    propose.extend(option("--identity", &path(b"identity\xff")));
    let more =
        ["--signer", &other, "--message", &"07".repeat(32), "--listen", "/ip4/127.0.0.1/tcp/0"];
    propose.extend(more.iter().chain(&["--bootstrap", &address]).map(OsString::from));
    let proposed = Running::start(&propose).finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    assert!(asked.exists());
    daemon.wait_for("result");
    assert_eq!(daemon.terminate().code, Some(0));
    assert!(
        path(b"identity\xff").exists() && path(b"results").is_dir() && path(b"approvals").is_dir()
    );

    let result = path(b"result\xff");
    fs::write(&result, &proposed.stdout).expect("written");
    assert_eq!(run_with(["verify", "--json"], &result).code, Some(0));
    assert_eq!(run_with(["man", "--dir"], path(b"man\xff")).code, Some(0));
    // Messages about such a file are JSON too.
    let missing = path(b"missing\xff");
    for arguments in [
        ["verify", "--json"].as_slice(),
        &["evidence", "verify", "--json"],
        &["key", "--json"],
        &["config", "--json", "--check"],
        &["status", "--json", "--socket"],
        &["run", "--json", "--config"],
        &["cosign", "--json", "--approve", "all", "--key"],
        &["cosign", "--json", "--key", "missing", "--approve"],
    ] {
        let told = run(arguments.iter().map(OsStr::new).chain([missing.as_os_str()]));
        assert!(matches!(told.code, Some(1 | 2)), "{arguments:?}: {told:?}");
        assert_eq!(told.last()["type"], "failure", "{arguments:?}");
    }
    // If text is wanted, bytes that are not text are refused in a sentence.
    let told = run_with(["cosign", "--json", "--listen"], OsStr::from_bytes(b"\xff"));
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.last()["message"].as_str().expect("text").contains("invalid UTF-8"), "{told:?}");
}

#[test]
fn an_empty_file_is_reported_as_empty_and_left_alone() {
    let (_within, folder) = folder(b"signer");
    let empty = private(folder.join("empty"), "");
    crate::child::keygen(&folder.join("signer.key"));
    let key = folder.join("signer.key");
    let key = key.to_str().expect("text");
    let config = |name: &str, text: &str| {
        fs::write(folder.join(name), text).expect("written");
        folder.join(name)
    };
    fs::create_dir(folder.join("approvals")).expect("made");
    let approval = folder.join("approvals").join("00.approval");
    fs::write(&approval, "").expect("written");
    let cases = [
        (
            run_with(["cosign", "--approve", "all", "--key", key, "--identity"], &empty),
            "it is empty, perhaps",
        ),
        (
            run_with(
                ["run", "--config"],
                config("identity.toml", "identity = \"empty\"\nstore = \"s\""),
            ),
            "it is empty, perhaps",
        ),
        (
            run_with(["run", "--config"], config("store.toml", "")),
            "00.approval is damaged (it is empty",
        ),
        (run_with(["key"], &empty), "not a key file: it is empty"),
        (
            run_with(["keygen", "--out", "never", "--passphrase-file"], &empty),
            "the first line holds no passphrase",
        ),
        (
            run_with(["cosign", "--key", key, "--approve"], &empty),
            "no `signer_sets`, so the policy allows nothing",
        ),
        (run_with(["verify"], &empty), "it is empty"),
        (run_with(["evidence", "verify"], &empty), "it is empty"),
    ];
    for (told, expected) in cases {
        assert!(matches!(told.code, Some(1 | 2)), "{expected}: {told:?}");
        assert!(told.stderr.contains(expected), "{expected}: {}", told.stderr);
    }
    assert_eq!(fs::read(&empty).expect("a file"), b"");
    assert_eq!(fs::read(&approval).expect("a file"), b"");
}
