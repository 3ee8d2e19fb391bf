//! Where nodes listen, and which peers they dial first.

use crate::child::{Running, keygen, musig2_node, run};
use crate::daemons::{Signers, message};
use serde_json::json;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, Stdio};
use tempfile::tempdir;

/// Returns an address at which nobody listens.
fn closed() -> String {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    format!("/ip4/127.0.0.1/tcp/{port}")
}

/// Starts signer 0's daemon with this `[network]` table, and waits until it serves.
fn daemon(signers: &Signers, network: &str) -> Running {
    fs::write(signers.path(0, "node.toml"), format!("[network]\n{network}\n")).expect("written");
    let mut daemon = Running::start(["run", "--config", &signers.text(0, "node.toml")]);
    daemon.wait_for("serving");
    daemon
}

fn problems(signers: &Signers) -> Vec<String> {
    let status = signers.ask(0, &["status"]).last();
    let problems = status["problems"].as_array().expect("a list");
    problems.iter().map(|problem| problem.as_str().expect("text").into()).collect()
}

#[test]
fn a_node_listens_on_all_addresses_by_default() {
    let folder = tempdir().expect("a folder");
    let key = folder.path().join("key");
    keygen(&key);
    let mut node =
        Running::start(["cosign", "--approve", "all", "--key", key.to_str().expect("text")]);
    let has_ipv6 = UdpSocket::bind("[::1]:0").is_ok();
    let kinds = ["/ip4/127.0.0.1/tcp/", "/ip4/127.0.0.1/udp/", "/ip6/::1/tcp/", "/ip6/::1/udp/"];
    let mut missing = kinds[..if has_ipv6 { 4 } else { 2 }].to_vec();
    while !missing.is_empty() {
        let address = node.address();
        missing.retain(|kind| !address.starts_with(kind));
    }
}

#[test]
fn a_port_taken_only_for_ipv4_is_free_for_ipv6() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return eprintln!("\nSKIPPED: this host has no IPv6, nothing is tested\n");
    }
    let folder = tempdir().expect("a folder");
    let key = folder.path().join("key");
    keygen(&key);
    let cosign = ["cosign", "--approve", "all", "--key", key.to_str().expect("text"), "--listen"];
    let tcp = TcpListener::bind("0.0.0.0:0").expect("a port");
    let udp = UdpSocket::bind("0.0.0.0:0").expect("a port");
    let ports = [tcp.local_addr(), udp.local_addr()].map(|address| address.expect("bound").port());
    for (protocol, port) in [("tcp", ports[0]), ("udp", ports[1])] {
        let quic = if protocol == "udp" { "/quic-v1" } else { "" };
        let at = |host: &str| format!("{host}/{protocol}/{port}{quic}");
        let mut node = Running::start(cosign.iter().chain(&[at("/ip6/::").as_str()]));
        assert!(node.address().starts_with(&at("/ip6/::1")));
        // Now the port is taken for both.
        for host in ["/ip6/::", "/ip4/0.0.0.0"] {
            let second = run(cosign.iter().chain(&[at(host).as_str()]));
            assert_eq!(second.code, Some(1), "{second:?}");
            assert!(second.stderr.contains("in use"), "{second:?}");
        }
    }
}

#[test]
fn a_node_on_a_host_without_ipv6_starts_and_says_what_it_skips() {
    let folder = tempdir().expect("a folder");
    let key = folder.path().join("key");
    keygen(&key);
    let script =
        "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && ip link set lo up && exec \"$@\"";
    let inside = |program: &str| {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", script, "sh", program]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    match inside("true").output() {
        Ok(tried) if tried.status.success() => {}
        tried => {
            return eprintln!(
                "\nSKIPPED: no network of one's own can be had here, nothing is tested: {tried:?}\n"
            );
        }
    }
    let node = musig2_node(["cosign", "--approve", "all", "--key", key.to_str().expect("text")]);
    let mut command = inside(node.get_program().to_str().expect("text"));
    command.args(node.get_args()).env("RUST_LOG", "info");
    let mut node = Running::spawn(command);
    assert!(node.address().starts_with("/ip4/127.0.0.1/"));
    let ended = node.terminate();
    assert!(
        ended.stderr.contains("has no addresses of this kind") && ended.stderr.contains("/ip6/::"),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains("/ip6/"), "{ended:?}");
}

#[test]
fn a_node_that_listens_nowhere_says_so() {
    let signers = Signers::new();
    let mut daemon = daemon(&signers, "listen = []");
    daemon.wait_for("listens_nowhere");
    assert_eq!(signers.ask(0, &["status"]).last()["listening"], json!([]));
    let shown = run(["status", "--socket", &signers.socket(0)]).stdout;
    assert!(shown.contains("listening   nowhere"), "{shown}");
}

#[test]
fn an_absent_bootstrap_peer_is_named_by_status_and_by_a_proposal() {
    let signers = Signers::new();
    let (own, missing) = (closed(), closed());
    let network = format!("listen = [\"{own}\"]\nbootstrap = [\"{own}\", \"{missing}\"]");
    let mut daemon = daemon(&signers, &network);
    let failed = daemon.wait_for("dial_failed");
    assert_eq!(failed["bootstrap"], missing.as_str(), "{failed}");
    let told = problems(&signers);
    assert!(
        told.len() == 1 && told[0].contains(&missing) && told[0].contains("refused"),
        "{told:?}"
    );
    let waited = signers.propose(&message(1), &["--timeout", "1"]).finish();
    assert_eq!(waited.code, Some(1), "{waited:?}");
    let hint = waited
        .stderr
        .lines()
        .find(|line| line.contains("hint: the daemon is not connected to any peer"));
    assert!(hint.is_some_and(|hint| hint.contains(&missing)), "{waited:?}");

    let key = signers.text(1, "signer.key");
    let _there =
        Running::start(["cosign", "--approve", "all", "--key", &key, "--listen", &missing]);
    daemon.wait_for("peer_connected");
    assert_eq!(problems(&signers), [""; 0]);
    let ended = daemon.terminate();
    let own_told =
        ended.stdout.lines().find(|line| line.contains("bootstrap_is_own")).expect("it is told");
    assert!(own_told.contains(&own) && own_told.contains("\"only\":false"), "{own_told}");
}

#[test]
fn a_node_whose_only_bootstrap_address_is_its_own_says_so() {
    let signers = Signers::new();
    let own = closed();
    let mut daemon = daemon(&signers, &format!("listen = [\"{own}\"]\nbootstrap = [\"{own}\"]"));
    assert_eq!(daemon.wait_for("bootstrap_is_own")["only"], true);
    let told = problems(&signers);
    assert!(
        told.len() == 1 && told[0].contains(&own) && told[0].contains("this node's own"),
        "{told:?}"
    );
}

#[test]
fn a_proposer_without_a_daemon_learns_why_it_met_nobody() {
    let signers = Signers::new();
    let missing = closed();
    let (own, other, message) = (signers.text(0, "signer.key"), &signers.public[1], message(1));
    let arguments =
        ["propose", "--key", &own, "--signer", other, "--message", &message, "--timeout", "1"];
    let proposed = run(arguments.into_iter().chain(["--bootstrap", &missing]));
    let hint = proposed.stderr.lines().find(|line| line.contains("hint:")).unwrap_or_default();
    assert!(
        hint.contains("this node never connected to any other") && hint.contains(&missing),
        "{proposed:?}"
    );
}
