//! Names without anybody to resolve them, and with.

use crate::child::{Running, keygen, musig2_node};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::tempdir;

/// The command, where this file is `/etc/resolv.conf`. `None` where this user may not arrange that.
fn with_resolv_conf(file: &Path, arguments: &[&str]) -> Option<Command> {
    let script = "mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"";
    let inside = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(file).arg(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let reason = match inside("true").output() {
        Ok(tried) if tried.status.success() => {
            let mut command = inside(musig2_node([""; 0]).get_program().to_str().expect("text"));
            command.args(arguments);
            return Some(command);
        }
        Ok(tried) => String::from_utf8_lossy(&tried.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    eprintln!("\nSKIPPED: no file system of one's own can be had here, nothing is tested: {reason}\n");
    None
}

#[test]
fn without_a_resolver_everything_works_that_needs_no_names() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("resolv.conf");
    fs::write(&file, "").expect("written");
    let Some(mut demo) = with_resolv_conf(&file, &["demo", "--json", "--signers", "2"]) else { return };
    let output = demo.output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("going on without names") && told.contains("/etc/resolv.conf"), "{told}");
}

#[test]
fn a_resolver_that_comes_later_is_used() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("resolv.conf");
    fs::write(&file, "").expect("written");
    let keys = ["a", "b"].map(|name| folder.path().join(name));
    keys.iter().for_each(|key| drop(keygen(key)));
    let [one, other] = keys.each_ref().map(|key| key.to_str().expect("text"));
    let mut first =
        Running::start(["cosign", "--approve", "all", "--key", one, "--listen", "/ip4/127.0.0.1/tcp/0"]);
    // A name that needs a configuration, and no server.
    let name = first.address().replace("/ip4/127.0.0.1/", "/dns4/localhost/");
    let arguments = ["cosign", "--approve", "all", "--key", other, "--dial-private", "--bootstrap", &name];
    let Some(second) = with_resolv_conf(&file, &arguments) else { return };
    let mut second = Running::spawn(second);
    let failed = second.wait_for("dial_failed");
    assert!(failed["error"].as_str().expect("text").contains("/etc/resolv.conf"), "{failed}");
    fs::write(&file, "nameserver 127.0.0.153\n").expect("written");
    second.wait_for("peer_connected");
}
