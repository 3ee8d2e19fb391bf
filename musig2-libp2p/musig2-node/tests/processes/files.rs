//! How key files are written, read and refused.

use crate::child::{keygen, musig2_node, run};
use std::fs;
use std::process::Command;
use tempfile::tempdir;

/// The signal for a file that grew beyond what its writer may write.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

#[test]
fn a_key_is_never_overwritten() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    keygen(&file);
    let before = fs::read(&file).expect("a file");
    let again = run(["keygen", "--plain", "--out", file.to_str().expect("text")]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("never overwritten"), "{}", again.stderr);
    assert_eq!(fs::read(&file).expect("a file"), before);
}

#[cfg(unix)]
#[test]
fn a_key_whose_writer_is_killed_midway_leaves_no_file() {
    use std::os::unix::process::ExitStatusExt;
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    let node = musig2_node(["keygen", "--plain", "--out"]);
    // The system kills the process that writes the first byte to a file.
    let mut killed = Command::new("sh");
    killed.args(["-c", "ulimit -c 0; ulimit -f 0; exec \"$@\"", "sh"]).arg(node.get_program());
    let ended = killed.args(node.get_args()).arg(&file).output().expect("`sh` starts");
    assert_eq!(ended.status.signal(), Some(SIGXFSZ), "{ended:?}");
    assert!(!file.exists());
    keygen(&file);
}

#[test]
fn a_key_file_can_be_given_in_place_of_its_public_key() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    let public = keygen(&file);
    let file = file.to_str().expect("text");
    let told = run(["key", file]);
    assert_eq!((told.code, told.stdout), (Some(0), format!("public key  {public}\n")));
    let other = keygen(&folder.path().join("b.key"));
    let joint = |own: &str| run(["key", "--json", "--bip86", own, &other]).last();
    assert_eq!(joint(file), joint(&public));
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    keygen(&file);
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o7777, 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
    let refused = run(["cosign", "--approve", "all", "--key", file.to_str().expect("text")]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("mode 0640") && refused.stderr.contains("chmod 600"),
        "{}",
        refused.stderr
    );
}

#[cfg(unix)]
#[test]
fn a_file_without_a_key_is_refused_without_showing_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("a.key");
    for text in
        ["", "secret!", &"00".repeat(32), &"ff".repeat(32), &"7g".repeat(32), &"77".repeat(99)]
    {
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        let refused = run(["cosign", "--approve", "all", "--key", file.to_str().expect("text")]);
        assert_eq!(refused.code, Some(2), "{text}");
        assert!(refused.stderr.contains("not a key file"), "{}", refused.stderr);
        assert!(text.is_empty() || !refused.stderr.contains(text), "{}", refused.stderr);
    }
}
