//! Readers of what a daemon prints and logs: one leaves, one stays but stops reading, one was never
//! there. The daemon goes on signing.

use crate::child::{PATIENCE, musig2_node, object};
use crate::daemons::{Daemon, Signers, message};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::spawn;

/// Starts a daemon that proposes. Returns it, and the configurations of the two that it signs with.
fn start(signers: &Signers) -> (Daemon, [String; 2]) {
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let others = [1, 2].map(|signer| signers.configure(signer, Some(&first), "", &policy));
    (first, others)
}

/// Has all three sign this many messages at once.
fn sign(signers: &Signers, first: u8, count: u8) {
    let messages: Vec<_> = (first..first + count).map(message).collect();
    let more: Vec<_> = messages[1..].iter().flat_map(|message| ["--message", message]).collect();
    let proposed = signers.propose(&messages[0], &more).finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
}

/// A daemon whose output these tests do not read. Killed when dropped.
struct Unread(Child);

impl Unread {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the daemon starts"))
    }

    /// Stops it and returns its log.
    fn stop(mut self) -> String {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("started").success());
        let mut log = String::new();
        self.0.stderr.take().map(|mut stderr| stderr.read_to_string(&mut log).expect("text"));
        assert_eq!(self.0.wait().expect("it was started").code(), Some(0), "{log}");
        log
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_daemon_that_cannot_print_goes_on_signing_and_logs_it_once() {
    let signers = Signers::new();
    let (_first, [second, third]) = start(&signers);
    // The second's reader leaves, and the third writes to a full disk.
    let start = |config: &str, stdout: Option<File>| {
        let mut command = musig2_node(["run", "--json", "--config", config]);
        if let Some(file) = stdout {
            command.stdout(file);
        }
        let mut daemon = Unread::start(&mut command);
        drop(daemon.0.stdout.take());
        daemon
    };
    let full = File::options().write(true).open("/dev/full").ok();
    let daemons = [start(&second, None), start(&third, full)];
    sign(&signers, 1, 1);
    sign(&signers, 2, 1);
    for daemon in daemons {
        let log = daemon.stop();
        assert_eq!(log.matches("cannot write to standard output").count(), 1, "{log}");
    }
}

#[test]
fn a_daemon_whose_reader_stalls_goes_on_signing_and_keeps_its_results() {
    let signers = Signers::new();
    let (_first, [second, third]) = start(&signers);
    let start = |config: &str, level: &str| {
        let mut command = musig2_node(["run", "--json", "--config", config]);
        Unread::start(command.env("RUST_LOG", level))
    };
    // Nobody reads what the second prints or what the third logs. Each is much more than a pipe
    // holds.
    let mut second = start(&second, "");
    let third = start(&third, "trace");
    sign(&signers, 0, 200);
    sign(&signers, 200, 50);
    // Somebody reads again before it ends.
    let printed = BufReader::new(second.0.stdout.take().expect("piped"));
    let (results, both) = channel();
    let printed = spawn(move || {
        for line in printed.lines() {
            if object(&line.expect("text"))["type"] == "result" {
                results.send(()).expect("they are counted");
            }
        }
    });
    for _ in 0..2 {
        both.recv_timeout(PATIENCE).expect("what was printed meanwhile is there");
    }
    second.stop();
    printed.join().expect("every line is whole");
    assert!(both.recv().is_err(), "each is there once");
    assert!(third.stop().contains("TRACE"));
}

#[test]
fn a_daemon_without_output_or_log_signs() {
    let signers = Signers::new();
    let (_first, others) = start(&signers);
    let daemons = others.map(|config| {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" >&- 2>&-", env!("CARGO_BIN_EXE_musig2-node")]);
        Unread::start(command.args(["run", "--config", &config]).stdin(Stdio::null()))
    });
    sign(&signers, 1, 1);
    sign(&signers, 2, 1);
    daemons.into_iter().for_each(|daemon| drop(daemon.stop()));
}
