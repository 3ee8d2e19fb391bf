//! Names with a resolver, and without one.

use crate::child::{Running, keygen, musig2_node};
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::tempdir;

/// Returns the command with this file as its `/etc/resolv.conf`, or `None` if this user may not
/// arrange that.
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
    eprintln!(
        "\nSKIPPED: no file system of one's own can be had here, nothing is tested: {reason}\n"
    );
    None
}

#[test]
fn without_a_resolver_all_that_needs_no_names_works() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("resolv.conf");
    fs::write(&file, "").expect("written");
    let Some(mut demo) = with_resolv_conf(&file, &["demo", "--json", "--signers", "2"]) else {
        return;
    };
    let output = demo.output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("cannot resolve names") && told.contains("/etc/resolv.conf"), "{told}");
}

#[test]
fn a_resolver_that_appears_later_is_used() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("resolv.conf");
    fs::write(&file, "").expect("written");
    let keys = ["a", "b"].map(|name| folder.path().join(name));
    keys.iter().for_each(|key| drop(keygen(key)));
    let [one, other] = keys.each_ref().map(|key| key.to_str().expect("text"));
    let mut first = Running::start([
        "cosign",
        "--approve",
        "all",
        "--key",
        one,
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
    ]);
    // This name needs a configuration, but no server.
    let name = first.address().replace("/ip4/127.0.0.1/", "/dns4/localhost/");
    let arguments =
        ["cosign", "--approve", "all", "--key", other, "--dial-private", "--bootstrap", &name];
    let Some(second) = with_resolv_conf(&file, &arguments) else { return };
    let mut second = Running::spawn(second);
    let failed = second.wait_for("dial_failed");
    assert!(failed["error"].as_str().expect("text").contains("/etc/resolv.conf"), "{failed}");
    fs::write(&file, "nameserver 127.0.0.153\n").expect("written");
    second.wait_for("peer_connected");
}

/// Answers every question for TXT records of this name with this text.
fn answer_txt(server: &UdpSocket, name: &str, text: &str) {
    let mut packet = [0; 512];
    while let Ok((size, asker)) = server.recv_from(&mut packet) {
        // RFC 1035: a header of 12 bytes, then the question: labels, a zero, type and class.
        let Some(labels) = packet[12..size].iter().position(|byte| *byte == 0) else { continue };
        let question = &packet[12..(12 + labels + 5).min(size)];
        let asked: Vec<_> = name
            .split('.')
            .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
            .collect();
        let is_it = question[..labels].eq_ignore_ascii_case(&asked)
            && question[labels + 1..] == [0, 16, 0, 1];
        let mut answer = packet[..2].to_vec();
        // A response with authority; without an error, or saying that there is no such name; one
        // question, and one answer or none.
        answer.extend([
            0x85,
            if is_it { 0x80 } else { 0x83 },
            0,
            1,
            0,
            u8::from(is_it),
            0,
            0,
            0,
            0,
        ]);
        answer.extend(question);
        if is_it {
            let length = text.len() as u8;
            // The same name, TXT, valid for a minute.
            answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, length + 1, length]);
            answer.extend(text.as_bytes());
        }
        server.send_to(&answer, asker).expect("sent");
    }
}

#[test]
fn a_list_of_addresses_in_dns_can_be_a_bootstrap_peer() {
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("resolv.conf");
    fs::write(&file, "nameserver 127.0.0.154\noptions attempts:1 timeout:2\n").expect("written");
    let keys = ["a", "b"].map(|name| folder.path().join(name));
    keys.iter().for_each(|key| drop(keygen(key)));
    let [one, other] = keys.each_ref().map(|key| key.to_str().expect("text"));
    let arguments = [
        "cosign",
        "--approve",
        "all",
        "--key",
        other,
        "--dial-private",
        "--bootstrap",
        "/dnsaddr/signer.test",
    ];
    let Some(second) = with_resolv_conf(&file, &arguments) else { return };
    let Ok(server) = UdpSocket::bind("127.0.0.154:53") else {
        return eprintln!("\nSKIPPED: nobody may answer for names here, nothing is tested\n");
    };
    let mut first = Running::start([
        "cosign",
        "--approve",
        "all",
        "--key",
        one,
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
    ]);
    let text = format!("dnsaddr={}", first.address());
    std::thread::spawn(move || answer_txt(&server, "_dnsaddr.signer.test", &text));
    Running::spawn(second).wait_for("peer_connected");
}
