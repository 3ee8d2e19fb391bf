//! The command on a real terminal, where a person types.

use crate::child::{Running, is_ignored, keygen, run, that_hears_hangups};
use pty_process::blocking::{Command, Pts, Pty, open};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::termios::{LocalModes, tcgetattr};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::tempdir;

const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two keys. If it is shorter, the terminal's two readers are not told apart.
const KEY_PAUSE: Duration = Duration::from_millis(10);

/// A terminal with the command on it. The command is killed when this is dropped.
struct Terminal {
    pty: Pty,
    /// Kept, so that the terminal outlives the command.
    _pts: Pts,
    child: Child,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(Command::new(env!("CARGO_BIN_EXE_musig2-node")).args(arguments))
    }

    /// Starts a command that leads to `musig2-node`.
    fn spawn(command: Command) -> Self {
        let (pty, pts) = open().expect("there are terminals");
        let mut command = command.env_remove("MUSIG2_PASSPHRASE_FILE");
        let child = command.spawn_borrowed(&pts).expect("the command starts");
        let mut screen = File::from(pty.as_fd().try_clone_to_owned().expect("cloned"));
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { pty, _pts: pts, child, output, seen: String::new() }
    }

    /// Waits for this text, and returns what came before it since the last time.
    fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        while !self.seen.contains(text) {
            let more = self.output.recv_timeout(end.saturating_duration_since(Instant::now()));
            let more =
                more.unwrap_or_else(|_| panic!("`{text}` did not come; so far: {}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
        let (before, rest) = self.seen.split_once(text).expect("it is there");
        let (before, rest) = (before.to_owned(), rest.to_owned());
        self.seen = rest;
        before
    }

    /// Types at the speed of a fast typist.
    fn type_slowly(&mut self, text: &str) {
        for byte in text.bytes() {
            self.pty.write_all(&[byte]).expect("typed");
            std::thread::sleep(KEY_PAUSE);
        }
    }

    fn shows_what_is_typed(&self) -> bool {
        tcgetattr(&self.pty).expect("a terminal").local_modes.contains(LocalModes::ECHO)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it was started")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_person_types_the_passphrase_and_then_answers() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (key, passphrase, other) = (path("a.key"), path("passphrase"), path("b.key"));
    fs::write(&passphrase, "correct horse\n").expect("written");
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).expect("set");
    let made = run(["keygen", "--json", "--out", &key, "--passphrase-file", &passphrase]);
    let public = made.last()["public_key"].as_str().expect("a key").to_owned();
    keygen(other.as_ref());

    let listen = "/ip4/127.0.0.1/tcp/0";
    let mut cosigner =
        Terminal::start(&["cosign", "--key", &key, "--approve", "ask", "--listen", listen]);
    cosigner.wait_for("Passphrase for ");
    cosigner.wait_for(": ");
    assert!(!cosigner.shows_what_is_typed());
    cosigner.type_slowly("correct horse\n");
    cosigner.wait_for("listening on ");
    assert!(cosigner.shows_what_is_typed());
    let address = cosigner.wait_for("\r\n");
    let proposer = Running::start([
        "propose",
        "--key",
        &other,
        "--signer",
        &public,
        "--item",
        &format!("{},bip86", "07".repeat(32)),
        &format!("{},bip32=m/0/5", "08".repeat(32)),
        "--listen",
        listen,
        "--bootstrap",
        &address,
        "--linger",
        "0",
    ]);
    let question = cosigner.wait_for("Type y or n:");
    let (first, second) = question.split_once("item 1 ").expect("both are shown");
    assert!(first.contains("tweak   taproot output key without scripts (BIP86)"), "{question}");
    assert!(second.contains("tweak   child key at m/0/5"), "{question}");
    assert!(!second.contains("BIP86"), "{question}");
    cosigner.type_slowly("y\n");
    cosigner.wait_for("complete");
    let proposed = proposer.finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
}

#[test]
fn a_labelled_co_signers_session_is_asked_about_before_strangers() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (key, alice, stranger) = (path("own.key"), path("alice.key"), path("stranger.key"));
    let public = keygen(key.as_ref());
    let label = format!("alice={}", keygen(alice.as_ref()));
    keygen(stranger.as_ref());
    let listen = "/ip4/127.0.0.1/tcp/0";
    let arguments =
        ["cosign", "--key", &key, "--approve", "ask", "--listen", listen, "--label", &label];
    let mut cosigner = Terminal::start(&arguments);
    cosigner.wait_for("listening on ");
    let address = cosigner.wait_for("\r\n");
    let propose = |key: &str, message: u8| {
        let message = format!("{message:02x}").repeat(32);
        let contact = format!("{public}={address}");
        let mut proposed = Running::start([
            "propose",
            "--key",
            key,
            "--signer",
            &public,
            "--message",
            &message,
            "--listen",
            listen,
            "--bootstrap",
            &address,
            "--contact",
            &contact,
            "--timeout",
            "120",
            "--linger",
            "0",
        ]);
        let session =
            proposed.wait_for("session_created")["session"].as_str().expect("a session").to_owned();
        (proposed, session)
    };
    let strangers: Vec<_> = (1..=3).map(|message| propose(&stranger, message)).collect();
    cosigner.wait_for("Type y or n");
    let (proposed, session) = propose(&alice, 9);
    // Nothing needs to be typed for this.
    cosigner.wait_for(
        "Also waiting for an answer: 1 session from signers that you know, and 2 from strangers.",
    );
    cosigner.wait_for("or none (no to this one and to 2 more from its proposer):");
    cosigner.type_slowly("none\n");
    let question = cosigner.wait_for("Type y or n:");
    assert!(
        question.contains(&format!("Sign everything in session {}?", &session[..8])),
        "{question}"
    );
    assert!(question.contains(", alice, proposer"), "{question}");
    cosigner.type_slowly("y\n");
    assert_eq!(proposed.finish().code, Some(0));
    drop(strangers);
}

#[test]
fn a_question_is_withdrawn_when_its_proposer_gives_up() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (key, other) = (path("a.key"), path("b.key"));
    let public = keygen(key.as_ref());
    keygen(other.as_ref());
    let listen = "/ip4/127.0.0.1/tcp/0";
    let mut cosigner =
        Terminal::start(&["cosign", "--key", &key, "--approve", "ask", "--listen", listen]);
    cosigner.wait_for("listening on ");
    let address = cosigner.wait_for("\r\n");
    let contact = format!("{public}={address}");
    let message = "07".repeat(32);
    let arguments = [
        "propose",
        "--key",
        &other,
        "--signer",
        &public,
        "--message",
        &message,
        "--listen",
        listen,
    ];
    let propose = |timeout| {
        let more =
            ["--bootstrap", &address, "--contact", &contact, "--timeout", timeout, "--linger", "0"];
        Running::start(arguments.into_iter().chain(more))
    };
    let impatient = propose("3");
    cosigner.wait_for("Type y or n:");
    cosigner.wait_for("has ended: no answer is needed. Reason: a signer stopped waiting");
    assert_eq!(impatient.finish().code, Some(1));
    let interrupted = propose("120");
    cosigner.wait_for("Type y or n:");
    interrupted.signal("INT");
    cosigner.wait_for("has ended: no answer is needed.");
    let patient = propose("120");
    cosigner.wait_for("Type y or n:");
    cosigner.type_slowly("y\n");
    // What was typed may have been meant for the session that ended.
    cosigner.wait_for("Type y or n:");
    cosigner.type_slowly("y\n");
    cosigner.wait_for("complete");
    assert_eq!(patient.finish().code, Some(0));
}

#[test]
fn a_signal_during_a_prompt_leaves_the_terminal_as_it_was() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("a.key");
    let arguments = ["keygen", "--out", out.to_str().expect("text")];
    for (signal, key) in [
        (Signal::INT, Some("\x03")),
        (Signal::QUIT, Some("\x1c")),
        (Signal::INT, None),
        (Signal::TERM, None),
        (Signal::HUP, None),
    ] {
        if is_ignored(signal.as_raw()) {
            eprintln!("\nSKIPPED: {signal:?}: it is ignored here from the start, as under nohup\n");
            continue;
        }
        let mut terminal = Terminal::start(&arguments);
        terminal.wait_for("Passphrase for the new key: ");
        assert!(!terminal.shows_what_is_typed());
        match key {
            Some(key) => terminal.type_slowly(key),
            None => kill_process(terminal.pid(), signal).expect("sent"),
        }
        assert_eq!(
            terminal.wait().signal(),
            Some(signal.as_raw()),
            "it ends as it would without a prompt"
        );
        assert!(terminal.shows_what_is_typed(), "{signal:?}");
        assert!(!out.exists());
    }
}

#[test]
fn a_stopped_prompt_returns_the_terminal_and_asks_again_once_resumed() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("a.key");
    let mut terminal = Terminal::start(&["keygen", "--out", out.to_str().expect("text")]);
    terminal.wait_for("Passphrase for the new key: ");
    terminal.type_slowly("\x1a");
    let (_, status) =
        waitpid(Some(terminal.pid()), WaitOptions::UNTRACED).expect("waited").expect("stopped");
    assert!(status.stopped(), "{status:?}");
    assert!(terminal.shows_what_is_typed(), "the shell has it");
    kill_process(terminal.pid(), Signal::CONT).expect("sent");
    terminal.wait_for("Passphrase for the new key: ");
    assert!(!terminal.shows_what_is_typed());
    terminal.type_slowly("correct horse\n");
    terminal.wait_for("Repeat it: ");
    terminal.type_slowly("correct horse\n");
    assert!(terminal.wait().success(), "{}", terminal.seen);
    assert!(terminal.shows_what_is_typed());
    assert!(out.exists());
}

#[test]
fn a_person_changes_a_passphrase_at_the_terminal() {
    let folder = tempdir().expect("a folder");
    let key = folder.path().join("a.key").to_str().expect("text").to_owned();
    let public = keygen(key.as_ref());
    let change = |old: Option<&str>, new: &str| {
        let mut terminal = Terminal::start(&["passphrase", &key]);
        if let Some(old) = old {
            terminal.wait_for("Passphrase for ");
            terminal.wait_for("a.key: ");
            terminal.type_slowly(old);
        }
        terminal.wait_for("New passphrase for ");
        terminal.type_slowly(new);
        terminal.wait_for("Repeat it: ");
        terminal.type_slowly(new);
        terminal.wait_for(&public);
        assert!(terminal.wait().success(), "{}", terminal.seen);
        assert!(terminal.shows_what_is_typed());
    };
    change(None, "correct horse\n");
    change(Some("correct horse\n"), "battery staple\n");
    let mut told = Terminal::start(&["key", &key]);
    told.wait_for("a.key: ");
    told.type_slowly("battery staple\n");
    told.wait_for(&public);
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ignored_from_the_start_stays_ignored_at_a_prompt() {
    let folder = tempdir().expect("a folder");
    let out = folder.path().join("a.key");
    let script = "trap '' HUP; exec \"$0\" keygen --out \"$1\"";
    let command =
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_musig2-node")]).arg(&out);
    let mut terminal = Terminal::spawn(command);
    for prompt in ["Passphrase for the new key: ", "Repeat it: "] {
        terminal.wait_for(prompt);
        kill_process(terminal.pid(), Signal::HUP).expect("sent");
        terminal.type_slowly("correct horse\n");
    }
    assert!(terminal.wait().success(), "{}", terminal.seen);
    assert!(out.exists());
}

#[test]
fn a_daemon_whose_passphrase_was_typed_reloads_at_each_hangup() {
    let folder = tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (key, passphrase, config) = (path("signer.key"), path("passphrase"), path("node.toml"));
    fs::write(&passphrase, "correct horse\n").expect("written");
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).expect("set");
    assert_eq!(run(["keygen", "--out", &key, "--passphrase-file", &passphrase]).code, Some(0));
    fs::write(&config, "[network]\nlisten = []\n").expect("written");
    let command = std::process::Command::new(env!("CARGO_BIN_EXE_musig2-node"));
    let command = that_hears_hangups(&command);
    let run = ["run", "--config", &config];
    let mut daemon =
        Terminal::spawn(Command::new(command.get_program()).args(command.get_args()).args(run));
    daemon.wait_for("signer.key: ");
    daemon.type_slowly("correct horse\n");
    daemon.wait_for("socket ");
    for _ in 0..2 {
        kill_process(daemon.pid(), Signal::HUP).expect("sent");
        daemon.wait_for("reloaded the policy and the labels");
    }
    kill_process(daemon.pid(), Signal::TERM).expect("sent");
    assert!(daemon.wait().success(), "{}", daemon.seen);
}
