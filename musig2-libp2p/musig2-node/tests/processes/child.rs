//! Runs `musig2-node` and reads what it prints as it comes.

use crate::objects;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// Far more than anything here takes: a test that waits this long is stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Prepares the command with nothing on its standard input.
pub(crate) fn musig2_node<I: IntoIterator<Item: AsRef<OsStr>>>(arguments: I) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_musig2-node"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Returns whether the process that started these tests ignores a signal, as `nohup` does: what the
/// tests start then ignores it too.
#[cfg(unix)]
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored
        .and_then(|ignored| u64::from_str_radix(ignored.trim(), 16).ok())
        .unwrap_or_default();
    ignored >> (signal - 1) & 1 != 0
}

/// Returns the same command, which now hears SIGHUP even if the process that started these tests
/// ignores it.
#[cfg(unix)]
pub(crate) fn that_hears_hangups(command: &Command) -> Command {
    const SIGHUP: i32 = 1;
    let mut hearing = Command::new("env");
    if is_ignored(SIGHUP) {
        hearing.arg("--default-signal=HUP");
    }
    hearing.arg(command.get_program()).args(command.get_args());
    hearing.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    hearing
}

/// What a finished command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the command to its end.
pub(crate) fn run<I: IntoIterator<Item: AsRef<OsStr>>>(arguments: I) -> Finished {
    let mut command = musig2_node(arguments);
    let output = command.output().expect("the command starts");
    let mut stdout = String::from_utf8(output.stdout).expect("text");
    if command.get_args().any(|argument| argument == "--json") {
        stdout = stdout.lines().map(|line| object(line).to_string() + "\n").collect();
    }
    Finished {
        code: output.status.code(),
        stdout,
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

/// Parses a line and checks that it is as the README says. Takes out its time once that is checked,
/// so that a line which is repeated later is equal to the first.
pub(crate) fn object(line: &str) -> Value {
    let mut value: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    objects::check(&value);
    value.as_object_mut().expect("it was checked").remove("time");
    value
}

/// A command that runs with `--json`. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    printed: String,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    pub(crate) fn start<I: IntoIterator<Item: AsRef<OsStr>>>(arguments: I) -> Self {
        Self::spawn(musig2_node(arguments))
    }

    /// Starts a command that leads to `musig2-node`.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let mut child = command.arg("--json").spawn().expect("the command starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stderr = child.stderr.take().map(|stderr| spawn(move || read(stderr)));
        Self { child, lines, printed: String::new(), stderr }
    }

    /// Waits for the next line of this type, or event of this name.
    pub(crate) fn wait_for(&mut self, kind: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            let Ok(line) = line else {
                panic!("no `{kind}` came ({line:?}); so far: {}", self.printed)
            };
            let value = self.keep(&line);
            if value["type"] == kind || value["event"] == kind {
                return value;
            }
        }
    }

    /// Waits for the address that it listens on.
    pub(crate) fn address(&mut self) -> String {
        self.wait_for("listening")["address"].as_str().expect("an address").into()
    }

    /// Waits for the command to end.
    pub(crate) fn finish(mut self) -> Finished {
        let end = Instant::now() + PATIENCE;
        // Standard output is closed when the process ends.
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.keep(&line);
        }
        assert!(Instant::now() < end, "still running; so far: {}", self.printed);
        let status = self.child.wait().expect("it was started");
        self.finished(status)
    }

    /// Ends it as a service manager does.
    #[cfg(unix)]
    pub(crate) fn terminate(self) -> Finished {
        self.signal("TERM")
    }

    /// Sends it a signal that ends it, and waits for the end.
    #[cfg(unix)]
    pub(crate) fn signal(self, name: &str) -> Finished {
        self.send(name);
        self.finish()
    }

    fn keep(&mut self, line: &str) -> Value {
        let value = object(line);
        self.printed.push_str(&value.to_string());
        self.printed.push('\n');
        value
    }

    /// Returns its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn send(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent =
            Command::new("kill").args([&format!("-{name}"), &id]).status().expect("`kill` starts");
        assert!(sent.success());
    }

    fn finished(&mut self, status: ExitStatus) -> Finished {
        let stderr = self.stderr.take().map(|reader| reader.join().expect("no panic"));
        Finished {
            code: status.code(),
            stdout: std::mem::take(&mut self.printed),
            stderr: stderr.unwrap_or_default(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// Returns the last line of standard output.
    pub(crate) fn last(&self) -> Value {
        let line =
            self.stdout.lines().last().unwrap_or_else(|| panic!("nothing printed: {self:?}"));
        serde_json::from_str(line).expect("every line is JSON")
    }
}

/// Makes an unencrypted key and returns its public key.
pub(crate) fn keygen(file: &Path) -> String {
    let arguments = ["keygen", "--plain", "--json", "--out"].map(OsStr::new);
    let made = run(arguments.into_iter().chain([file.as_os_str()]));
    assert_eq!(made.code, Some(0), "{made:?}");
    let line = made.last();
    assert_eq!(line["type"], "key");
    line["public_key"].as_str().expect("a key").into()
}

fn read(mut from: ChildStderr) -> String {
    let mut bytes = Vec::new();
    // Whatever was read before an error is worth showing.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into()
}
