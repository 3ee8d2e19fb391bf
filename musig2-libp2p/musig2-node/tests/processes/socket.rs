//! A daemon's socket: who may use it, and what nobody can do to it.

use crate::child::{PATIENCE, Running, musig2_node, object, run, that_hears_hangups};
use crate::daemons::{Signers, message};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_socket_is_private_and_a_live_one_is_not_taken_over() {
    let signers = Signers::new();
    let first = signers.start(0, None, "", "");
    let socket = signers.path(0, "musig2-node.sock");
    assert_eq!(fs::metadata(&socket).expect("a socket").permissions().mode() & 0o7777, 0o600);

    let config = signers.text(0, "node.toml");
    let second = run(["run", "--config", &config]);
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.stderr.contains("another daemon is using this socket"), "{}", second.stderr);
    assert_eq!(signers.ask(0, &["status"]).code, Some(0), "the first one is still there");

    // A killed daemon leaves a socket on which nobody answers.
    drop(first);
    assert!(socket.exists());
    let again = signers.start(0, None, "", "");
    assert_eq!(signers.ask(0, &["status"]).code, Some(0));
    assert_eq!(again.stop().code, Some(0));

    fs::write(&socket, "precious").expect("written");
    let refused = run(["run", "--config", &config]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("exists, but is not a socket"), "{}", refused.stderr);
    assert_eq!(fs::read(&socket).expect("a file"), b"precious");
    fs::remove_file(&socket).expect("removed");

    fs::set_permissions(signers.path(0, ""), fs::Permissions::from_mode(0o777)).expect("set");
    let refused = run(["run", "--config", &config]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("others can write to it (mode 0777)"), "{}", refused.stderr);
    assert!(!socket.exists());
}

#[test]
fn a_bad_request_is_answered_with_its_mistake_and_harms_nobody() {
    let signers = Signers::new();
    let _first = signers.start(0, None, "", "");
    let send = |request: &[u8]| {
        let mut stream = UnixStream::connect(signers.socket(0)).expect("connected");
        stream.write_all(request).expect("all of it is read");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer, and its end");
        answer
    };
    let too_long = "[".repeat(2 << 20);
    let endless = json!({
        "request": "propose",
        "signer": [signers.public[1]],
        "message": ["01".repeat(32)],
        "timeout": u64::MAX,
    });
    let endless = format!("{endless}\n");
    let propose = |more: Value| {
        let mut order = json!({"request": "propose", "signer": [signers.public[1]], "timeout": 5});
        order
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        format!("{order}\n")
    };
    let message = message(1);
    let item = format!("{message},bip86");
    let nothing = propose(json!({}));
    let both = propose(json!({"message": [message], "item": [item]}));
    let shared = propose(json!({"tweaks": {"bip86": true}, "item": [item]}));
    let mistyped = propose(json!({"item": [item, format!("{message},bip32=0/5")]}));
    for (request, expected) in [
        (nothing.as_bytes(), "give `message`, or `item`"),
        (both.as_bytes(), "`message` and `item` cannot be combined"),
        (shared.as_bytes(), "write the tweaks of an `item` after its message"),
        (mistyped.as_bytes(), "`bip32=0/5`: `0/5` is not a path"),
        (&b"nonsense\n"[..], "not a request"),
        (b"{\"request\":\"sing\"}\n", "unknown variant `sing`"),
        (
            b"{\"request\":\"abort\",\"session\":\"\",\"reason\":\"\"}\n",
            "no session's id begins with ``",
        ),
        (
            b"{\"request\":\"propose\",\"signer\":[],\"message\":[],\"timeout\":5}\n",
            "your own key is the only signer",
        ),
        (b"{\"request\":\"propose\",\"signer\":[],\"message\":[]}\n", "missing field `timeout`"),
        (endless.as_bytes(), "timeout"),
        (too_long.as_bytes(), "longer than 1048576 bytes"),
    ] {
        let answer = object(&send(request));
        assert_eq!(answer["type"], "failure");
        assert_eq!(answer["code"], 2);
        assert!(answer["message"].as_str().expect("text").contains(expected), "{answer}");
    }
    assert_eq!(signers.ask(0, &["status"]).code, Some(0));
}

/// Sends a request, and returns the connection from which the answers are read.
fn ask(socket: &str, request: &Value) -> BufReader<UnixStream> {
    let mut stream = UnixStream::connect(socket).expect("connected");
    writeln!(stream, "{request}").expect("written");
    BufReader::new(stream)
}

fn answer(from: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    from.read_line(&mut line).expect("text");
    object(&line)
}

#[test]
fn clients_that_wait_for_a_proposal_keep_nobody_else_waiting() {
    const MOST: usize = 32;
    let signers = Signers::new();
    let _first = signers.start(0, None, "", "");
    let socket = signers.socket(0);
    let order = |message: String| json!({"request": "propose", "signer": signers.public, "message": [message], "timeout": 500});
    let mut proposers: Vec<_> = (0..MOST)
        .map(|number| ask(&socket, &order(message(u8::try_from(number).expect("few")))))
        .collect();
    for proposer in &mut proposers {
        assert_eq!(answer(proposer)["type"], "session");
    }
    let mut asking = ask(&socket, &json!({"request": "status"}));
    asking.get_ref().set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    assert_eq!(answer(&mut asking)["type"], "status");
}

#[test]
fn a_client_too_many_waits_for_its_turn_and_is_not_refused() {
    const MOST: usize = 32;
    let signers = Signers::new();
    let _first = signers.start(0, None, "", "");
    let socket = signers.socket(0);
    // A client that has asked nothing for ten seconds is given up.
    let mut silent: Vec<_> =
        (0..MOST).map(|_| UnixStream::connect(&socket).expect("connected")).collect();
    let mut waiting = ask(&socket, &json!({"request": "status"}));
    waiting.get_ref().set_nonblocking(true).expect("set");
    let nothing = waiting.fill_buf().map(<[u8]>::len).map_err(|error| error.kind());
    assert_eq!(nothing, Err(io::ErrorKind::WouldBlock), "it waits");
    waiting.get_ref().set_nonblocking(false).expect("set");
    silent.pop();
    assert_eq!(answer(&mut waiting)["type"], "status", "it is not refused");
}

#[test]
fn another_user_is_refused_even_if_the_files_mode_lets_it_in() {
    /// The user `nobody` on most systems; any user but the daemon's would do.
    const OTHER: u32 = 65534;
    let signers = Signers::new();
    let first = signers.start(0, None, "", "");
    let socket = signers.socket(0);
    if fs::metadata(&socket).expect("a socket").uid() != 0 {
        eprintln!("SKIPPED: only root can run a client as another user");
        return;
    }
    let as_other = || musig2_node(["status", "--socket", &socket]).uid(OTHER).gid(OTHER).output();
    let open = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    };
    let folder = signers.path(0, "");
    open(&folder, 0o755);
    open(folder.parent().expect("the signers' folder"), 0o755);
    let refused = match as_other() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            eprintln!("SKIPPED: another user cannot run the command where it was built");
            return;
        }
        refused => refused.expect("the command starts"),
    };
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("Permission denied"), "by the file's mode: {told}");

    open(Path::new(&socket), 0o666);
    let refused = as_other().expect("the command starts");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(refused.stdout, b"", "{refused:?}");
    assert_eq!(signers.ask(0, &["status"]).code, Some(0), "its owner is answered");
    let log = first.stop().stderr;
    assert!(log.contains("refused another user's connection to the socket"), "{log}");
}

/// Returns the commands that a message names in backticks.
fn hints(message: &str) -> Vec<&str> {
    let quoted = message.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| quoted.starts_with("musig2-node ")).collect()
}

#[test]
fn a_pasted_hint_leads_to_the_same_daemon() {
    let signers = Signers::new();
    let _daemon = signers.start(0, None, "socket = \"the node's.sock\"", "");
    let socket = signers.text(0, "the node's.sock");
    let command = Path::new(env!("CARGO_BIN_EXE_musig2-node"));
    let folder = command.parent().and_then(Path::to_str).expect("text");
    let path = format!("{folder}:{}", std::env::var("PATH").expect("text"));
    let paste = |hint: &str| {
        let pasted =
            Command::new("sh").args(["-c", hint]).env("PATH", &path).output().expect("it starts");
        assert!(pasted.status.success(), "{hint}: {pasted:?}");
        String::from_utf8(pasted.stdout).expect("text")
    };

    let unknown = run(["abort", "ffff", "--socket", &socket]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    let [list] = hints(&unknown.stderr)[..] else { panic!("{unknown:?}") };
    assert_eq!(paste(list), "no sessions\n");

    let [_, one, two] = &signers.public;
    let message = message(1);
    let order = ["propose", "--daemon", &socket, "--signer", one, two, "--message", &message];
    let mut proposed = Running::start(order);
    let session = proposed.wait_for("session")["session"].as_str().expect("a session").to_owned();
    let interrupted = proposed.signal("INT");
    assert_eq!(interrupted.code, Some(130), "{interrupted:?}");
    let [look, end] = hints(&interrupted.stderr)[..] else { panic!("{interrupted:?}") };
    assert!(paste(look).contains(&session));
    assert!(paste(end).contains("ended without signatures"));
}

/// Checks again and again until it is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
    }
}

#[test]
fn a_removed_socket_is_created_again() {
    let signers = Signers::new();
    let folder = signers.path(0, "reached");
    let make = || fs::create_dir(&folder).expect("made");
    make();
    let config = signers.configure(0, None, "socket = \"reached/node.sock\"", "");
    let (file, log) =
        (fs::File::create(signers.path(0, "log")).expect("made"), signers.path(0, "log"));
    let mut command = that_hears_hangups(&musig2_node(["run", "--config", &config]));
    command.stderr(file);
    let daemon = signers.run(command);
    let socket = folder.join("node.sock");
    let is_answered = || {
        let socket = socket.to_str().expect("text");
        run(["status", "--json", "--socket", socket]).code == Some(0)
    };
    let count = |line: &str| fs::read_to_string(&log).expect("text").matches(line).count();
    assert!(is_answered());

    fs::remove_file(&socket).expect("removed");
    wait_until("it is made again", is_answered);
    assert_eq!(fs::metadata(&socket).expect("a socket").permissions().mode() & 0o7777, 0o600);
    assert_eq!(count("the socket was removed: created it again"), 1);

    fs::remove_dir_all(&folder).expect("removed");
    let refused = "the socket was removed and cannot be created again";
    wait_until("it says that it cannot", || !is_answered() && count(refused) > 0);
    // Nobody can ask it for its status now, but those who watch it see that something is wrong.
    wait_until("its metrics say so", || daemon.get("/metrics").contains("\nmusig2_problems 1\n"));
    make();
    wait_until("it tries again", is_answered);
    wait_until("all is well", || daemon.get("/metrics").contains("\nmusig2_problems 0\n"));
    assert_eq!(count("the socket was removed: created it again"), 2);
    assert_eq!(count(refused), 1, "once");

    // It leaves alone what is not its own.
    fs::remove_file(&socket).expect("removed");
    fs::write(&socket, "precious").expect("written");
    wait_until("it says that it cannot", || count(refused) > 1);
    assert_eq!(daemon.stop().code, Some(0));
    assert_eq!(fs::read(&socket).expect("a file"), b"precious");
}
