//! Disks that cannot be written to: what they hold up, and that they hold up nothing else.

use crate::child::{PATIENCE, run};
use crate::daemons::{Daemon, Signers, message};
use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

/// A file system of 64 KiB in memory, mounted at a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Returns `None` if this user may not mount one.
    fn at(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).expect("made");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder)
            .output();
        let reason = match mount {
            Ok(mount) if mount.status.success() => return Some(Self(folder.into())),
            Ok(mount) => String::from_utf8_lossy(&mount.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        eprintln!("\nSKIPPED: no disk can be made here, nothing is tested: {reason}\n");
        None
    }

    /// Fills the disk completely. Returns the file that fills it.
    fn fill(&self) -> PathBuf {
        let file = self.0.join("filler");
        assert!(fs::write(&file, vec![0; 1 << 20]).is_err(), "it is larger than the disk");
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A daemon that still runs holds its lock file open there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// An ext4 file system in a file, mounted at a folder. While it is frozen, every write to it hangs,
/// as on a hung disk.
struct HangingDisk {
    folder: PathBuf,
    image: tempfile::NamedTempFile,
}

/// Freezes the disk while this exists. A process that waits for the disk cannot end before.
struct Frozen<'a>(&'a Path);

impl HangingDisk {
    /// Returns `None` if this user may not make one.
    fn at(folder: &Path) -> Option<Self> {
        fs::create_dir_all(folder).expect("made");
        let image = tempfile::NamedTempFile::new().expect("a file");
        image.as_file().set_len(4 << 20).expect("sparse");
        let made = Command::new("mkfs.ext4").arg("-q").arg(image.path()).output();
        let mounted =
            Command::new("mount").args(["-o", "loop"]).arg(image.path()).arg(folder).output();
        let disk = Self { folder: folder.into(), image };
        let is_made = |output: &io::Result<Output>| {
            output.as_ref().is_ok_and(|output| output.status.success())
        };
        if is_made(&made) && is_made(&mounted) {
            let frozen = disk.freeze()?;
            drop(frozen);
            return Some(disk);
        }
        eprintln!("\nSKIPPED: no disk can be made here, nothing is tested: {made:?} {mounted:?}\n");
        None
    }

    fn freeze(&self) -> Option<Frozen<'_>> {
        let frozen = Command::new("fsfreeze").arg("--freeze").arg(&self.folder).output();
        match frozen {
            Ok(frozen) if frozen.status.success() => Some(Frozen(&self.folder)),
            other => {
                eprintln!("\nSKIPPED: no disk can be frozen here, nothing is tested: {other:?}\n");
                None
            }
        }
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("--unfreeze").arg(self.0).status();
    }
}

impl Drop for HangingDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
        let _ = self.image.as_file().sync_all();
    }
}

/// Makes a folder read-only while this exists.
struct ReadOnly(PathBuf);

impl ReadOnly {
    /// Returns `None` if this user may not mount anything.
    fn over(folder: &Path) -> Option<Self> {
        let mount = |arguments: &[&str]| Command::new("mount").args(arguments).arg(folder).output();
        let bound = Command::new("mount").arg("--bind").arg(folder).arg(folder).output();
        let read_only = Self(folder.into());
        match (bound, mount(&["-o", "remount,bind,ro"])) {
            (Ok(bound), Ok(remounted)) if bound.status.success() && remounted.status.success() => {
                Some(read_only)
            }
            tried => {
                eprintln!(
                    "\nSKIPPED: no folder can be made read-only here, nothing is tested: {tried:?}\n"
                );
                None
            }
        }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn problems(signers: &Signers) -> Vec<String> {
    let status = signers.ask(1, &["status"]).last();
    let problems = status["problems"].as_array().expect("a list").iter();
    problems.map(|problem| problem.as_str().expect("text").into()).collect()
}

/// Checks that signer 1, whose store cannot be written to for this cause, says so, goes on, and
/// signs once `mend` has run.
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
fn a_full_disk_delays_only_the_session_that_cannot_be_stored() {
    let signers = Signers::new();
    let Some(disk) = SmallDisk::at(&signers.path(1, "approvals")) else { return };
    let policy = signers.policy("messages = \"any\"");
    let mut first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let _third = signers.start(2, Some(&first), "", &policy);

    let filler = disk.fill();
    a_session_waits_for_the_store(
        &signers,
        [&mut first, &mut second],
        "No space left on device",
        || {
            fs::remove_file(filler).expect("removed");
        },
    );
    let log = second.stop().stderr;
    assert!(log.contains("ERROR") && log.contains("cannot store its approval"), "{log}");
}

#[test]
fn a_store_removed_while_its_daemon_runs_is_created_again() {
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
fn a_full_disk_leaves_a_key_with_its_old_passphrase() {
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
    assert!(
        told.stderr.contains("signer.key.new: cannot write the key: No space left"),
        "{}",
        told.stderr
    );
    assert_eq!(fs::read(key).expect("a file"), before);
    assert!(!disk.0.join("signer.key.new").exists());
}

/// Waits until signer 1 lists this many results as signed, and returns them.
fn signed(signers: &Signers, count: usize) -> Vec<Value> {
    let end = Instant::now() + PATIENCE;
    loop {
        let listed = signers.ask(1, &["results", "--status", "signed"]);
        let records = listed
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("every line is JSON"));
        let records: Vec<Value> = records.filter(|line: &Value| line["type"] == "record").collect();
        if records.len() == count {
            return records;
        }
        assert!(Instant::now() < end, "{listed:?}");
    }
}

#[test]
fn a_hung_disk_for_results_delays_nobody() {
    let signers = Signers::new();
    let Some(disk) = HangingDisk::at(&signers.path(1, "results")) else { return };
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let _third = signers.start(2, Some(&first), "", &policy);
    let frozen = disk.freeze().expect("it could be frozen before");
    // If each of these sessions waited some seconds for the disk, they could not all be signed in
    // this time.
    let proposed: Vec<_> =
        (1..=12).map(|byte| signers.propose(&message(byte), &["--timeout", "40"])).collect();
    for proposed in proposed {
        let signed = proposed.finish();
        assert_eq!(signed.code, Some(0), "{signed:?}");
    }
    let last = second.process.wait_for("result");
    let status = signers.ask(1, &["status"]).last();
    assert!(status["results"]["waiting"].as_u64() > Some(0), "{status}");
    let name = last["session"].as_str().expect("a session");
    let shown = signers.ask(1, &["sessions", name]);
    assert!(shown.stdout.contains("\"result\""), "its signatures can be had: {shown:?}");
    let status = signers.ask(1, &["status"]).last();
    assert_eq!(status["results"]["problem"], "the disk does not respond", "it was waited for");
    drop(frozen);
    let records = signed(&signers, 12);
    assert!(records.iter().all(|record| record["approval"]["by"] == "policy"), "{records:?}");
    let log = second.stop().stderr;
    assert!(log.contains("cannot write the results") && log.contains("does not respond"), "{log}");
}

#[test]
fn a_hung_disk_for_approvals_delays_only_its_sessions() {
    let signers = Signers::new();
    let Some(disk) = HangingDisk::at(&signers.path(1, "approvals")) else { return };
    let policy = signers.policy("messages = \"any\"");
    let mut first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let _third = signers.start(2, Some(&first), "", &policy);
    let frozen = disk.freeze().expect("it could be frozen before");
    a_session_waits_for_the_store(
        &signers,
        [&mut first, &mut second],
        "the disk does not respond",
        || {
            drop(frozen);
        },
    );
}

#[test]
fn a_read_only_disk_does_not_stop_an_abort() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let mut first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let mut proposed = signers.propose(&message(1), &[]);
    let session = second.process.wait_for("session_joined")["session"].clone();
    let name = session.as_str().expect("a session");
    // Once the proposer knows that this signer has joined, it is told of the abort.
    while first.process.wait_for("signer_joined")["session"] != session {}
    let Some(_disk) = ReadOnly::over(&signers.path(1, "approvals")) else { return };
    let told = signers.ask(1, &["abort", name, "--reason", "wrong amount"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    let message = told.last()["message"].clone();
    let message = message.as_str().expect("text");
    assert!(
        message.contains("is aborted") && message.contains("Read-only file system"),
        "{message}"
    );
    let ended = proposed.wait_for("failure");
    assert!(ended["message"].as_str().expect("text").contains("wrong amount"), "{ended}");
    let log = second.stop().stderr;
    assert!(log.contains("ERROR") && log.contains("a restart would resume it"), "{log}");
}
