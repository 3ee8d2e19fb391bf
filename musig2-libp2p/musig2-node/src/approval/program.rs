//! Asks a program to decide: it gets the session as JSON on its standard input, and answers by its
//! exit code.

use crate::model::record::Approval;
use crate::model::terms::Terms;
use crate::system::private_file;
use futures::future::{Either, select};
use musig2_libp2p::musig2_proto::SessionId;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

/// How many programs run at once. Others wait.
const MAX_RUNNING: usize = 8;
/// The most bytes of a program's standard error that are kept and logged.
const MAX_KEPT: usize = 4 << 10;
/// The most bytes of it that are read. A program that writes more finds the pipe closed.
const MAX_STDERR: u64 = 64 << 10;
/// How long standard error is read after the program's end, if processes that it left behind hold
/// it open.
const LINGER: Duration = Duration::from_millis(500);

/// Why a program cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error("approve_command: no `{0}` in PATH: give the program's full path")]
    NotInPath(String),
    #[error("approve_command: {}: {error}", .program.display())]
    Missing { program: PathBuf, error: io::Error },
    #[error("approve_command: {} is not an executable file: run `chmod +x` on it, or give another program", .0.display())]
    NotExecutable(PathBuf),
}

/// Asks a program about sessions.
#[derive(Debug)]
pub(crate) struct Program {
    command: Arc<[OsString]>,
    timeout: Duration,
    asked: JoinSet<(SessionId, Result<Approval, String>)>,
    /// The tasks of undecided sessions: at most as many as the node keeps
    /// (`max_discovered_sessions`).
    tasks: HashMap<SessionId, AbortHandle>,
    places: Arc<Semaphore>,
}

impl Program {
    /// Returns `None` if no command is configured.
    pub(crate) fn new(
        command: &[OsString],
        timeout: Duration,
    ) -> Result<Option<Self>, ProgramError> {
        let Some(name) = command.first() else { return Ok(None) };
        find(name)?;
        let places = Arc::new(Semaphore::new(MAX_RUNNING));
        Ok(Some(Self {
            command: command.into(),
            timeout,
            asked: JoinSet::new(),
            tasks: HashMap::new(),
            places,
        }))
    }

    /// Asks whether to sign a session that this rule of the policy allows.
    pub(crate) fn ask(&mut self, session: SessionId, terms: &Terms, rule: String) {
        let (command, timeout, places) =
            (Arc::clone(&self.command), self.timeout, Arc::clone(&self.places));
        let question = serde_json::to_vec(terms);
        let task = self.asked.spawn(async move {
            // The semaphore is never closed.
            let _place = places.acquire().await;
            let answer = match question {
                Ok(question) => {
                    match tokio::time::timeout(timeout, run(&command, &question, Some(session)))
                        .await
                    {
                        Ok(answer) => answer,
                        Err(_) => Err(format!(
                            "did not answer within {}",
                            humantime::format_duration(timeout)
                        )),
                    }
                }
                Err(error) => Err(format!("cannot be asked: {error}")),
            };
            let program =
                command.first().map(|name| name.display().to_string()).unwrap_or_default();
            let answer = match answer {
                Ok(()) => Ok(Approval::Program { rule, program }),
                Err(problem) => Err(format!("{program} {problem}")),
            };
            (session, answer)
        });
        self.tasks.insert(session, task);
    }

    /// Stops the program, or keeps it from starting, because the session has ended.
    pub(crate) fn forget(&mut self, session: SessionId) {
        if let Some(task) = self.tasks.remove(&session) {
            task.abort();
        }
    }

    /// Returns the next answer. Cancel-safe.
    pub(crate) async fn answer(&mut self) -> (SessionId, Result<Approval, String>) {
        loop {
            match self.asked.join_next().await {
                Some(Ok(answer)) if self.tasks.remove(&answer.0).is_some() => return answer,
                Some(Ok(_)) => {}
                Some(Err(error)) if error.is_cancelled() => {}
                // Nothing in the task panics. If it did, the session would stay undecided, so
                // nothing would be signed.
                Some(Err(error)) => {
                    tracing::error!(%error, "lost the answer of the approving program: the session stays undecided");
                }
                None => std::future::pending().await,
            }
        }
    }
}

/// Returns whether a program is named by its path, rather than looked up in `PATH`.
pub(crate) fn is_path(name: &OsStr) -> bool {
    name.as_encoded_bytes().contains(&b'/')
}

/// Other systems look up names by other rules: a missing program is noticed there when it is asked.
#[cfg(not(unix))]
fn find(_: &OsStr) -> Result<(), ProgramError> {
    Ok(())
}

/// Checks that the program is where the system looks for it.
#[cfg(unix)]
fn find(name: &OsStr) -> Result<(), ProgramError> {
    if is_path(name) {
        return check(name.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(name));
    if found.any(|program| check(program).is_ok()) {
        Ok(())
    } else {
        Err(ProgramError::NotInPath(name.display().to_string()))
    }
}

#[cfg(unix)]
fn check(program: PathBuf) -> Result<(), ProgramError> {
    match program.metadata() {
        Err(error) => Err(ProgramError::Missing { program, error }),
        Ok(metadata) if !metadata.is_file() || !is_executable(&metadata) => {
            Err(ProgramError::NotExecutable(program))
        }
        Ok(_) => std::fs::File::open(&program)
            // A program that can be run but not read cannot be checked, and is accepted.
            .map_or(Ok(()), |file| private_file::check_writers(&program, &file))
            .map_err(|error| ProgramError::Missing { program, error }),
    }
}

/// Returns whether anybody may run the file. Only an attempt would show whether this user may.
#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

/// The process group of a program, which is killed when this is dropped.
struct Group {
    /// The program's process id, for as long as nobody has waited for it: until then no other
    /// process can have that id.
    leader: Option<u32>,
}

impl Group {
    /// Notes that the program has ended. Processes that it leaves behind are not killed.
    fn release(&mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader.and_then(|leader| leader.try_into().ok())
            && let Some(leader) = rustix::process::Pid::from_raw(leader)
        {
            // An error means that the group has already ended.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

/// The beginning of what a program writes to its standard error.
#[derive(Default)]
struct Said {
    kept: Vec<u8>,
    is_cut: bool,
}

impl Said {
    /// Reads until the end, or until the limit. Cancel-safe: what was read is kept.
    async fn read(&mut self, from: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut from = from.take(MAX_STDERR);
        let mut bytes = [0; 1024];
        loop {
            let read = match from.read(&mut bytes).await? {
                0 => return Ok(()),
                read => &bytes[..read],
            };
            let room = MAX_KEPT - self.kept.len();
            self.is_cut |= read.len() > room;
            self.kept.extend_from_slice(&read[..read.len().min(room)]);
        }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let text = String::from_utf8_lossy(&self.kept);
        let mut lines: Vec<_> = text.lines().map(|line| line.escape_debug().to_string()).collect();
        lines.extend(
            self.is_cut.then(|| format!("(and more: only the first {MAX_KEPT} bytes are kept)")),
        );
        lines.into_iter()
    }
}

/// Runs the program and returns its answer. If this is dropped, the program is killed, with
/// everything that it started and that stayed in its process group.
async fn run(
    command: &[OsString],
    question: &[u8],
    session: Option<SessionId>,
) -> Result<(), String> {
    let (name, arguments) = command.split_first().ok_or("is not a command")?;
    let mut command = Command::new(name);
    command.args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|error| format!("cannot be started: {error}"))?;
    let mut group = Group { leader: child.id() };
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut said = Said::default();
    let status = {
        let tell = async {
            if let Some(mut stdin) = stdin {
                // A failed write is fine: a program may answer without reading. Closing the pipe
                // ends its input.
                let _ = stdin.write_all(question).await;
            }
        };
        let listen = async {
            if let Some(stderr) = stderr {
                // After an error, what came before it is still worth logging.
                let _ = said.read(stderr).await;
            }
        };
        let mut talk = pin!(async { tokio::join!(tell, listen) });
        let end = pin!(async {
            let status = child.wait().await;
            group.release();
            status
        });
        match select(end, talk.as_mut()).await {
            Either::Left((status, _)) => {
                // A timeout means that a process left behind by the program holds the pipes open.
                let _ = tokio::time::timeout(LINGER, talk).await;
                status
            }
            Either::Right((_, end)) => end.await,
        }
    };
    let session = session.map(tracing::field::display);
    let program = tracing::field::display(name.display());
    // What a program writes while it approves is not a warning.
    let approves = status.as_ref().is_ok_and(ExitStatus::success);
    for line in said.lines() {
        match approves {
            true => tracing::info!(session, program, "the approving program says: {line}"),
            false => tracing::warn!(session, program, "the approving program says: {line}"),
        }
    }
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("declined ({status})")),
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    async fn ask(script: &str, seconds: u64) -> Result<(), String> {
        let command = ["sh", "-c", script].map(OsString::from);
        match tokio::time::timeout(Duration::from_secs(seconds), run(&command, b"{\"a\":1}", None))
            .await
        {
            Ok(answer) => answer,
            Err(_) => Err("late".into()),
        }
    }

    #[tokio::test]
    async fn exit_code_0_approves_and_any_other_end_declines() {
        assert_eq!(ask("exit 0", 60).await, Ok(()));
        assert_eq!(ask("grep -q a", 60).await, Ok(()), "it can read the question");
        assert_eq!(ask("exec 0<&-; exit 3", 60).await, Err("declined (exit status: 3)".into()));
        assert!(ask("kill -9 $$", 60).await.unwrap_err().contains("signal"));
        assert!(
            run(&["/nonexistent".into()], b"", None)
                .await
                .unwrap_err()
                .starts_with("cannot be started")
        );
    }

    #[tokio::test]
    async fn a_program_is_not_asked_about_a_session_that_has_ended() {
        let command = ["sh", "-c", "grep -q session"].map(OsString::from);
        let mut program = Program::new(&command, Duration::from_secs(60)).unwrap().unwrap();
        let [ended, other] = [1, 2].map(|number| SessionId::new([number; 32]));
        program.ask(ended, &Terms::of_nothing(ended), String::new());
        program.forget(ended);
        program.ask(other, &Terms::of_nothing(other), "a".into());
        let approval = Approval::Program { rule: "a".into(), program: "sh".into() };
        assert_eq!(program.answer().await, (other, Ok(approval)));
        assert!(program.asked.is_empty() && program.tasks.is_empty());
    }

    #[tokio::test]
    async fn a_program_that_never_ends_or_prints_for_ever_is_stopped() {
        assert_eq!(ask("exec sleep 1000", 1).await, Err("late".into()));
        // The closed pipe ends `yes`.
        assert!(ask("exec yes 1>&2", 60).await.is_err());
    }
    /// A script that starts a process and reports its process id; the file ends when both are gone.
    struct Family {
        _folder: tempfile::TempDir,
        command: [OsString; 4],
        told: std::thread::JoinHandle<io::Result<std::fs::File>>,
    }

    impl Family {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let pipe = folder.path().join("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            let script = "exec 3> \"$0\"; sleep 1000 & echo $! >&3; wait";
            let command = ["sh".into(), "-c".into(), script.into(), pipe.clone().into()];
            // Opening it waits until the script opens it, too.
            let told = std::thread::spawn(move || std::fs::File::open(pipe));
            Self { _folder: folder, command, told }
        }

        /// Ends this family with `stop`, and waits until it is gone.
        async fn ends<S: Future>(self, stop: impl FnOnce() -> S) -> S::Output {
            use std::io::{BufRead, BufReader, Read};
            let Self { told, _folder, .. } = self;
            let (started, is_started) = tokio::sync::oneshot::channel();
            let gone = tokio::task::spawn_blocking(move || {
                let mut from = BufReader::new(told.join().unwrap().unwrap());
                let mut number = String::new();
                from.read_line(&mut number).unwrap();
                number.trim().parse::<u32>().unwrap();
                started.send(()).unwrap();
                from.read_to_string(&mut number).unwrap();
            });
            is_started.await.unwrap();
            let stopped = stop().await;
            tokio::time::timeout(Duration::from_secs(60), gone)
                .await
                .expect("both are gone")
                .unwrap();
            stopped
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_program_is_stopped_together_with_what_it_started() {
        let session = SessionId::new([1; 32]);
        let ask = |family: &Family, seconds| {
            let mut program =
                Program::new(&family.command, Duration::from_secs(seconds)).unwrap().unwrap();
            program.ask(session, &Terms::of_nothing(session), String::new());
            program
        };
        let family = Family::new();
        let mut late = ask(&family, 2);
        let (_, answer) = family.ends(|| late.answer()).await;
        assert!(
            answer.as_ref().is_err_and(|problem| problem.contains("did not answer within 2s")),
            "{answer:?}"
        );
        let family = Family::new();
        let mut ended = ask(&family, 1000);
        family.ends(async || ended.forget(session)).await;
        let family = Family::new();
        let stopped = ask(&family, 1000);
        family.ends(async || drop(stopped)).await;
    }

    #[tokio::test]
    async fn a_process_that_a_program_leaves_behind_does_not_delay_the_answer() {
        assert_eq!(ask("sleep 30 & exit 0", 20).await, Ok(()));
        assert_eq!(ask("sleep 30 & exit 3", 20).await, Err("declined (exit status: 3)".into()));
    }

    #[tokio::test]
    async fn only_the_beginning_of_a_programs_output_is_kept() {
        let mut said = Said::default();
        said.read(&b"no\x1b\n".repeat(2000)[..]).await.unwrap();
        assert_eq!(said.kept.len(), MAX_KEPT);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines[0], "no\\u{1b}");
        assert!(lines.last().is_some_and(|line| line.starts_with("(and more")), "{lines:?}");
        // A long text is not a reason to decline.
        assert_eq!(ask("head -c 10000 /dev/zero >&2", 60).await, Ok(()));
    }
}
