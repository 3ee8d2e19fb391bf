//! Daemons for tests.

use crate::child::{Finished, Running, keygen, musig2_node, run, that_hears_hangups};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// How long a daemon may take to stop.
const STOP: Duration = Duration::from_secs(10);

/// The folders of three signers.
pub(crate) struct Signers {
    folder: TempDir,
    pub(crate) public: [String; 3],
}

/// A running daemon.
pub(crate) struct Daemon {
    pub(crate) process: Running,
    /// What it said about itself when it started.
    pub(crate) serving: Value,
    pub(crate) address: String,
}

impl Signers {
    pub(crate) fn new() -> Self {
        let folder = tempdir().expect("a folder");
        let public = [0, 1, 2].map(|signer| {
            let own = folder.path().join(signer.to_string());
            fs::create_dir(&own).expect("made");
            keygen(&own.join("signer.key"))
        });
        Self { folder, public }
    }

    pub(crate) fn path(&self, signer: usize, file: &str) -> PathBuf {
        self.folder.path().join(signer.to_string()).join(file)
    }

    pub(crate) fn text(&self, signer: usize, file: &str) -> String {
        self.path(signer, file).to_str().expect("text").into()
    }

    /// Returns a policy that allows sessions of all three.
    pub(crate) fn policy(&self, more: &str) -> String {
        format!("[policy]\nsigner_sets = [{}]\n{more}\n", json!(self.public))
    }

    pub(crate) fn start(
        &self,
        signer: usize,
        bootstrap: Option<&Daemon>,
        settings: &str,
        policy: &str,
    ) -> Daemon {
        let config = self.configure(signer, bootstrap, settings, policy);
        self.run(that_hears_hangups(&musig2_node(["run", "--config", &config])))
    }

    /// Writes a configuration and returns its path.
    pub(crate) fn configure(
        &self,
        signer: usize,
        bootstrap: Option<&Daemon>,
        settings: &str,
        policy: &str,
    ) -> String {
        let bootstrap: Vec<_> = bootstrap.iter().map(|daemon| &daemon.address).collect();
        let config = format!(
            "{settings}\n{policy}\n[network]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\nbootstrap = {}\n[http]\nlisten = \"127.0.0.1:0\"\n",
            json!(bootstrap)
        );
        fs::write(self.path(signer, "node.toml"), config).expect("written");
        self.text(signer, "node.toml")
    }

    /// Starts a daemon with a command that leads to `musig2-node run`.
    pub(crate) fn run(&self, command: Command) -> Daemon {
        let mut process = Running::spawn(command);
        let serving = process.wait_for("serving");
        let address = process.address();
        Daemon { process, serving, address }
    }

    pub(crate) fn socket(&self, signer: usize) -> String {
        self.text(signer, "musig2-node.sock")
    }

    /// Has signer 0's daemon propose.
    pub(crate) fn propose(&self, message: &str, more: &[&str]) -> Running {
        let socket = self.socket(0);
        let [_, one, two] = &self.public;
        let arguments = [
            "propose",
            "--daemon",
            &socket,
            "--signer",
            one,
            "--signer",
            two,
            "--message",
            message,
        ];
        Running::start(arguments.iter().chain(more))
    }

    pub(crate) fn ask(&self, signer: usize, arguments: &[&str]) -> Finished {
        let socket = self.socket(signer);
        run(arguments.iter().chain(&["--json", "--socket", &socket]))
    }
}

impl Daemon {
    pub(crate) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.serving["http"].as_str().expect("an address"))
            .expect("connected");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    }

    pub(crate) fn stop(self) -> Finished {
        let asked = Instant::now();
        let stopped = self.process.terminate();
        assert!(asked.elapsed() < STOP, "{:?}", asked.elapsed());
        stopped
    }
}

pub(crate) fn message(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}
