//! `config --check`: a daemon starts with what the check accepts, and `run` refuses what the check
//! refuses in the same words.

use crate::child::{Finished, Running, keygen, run};
use crate::daemons::Signers;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

/// A public key that belongs to no signer here.
const OTHER: &str = "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";
/// Another public key that belongs to no signer here.
const THIRD: &str = "03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}

/// Runs the command without a terminal: `setsid` takes it away if the tests have one.
fn without_terminal(arguments: [&str; 3]) -> Finished {
    let mut command = Command::new("setsid");
    command.arg("--wait").arg(env!("CARGO_BIN_EXE_musig2-node")).args(arguments);
    command.env_remove("MUSIG2_PASSPHRASE_FILE");
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Running::spawn(command).finish()
}

fn files(folder: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

#[test]
fn the_check_and_the_daemon_refuse_in_the_same_words() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let private = |name: &str, text: &str| {
        fs::write(path(name), text).expect("written");
        set_mode(&path(name), 0o600);
    };
    keygen(&path("signer.key"));
    private("right", "correct horse\n");
    private("wrong", "wrong horse\n");
    let (encrypted, right) = (path("encrypted.key"), path("right"));
    let [encrypted, right] = [&encrypted, &right].map(|path| path.to_str().expect("text"));
    let made = run(["keygen", "--out", encrypted, "--passphrase-file", right]);
    assert_eq!(made.code, Some(0), "{made:?}");
    private("no-identity", "0707\n");
    private("file", "");
    for (name, mode) in [("open", 0o777), ("damaged", 0o700)] {
        fs::create_dir(path(name)).expect("made");
        set_mode(&path(name), mode);
    }
    private(
        &format!("damaged/{}.approval", "00".repeat(32)),
        "not an approval, and long enough for one",
    );
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let tcp = tcp.local_addr().map(|address| (tcp, address.port())).expect("an address");
    let udp = udp.local_addr().map(|address| (udp, address.port())).expect("an address");

    let cases = [
        ("key = \"encrypted.key\"\npassphrase_file = \"wrong\"".into(), 2, "wrong passphrase"),
        ("key = \"encrypted.key\"".into(), 2, "cannot ask for the passphrase at a terminal"),
        ("socket = \"open/node.sock\"".into(), 2, "others can write to it (mode 0777)"),
        ("socket = \"file\"".into(), 2, "exists, but is not a socket"),
        (
            format!("[network]\nlisten = [\"/ip4/127.0.0.1/tcp/{}\"]", tcp.1),
            1,
            "Address already in use",
        ),
        (
            format!("[network]\nlisten = [\"/ip4/127.0.0.1/udp/{}/quic-v1\"]", udp.1),
            1,
            "Address already in use",
        ),
        (format!("[http]\nlisten = \"127.0.0.1:{}\"", tcp.1), 1, "cannot serve metrics on"),
        (format!("[policy]\nsigner_sets = [[\"{OTHER}\"]]"), 2, "has this node's key"),
        (
            format!("[signers]\na = \"{OTHER}\"\nb = \"{OTHER}\""),
            2,
            "`a` and `b` have the same key",
        ),
        ("identity = \"no-identity\"".into(), 2, "is not a network identity"),
        ("identity = \"damaged\"".into(), 2, "damaged is not a file, but a folder"),
        ("identity = \"missing/identity\"".into(), 2, "cannot write a new network identity"),
        ("store = \"file\"".into(), 2, "file cannot be the store of approvals: it is a file"),
        ("store = \"file/approvals\"".into(), 2, "cannot be the store of approvals: the folder"),
        ("store = \"missing/approvals\"".into(), 2, "cannot be the store of approvals: the folder"),
        ("store = \"damaged\"".into(), 2, "its checksum does not match"),
        ("[frames]\nqueued_frames = 0".into(), 2, "`frames.queued_frames` must be 1 to"),
        ("[policy]\napprove_command = [\"./missing\"]".into(), 2, "approve_command: "),
    ];
    let config = path("node.toml");
    fs::write(&config, "").expect("written");
    let file = config.to_str().expect("text");
    let before = files(folder.path());
    for (text, code, expected) in cases {
        let text: String = text;
        fs::write(&config, &text).expect("written");
        let [checked, ran] =
            [["config", "--check", file], ["run", "--config", file]].map(without_terminal);
        assert_eq!(checked.code, Some(code), "{text}: {checked:?}");
        let message = checked.last()["message"].clone();
        assert!(
            message.as_str().is_some_and(|message| message.contains(expected)),
            "{text}: {message}"
        );
        assert_eq!(ran.last(), checked.last(), "{text}");
        assert_eq!(files(folder.path()), before, "{text}: nothing is left behind");
    }
}

#[test]
fn the_check_shows_each_sets_key_and_address_and_changes_nothing() {
    let folder = tempdir().expect("a folder");
    let key = folder.path().join("signer.key");
    let own = keygen(&key);
    let config = folder.path().join("node.toml");
    let text = format!(
        "chain = \"regtest\"\n[signers]\nalice = \"{own}\"\n[policy]\nmessages = \"any\"\nsigner_sets = [[\"{OTHER}\", \"{own}\"]]\n\
         [network]\nlisten = [\"/ip4/127.0.0.1/tcp/0\", \"/ip4/127.0.0.1/udp/0/quic-v1\"]\n"
    );
    fs::write(&config, text).expect("written");
    let before = files(folder.path());
    let check = ["config", "--check", config.to_str().expect("text")];
    let checked = run(check.iter().chain(&["--json"]));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let told = checked.last();
    assert_eq!((&told["public_key"], &told["label"]), (&json!(own), &json!("alice")));
    let joint = |more: &[&str]| run(["key", "--json", &own, OTHER].iter().chain(more)).last();
    let mut signers = [own.as_str(), OTHER];
    signers.sort_unstable();
    let labels = signers.map(|signer| if signer == own { json!("alice") } else { Value::Null });
    let address = &joint(&["--bip86", "--chain", "regtest"])["address"];
    assert_eq!(
        told["signer_sets"],
        json!([{"signers": signers, "labels": labels, "key": joint(&[])["key"], "address": address}])
    );
    let shown = run(check).stdout;
    for expected in [&format!("{own}, alice, this node"), OTHER, address.as_str().expect("text")] {
        assert!(shown.contains(expected), "{shown}");
    }
    let note = "this node's key is not in this set, so no session here can match it";
    assert!(!shown.contains(note), "{shown}");
    let text = format!(
        "[policy]\nmessages = \"any\"\nsigner_sets = [[\"{OTHER}\", \"{own}\"], [\"{OTHER}\", \"{THIRD}\"]]\n"
    );
    fs::write(&config, text).expect("written");
    let shown = run(check).stdout;
    let of_others =
        shown.split("signs with\n").find(|set| set.contains(THIRD)).expect("it is shown");
    assert!(of_others.contains(note) && shown.matches(note).count() == 1, "{shown}");
    assert_eq!(files(folder.path()), before);
    assert_eq!(run(["config", "--example", "--check", "x"]).code, Some(2));
    assert_eq!(run(["config"]).code, Some(2));
}

#[test]
fn the_configuration_of_a_running_daemon_can_be_checked() {
    let signers = Signers::new();
    let _running = signers.start(0, None, "", "");
    let checked = run(["config", "--json", "--check", &signers.text(0, "node.toml")]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let notes = checked.last()["notes"].to_string();
    assert!(notes.contains("a daemon is running with this `socket`"), "{notes}");
    assert_eq!(signers.ask(0, &["status"]).code, Some(0), "its socket is still there");
}
