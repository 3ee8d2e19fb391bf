//! Disks that cannot be written to: what they hold up, and that nothing else is.

use crate::child::run;
use crate::daemons::{Daemon, Signers, message};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of 64 KiB in memory, at a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where this user may not mount one.
    fn at(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).expect("made");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(folder).output();
        let reason = match mount {
            Ok(mount) if mount.status.success() => return Some(Self(folder.into())),
            Ok(mount) => String::from_utf8_lossy(&mount.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("\nSKIPPED: no disk can be made here, nothing is tested: {reason}\n");
        None
    }

    /// Leaves no room on it. Gives the file that takes it.
    fn fill(&self) -> PathBuf {
        let file = self.0.join("filler");
        assert!(fs::write(&file, vec![0; 1 << 20]).is_err(), "it is larger than the disk");
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A daemon that still runs holds its lock open there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn problems(signers: &Signers) -> Vec<String> {
    let status = signers.ask(1, &["status"]).last();
    let problems = status["problems"].as_array().expect("a list").iter();
    problems.map(|problem| problem.as_str().expect("text").into()).collect()
}

/// Signer 1's store cannot be written to, for a reason that this cause names. It says so, goes on, and signs when `mend` is done.
fn a_session_waits_for_the_store(
    signers: &Signers,
    [first, second]: [&mut Daemon; 2],
    cause: &str,
    mend: impl FnOnce(),
) {
    let proposed = signers.propose(&message(1), &[]);
    let told = second.process.wait_for("session_error");
    let error = told["error"].as_str().expect("text");
    assert!(error.contains("approvals") && error.contains(cause), "{told}");
    let shown = problems(signers);
    assert!(shown.len() == 1 && shown[0].contains(cause), "{shown:?}");
    mend();
    let signed = proposed.finish();
    assert_eq!(signed.code, Some(0), "{signed:?}");
    let result: Value = second.process.wait_for("result");
    assert_eq!(result, signed.last());
    assert_eq!(first.process.wait_for("result")["session"], result["session"]);
    assert_eq!(problems(signers), [""; 0]);
}

#[test]
fn a_full_disk_holds_up_only_the_session_that_cannot_be_stored() {
    let signers = Signers::new();
    let Some(disk) = SmallDisk::at(&signers.path(1, "approvals")) else { return };
    let policy = signers.policy("messages = \"any\"");
    let mut first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let _third = signers.start(2, Some(&first), "", &policy);

    let filler = disk.fill();
    a_session_waits_for_the_store(&signers, [&mut first, &mut second], "No space left on device", || {
        fs::remove_file(filler).expect("removed");
    });
    let log = second.stop().stderr;
    assert!(log.contains("ERROR") && log.contains("the approval cannot be stored"), "{log}");
}

#[test]
fn a_store_that_is_removed_while_its_daemon_runs_is_made_again() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let third = signers.start(2, Some(&first), "", &policy);
    fs::remove_dir_all(signers.path(1, "approvals")).expect("removed");
    third.stop();
    let _open = signers.propose(&message(1), &[]);
    let joined = second.process.wait_for("session_joined");
    let file = format!("{}.approval", joined["session"].as_str().expect("a session"));
    assert!(signers.path(1, "approvals").join(file).exists());
}

#[test]
fn a_full_disk_leaves_a_key_with_the_passphrase_that_it_had() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let Some(disk) = SmallDisk::at(&folder.path().join("disk")) else { return };
    let passphrase = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        file.to_str().expect("text").to_owned()
    };
    let (old, new) = (passphrase("old", "correct horse\n"), passphrase("new", "battery staple\n"));
    let key = disk.0.join("signer.key");
    let key = key.to_str().expect("text");
    assert_eq!(run(["keygen", "--out", key, "--passphrase-file", &old]).code, Some(0));
    let before = fs::read(key).expect("a file");
    disk.fill();
    let told = run(["passphrase", key, "--passphrase-file", &old, "--new-passphrase-file", &new]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("signer.key.new: cannot write the key: No space left"), "{}", told.stderr);
    assert_eq!(fs::read(key).expect("a file"), before);
    assert!(!disk.0.join("signer.key.new").exists());
}
