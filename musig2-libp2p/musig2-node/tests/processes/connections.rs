//! Many connections to a daemon: what they hold up, and that they hold up nothing else.

use crate::child::musig2_node;
use crate::daemons::{Daemon, Signers, message};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

/// Connections that send nothing.
struct Idle {
    _held: Vec<tokio::net::TcpStream>,
    _runtime: Runtime,
}

impl Idle {
    /// Opens this many connections from this address.
    fn new(from: &str, to: SocketAddr, count: usize) -> Self {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connect = async || {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket
                .bind(SocketAddr::new(from.parse().expect("an address"), 0))
                .expect("an own address");
            socket.connect(to).await.expect("the system takes it, whatever becomes of it")
        };
        let held = runtime.block_on(async {
            let mut held = Vec::new();
            for _ in 0..count {
                held.push(connect().await);
            }
            held
        });
        Self { _held: held, _runtime: runtime }
    }
}

/// Returns the address at which the daemon listens for peers.
fn listens(daemon: &Daemon) -> SocketAddr {
    let mut parts = daemon.address.split('/').skip(2).step_by(2);
    let (ip, port) = (parts.next().expect("an address"), parts.next().expect("a port"));
    format!("{ip}:{port}").parse().expect("as the daemon prints it")
}

fn limit_files(daemon: &Daemon, current: Option<u64>) -> Rlimit {
    let pid = Pid::from_raw(i32::try_from(daemon.process.id()).expect("small")).expect("not zero");
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(Some(pid), Resource::Nofile, Rlimit { current, maximum }).expect("an own process")
}

fn sign(signers: &Signers, byte: u8) {
    let signed = signers.propose(&message(byte), &[]).finish();
    assert_eq!(signed.code, Some(0), "{signed:?}");
}

#[test]
fn a_daemon_out_of_descriptors_goes_on_and_signs_once_it_has_one() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let third = signers.start(2, Some(&first), "", &policy);
    sign(&signers, 1);

    let open = fs::read_dir(format!("/proc/{}/fd", second.process.id())).expect("it runs").count();
    let before = limit_files(&second, Some(open as u64 - 1));
    let crowd: Vec<_> = (0..50)
        .flat_map(|_| {
            [listens(&second), second.serving["http"].as_str().expect("text").parse().expect("one")]
        })
        .map(|address| TcpStream::connect(address).expect("the system takes it"))
        .collect();
    let told = second.process.wait_for("accept_failed");
    assert!(told["error"].as_str().expect("text").contains("open files"), "{told}");
    limit_files(&second, before.current);
    let status = signers.ask(1, &["status"]).last();
    assert!(
        status["problems"][0].as_str().expect("text").contains("cannot accept connections"),
        "{status}"
    );
    sign(&signers, 2);
    drop(crowd);
    second.process.wait_for("accepts_again");
    assert_eq!(signers.ask(1, &["status"]).last()["problems"], serde_json::json!([]));
    let log = second.stop().stderr;
    assert_eq!(log.matches("cannot accept connections").count(), 1, "{log}");
    third.stop();
}

#[test]
fn strangers_connections_leave_descriptors_for_co_signers() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    // This start only writes a configuration for the one below.
    signers.start(0, None, "", &policy).stop();
    let run = musig2_node(["run", "--config", &signers.text(0, "node.toml")]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -n 160; exec \"$@\"", "sh"])
        .arg(run.get_program())
        .args(run.get_args());
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let first = signers.run(limited);
    let http = first.serving["http"].as_str().expect("an address").parse().expect("an address");
    let crowd = [Idle::new("127.0.0.1", http, 200), Idle::new("127.0.0.2", listens(&first), 200)];
    let second = signers.start(1, Some(&first), "", &policy);
    let third = signers.start(2, Some(&first), "", &policy);
    sign(&signers, 1);
    drop(crowd);
    let log = first.stop().stderr;
    assert!(
        log.contains("open only 160 files")
            && log.contains("at most 16 connections instead of 512"),
        "{log}"
    );
    assert!(!log.contains("Too many open files"), "{log}");
    for other in [second, third] {
        other.stop();
    }
}

#[test]
fn idle_connections_from_one_address_shut_out_nobody_else() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let crowd = Idle::new("127.0.0.2", listens(&first), 200);
    let second = signers.start(1, Some(&first), "", &policy);
    let third = signers.start(2, Some(&first), "", &policy);
    sign(&signers, 1);
    drop(crowd);
    for newcomer in [second, third] {
        let told = newcomer.stop().stdout;
        assert!(!told.contains("dial_failed"), "{told}");
    }
    let log = first.stop().stderr;
    assert!(log.contains("98 of 128 are from there"), "{log}");
}

#[test]
fn clients_that_ask_nothing_do_not_block_monitoring() {
    /// The most connections that are served at once.
    const MOST: usize = 32;
    let signers = Signers::new();
    let daemon = signers.start(0, None, "", "");
    let address = daemon.serving["http"].as_str().expect("an address");
    let connect = || TcpStream::connect(address).expect("connected");
    let silent: Vec<_> = (0..MOST / 2).map(|_| connect()).collect();
    let slow: Vec<_> = (0..MOST / 2)
        .map(|_| {
            let mut slow = connect();
            slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").expect("written");
            slow
        })
        .collect();
    let mut asking = connect();
    // Half of the longest time that a connection may last.
    asking.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    asking.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("written");
    let mut answer = String::new();
    asking.read_to_string(&mut answer).expect("an answer in time");
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    drop((silent, slow));
}
