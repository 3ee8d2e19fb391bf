//! `run`: a signer as a service, and what is asked of it over its socket.

use crate::child::{Finished, Running, keygen, run};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

/// How long a daemon may take to stop.
const STOP: Duration = Duration::from_secs(10);

/// Three signers' folders.
struct Signers {
    folder: TempDir,
    public: [String; 3],
}

/// A running daemon.
struct Daemon {
    process: Running,
    /// What it said of itself when it started.
    serving: Value,
    address: String,
}

impl Signers {
    fn new() -> Self {
        let folder = tempdir().expect("a folder");
        let public = [0, 1, 2].map(|signer| {
            let own = folder.path().join(signer.to_string());
            fs::create_dir(&own).expect("made");
            keygen(&own.join("signer.key"))
        });
        Self { folder, public }
    }

    fn path(&self, signer: usize, file: &str) -> PathBuf {
        self.folder.path().join(signer.to_string()).join(file)
    }

    fn text(&self, signer: usize, file: &str) -> String {
        self.path(signer, file).to_str().expect("text").into()
    }

    /// A policy for sessions of all three.
    fn policy(&self, more: &str) -> String {
        format!("[policy]\nsigner_sets = [{}]\n{more}\n", json!(self.public))
    }

    fn start(&self, signer: usize, bootstrap: Option<&Daemon>, settings: &str, policy: &str) -> Daemon {
        let bootstrap: Vec<_> = bootstrap.iter().map(|daemon| &daemon.address).collect();
        let config = format!(
            "{settings}\n{policy}\n[network]\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\nbootstrap = {}\n[http]\nlisten = \"127.0.0.1:0\"\n",
            json!(bootstrap)
        );
        fs::write(self.path(signer, "node.toml"), config).expect("written");
        let mut process = Running::start(["run", "--config", &self.text(signer, "node.toml")]);
        let serving = process.wait_for("serving");
        let address = process.address();
        Daemon { process, serving, address }
    }

    fn socket(&self, signer: usize) -> String {
        self.text(signer, "musig2-node.sock")
    }

    /// Signer 0's daemon is to propose.
    fn propose(&self, message: &str, more: &[&str]) -> Running {
        let socket = self.socket(0);
        let [_, one, two] = &self.public;
        let arguments =
            ["propose", "--daemon", &socket, "--signer", one, "--signer", two, "--message", message];
        Running::start(arguments.iter().chain(more))
    }

    fn ask(&self, signer: usize, arguments: &[&str]) -> Finished {
        let socket = self.socket(signer);
        run(arguments.iter().chain(&["--json", "--socket", &socket]))
    }
}

impl Daemon {
    fn get(&self, path: &str) -> String {
        let mut stream =
            TcpStream::connect(self.serving["http"].as_str().expect("an address")).expect("connected");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    }

    fn stop(self) -> Finished {
        let asked = Instant::now();
        let stopped = self.process.terminate();
        assert!(asked.elapsed() < STOP, "{:?}", asked.elapsed());
        stopped
    }
}

fn message(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

#[test]
fn three_daemons_sign_what_their_policies_allow_and_decline_the_rest() {
    let signers = Signers::new();
    let policy = signers.policy(&format!("messages = [\"{}\"]\nmax_items = 1", message(1)));
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let mut third = signers.start(2, Some(&first), "", &policy);

    let proposed = signers.propose(&message(1), &["--bip86", "--memo", "invoice 7"]).finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    let result = proposed.last();
    assert_eq!(result["type"], "result");
    assert_eq!(second.process.wait_for("result"), result);
    assert_eq!(third.process.wait_for("result"), result);
    let file = signers.path(0, "result");
    fs::write(&file, &proposed.stdout).expect("written");
    assert_eq!(run(["verify", file.to_str().expect("text")]).code, Some(0));
    let key = run(["key", "--json", "--bip86"].iter().map(ToString::to_string).chain(signers.public.clone()));
    assert_eq!(key.last()["key"], result["items"][0]["aggregate_key"]);

    // They have met: nobody else need hear of the next one.
    let private = signers.propose(&message(1), &["--private", "--keep-order"]).finish();
    assert_eq!(private.code, Some(0), "{private:?}");
    assert_eq!(private.last()["signers"], json!(signers.public), "in the order given, its own first");

    let mut refused = signers.propose(&message(2), &[]);
    let session = refused.wait_for("session")["session"].as_str().expect("a session").to_owned();
    for daemon in [&mut second, &mut third] {
        let declined = daemon.process.wait_for("session_declined");
        assert_eq!(declined["session"], session.as_str());
        assert!(declined["reason"].as_str().expect("text").contains(&message(2)), "{declined}");
    }
    let listed = signers.ask(0, &["sessions"]).last();
    let listed = listed["sessions"].as_array().expect("a list");
    let open = listed.iter().find(|one| one["session"] == session.as_str()).expect("it is open");
    assert_eq!(open["phase"], "joining");
    assert_eq!(open["joined"], json!([open["me"]]));
    assert_eq!(open["awaiting"].as_array().expect("a list").len(), 2);
    assert!(listed.iter().any(|one| one["phase"] == "complete"), "{listed:?}");

    let aborted = signers.ask(0, &["abort", &session[..12], "--reason", "wrong amount"]);
    assert_eq!(aborted.code, Some(0), "{aborted:?}");
    assert_eq!(aborted.last()["phase"], "aborted");
    let ended = refused.finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("wrong amount"), "{}", ended.stderr);
    assert_eq!(signers.ask(0, &["abort", "ffff"]).code, Some(2));
}

#[test]
fn a_program_decides_by_the_whole_session_as_json() {
    let signers = Signers::new();
    let any = signers.policy("messages = \"any\"");
    // Keeps what it is told, and refuses one message.
    let script = format!("cat > $1; if grep -q {} $1; then echo 'too much' >&2; exit 3; fi", message(2));
    let told = signers.text(1, "told");
    let command = json!(["sh", "-c", script, "sh", told]);
    let asking = signers.policy(&format!("messages = \"any\"\napprove_command = {command}"));
    let first = signers.start(0, None, "", &any);
    let mut second = signers.start(1, Some(&first), "", &asking);
    let _third = signers.start(2, Some(&first), "", &any);

    let proposed =
        signers.propose(&message(1), &["--bip32", "m/0/5", "--bip86", "--memo", "invoice 7"]).finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    let result = proposed.last();
    let text = fs::read_to_string(&told).expect("a file");
    let session: Value = serde_json::from_str(&text).expect("one JSON object");
    assert_eq!(session["session"], result["session"]);
    assert_eq!(session["signers"], result["signers"]);
    let (item, signed) = (&session["items"][0], &result["items"][0]);
    for key in ["message", "aggregate_key", "tweaks"] {
        assert_eq!(item[key], signed[key], "{key}");
    }
    assert_eq!(item["derivation"][0]["path"], "m/0/5");
    assert_eq!(item["derivation"][1], json!({"kind": "taproot", "merkle_root": null}));
    assert_eq!(session["memo"], "696e766f6963652037");
    assert_eq!(session["signers"][session["me"].as_u64().expect("a place") as usize], signers.public[1]);
    assert!(session["expires_at_ms"].as_u64() > session["created_at_ms"].as_u64(), "{session}");

    let _refused = signers.propose(&message(2), &[]);
    let declined = second.process.wait_for("session_declined");
    assert!(declined["reason"].as_str().expect("text").contains("declined (exit status: 3)"), "{declined}");
    let log = second.stop().stderr;
    assert!(log.contains("too much"), "what the program says is logged: {log}");
}

#[test]
fn a_program_that_does_not_answer_in_time_declines() {
    let signers = Signers::new();
    let any = signers.policy("messages = \"any\"");
    let slow = "messages = \"any\"\napprove_command = [\"sleep\", \"1000\"]\napprove_timeout = \"200ms\"";
    let first = signers.start(0, None, "", &any);
    let mut second = signers.start(1, Some(&first), "", &signers.policy(slow));
    let _refused = signers.propose(&message(1), &[]);
    let declined = second.process.wait_for("session_declined");
    assert!(declined["reason"].as_str().expect("text").contains("no answer within 200ms"), "{declined}");
}

#[test]
fn a_daemon_tells_how_it_is_and_stops_when_told_to() {
    let signers = Signers::new();
    let first = signers.start(0, None, "", "");
    assert_eq!(first.serving["signs_nothing_without"], "signer_sets");
    let mut second = signers.start(1, Some(&first), "", "");
    second.process.wait_for("peer_connected");

    let status = signers.ask(0, &["status"]).last();
    assert_eq!(status["public_key"], signers.public[0].as_str());
    assert_eq!(status["listening"], json!([first.address]));
    assert_eq!(status["connected_peers"].as_array().expect("a list").len(), 1);
    assert_eq!(status["open_sessions"], 0);
    assert_eq!(signers.ask(0, &["sessions"]).last()["sessions"], json!([]));
    let shown = run(["status", "--socket", &signers.socket(0)]);
    assert!(shown.stdout.contains("connected   to 1 peer\n"), "{}", shown.stdout);

    assert!(first.get("/healthz").ends_with("\r\n\r\nok\n"), "{}", first.get("/healthz"));
    let metrics = first.get("/metrics");
    assert!(metrics.contains("application/openmetrics-text") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(metrics.lines().any(|line| line.starts_with("musig2_")), "{metrics}");
    assert!(first.get("/").starts_with("HTTP/1.1 404"));
    let address = first.address.clone();

    // An open session is no reason to stay.
    let _open = signers.propose(&message(1), &[]).wait_for("session");
    let stopped = first.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(!signers.path(0, "musig2-node.sock").exists());
    let gone = signers.ask(0, &["status"]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("Is a daemon running"), "{}", gone.stderr);

    let again = signers.start(0, None, "", "");
    let peer = |address: &str| address.rsplit('/').next().map(ToOwned::to_owned);
    assert_eq!(peer(&again.address), peer(&address), "its peer id stays");
}

#[test]
fn a_restarted_daemon_takes_up_what_it_had_approved() {
    let signers = Signers::new();
    let policy = signers.policy("messages = \"any\"");
    let first = signers.start(0, None, "", &policy);
    let mut second = signers.start(1, Some(&first), "", &policy);
    let proposed = signers.propose(&message(1), &[]);
    second.process.wait_for("session_joined");
    // Killed. By its policy now it would sign nothing: what it approved then is what counts.
    drop(second);
    let mut second = signers.start(1, Some(&first), "", "");
    let resumed = second.process.wait_for("session_resumed");
    assert_eq!(resumed["items"][0]["message"], message(1));
    let _third = signers.start(2, Some(&first), "", &policy);
    let proposed = proposed.finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    assert_eq!(second.process.wait_for("result"), proposed.last());
    let stopped = second.stop();
    for other in ["session_error", "session_declined", "session_discovered"] {
        assert!(!stopped.stdout.contains(other), "{}", stopped.stdout);
    }
}

#[test]
fn the_socket_is_its_owners_alone_and_a_live_one_is_not_taken_over() {
    let signers = Signers::new();
    let first = signers.start(0, None, "", "");
    let socket = signers.path(0, "musig2-node.sock");
    assert_eq!(fs::metadata(&socket).expect("a socket").permissions().mode() & 0o7777, 0o600);

    let config = signers.text(0, "node.toml");
    let second = run(["run", "--config", &config]);
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.stderr.contains("a daemon is running there already"), "{}", second.stderr);
    assert_eq!(signers.ask(0, &["status"]).code, Some(0), "the first one is still there");

    // Killed, it leaves a socket that nobody answers on.
    drop(first);
    assert!(socket.exists());
    let again = signers.start(0, None, "", "");
    assert_eq!(signers.ask(0, &["status"]).code, Some(0));
    assert_eq!(again.stop().code, Some(0));

    fs::write(&socket, "precious").expect("written");
    let refused = run(["run", "--config", &config]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("exists, and is no socket"), "{}", refused.stderr);
    assert_eq!(fs::read(&socket).expect("a file"), b"precious");
    fs::remove_file(&socket).expect("removed");

    fs::set_permissions(signers.path(0, ""), fs::Permissions::from_mode(0o777)).expect("set");
    let refused = run(["run", "--config", &config]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("others can write to it (mode 0777)"), "{}", refused.stderr);
    assert!(!socket.exists());
}

#[test]
fn a_bad_request_is_answered_with_what_is_wrong_and_harms_nobody() {
    let signers = Signers::new();
    let _first = signers.start(0, None, "", "");
    let ask = |request: &[u8]| {
        let mut stream = UnixStream::connect(signers.socket(0)).expect("connected");
        // It may be answered before all of it was read.
        let _ = stream.write_all(request);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    for (request, expected) in [
        (&b"nonsense\n"[..], "not a request"),
        (b"{\"request\":\"sing\"}\n", "unknown variant `sing`"),
        (b"{\"request\":\"abort\",\"session\":\"\",\"reason\":\"\"}\n", "no session begins with ``"),
        (
            b"{\"request\":\"propose\",\"signer\":[],\"message\":[],\"timeout\":5}\n",
            "your own key is the only signer",
        ),
    ] {
        let answer: Value = serde_json::from_str(&ask(request)).expect("one JSON object");
        assert_eq!(answer["type"], "failure");
        assert_eq!(answer["code"], 2);
        assert!(answer["message"].as_str().expect("text").contains(expected), "{answer}");
    }
    ask(&vec![b'['; 2 << 20]);
    assert_eq!(signers.ask(0, &["status"]).code, Some(0));
}
