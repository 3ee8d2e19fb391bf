//! `musig2-node status`, `sessions`, `reload`, `abort` and `propose --daemon`: commands to a
//! running daemon.

use crate::console::Console;
use crate::failure::Failure;
use crate::model::failure_object::FailureObject;
use crate::model::line::Line;
use crate::model::words::{Reply, Request};
use crate::order::Order;
#[cfg(unix)]
use crate::system::stop_signals::StopSignals;
use crate::text::hint::{self, DEFAULT_SOCKET};
use clap::Args;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
#[cfg(unix)]
use tokio::sync::watch;

/// How long a daemon may take for an answer that depends on nobody else.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where the daemon is.
#[derive(Debug, Args)]
pub(crate) struct SocketArgs {
    /// The daemon's socket, as `socket` in its configuration names it
    #[arg(long, value_name = "SOCKET", default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
}

/// Asks a daemon something that depends on nobody else, and shows the answer.
pub(crate) fn ask(
    socket: &SocketArgs,
    request: &Request,
    console: &Console,
) -> Result<(), Failure> {
    talk(&socket.socket, request, Some(PATIENCE), console, |_| {})
}

/// Runs `propose --daemon`, which takes as long as the session.
#[cfg(unix)]
pub(crate) async fn propose(
    socket: &Path,
    order: &Order,
    console: &Console,
) -> Result<(), Failure> {
    let mut signals = StopSignals::new().map_err(Failure::Runtime)?;
    let (ended, end) = tokio::sync::oneshot::channel();
    let (told, session) = watch::channel(None);
    let (request, console) = (Request::Propose(Box::new(order.clone())), console.clone());
    let left = |why, code| Failure::LeftRunning {
        why,
        session: session.borrow().clone(),
        socket: socket.into(),
        code,
    };
    let socket = socket.to_owned();
    // A separate thread, which ends with the process: a read from the socket cannot be cancelled.
    std::thread::spawn(move || {
        let outcome = talk(&socket, &request, None, &console, |reply| {
            if let Reply::Session(summary) = reply {
                told.send_replace(Some(summary.session.to_string()));
            }
        });
        // Sending fails only if the command was interrupted.
        let _ = ended.send(outcome);
    });
    tokio::select! {
        outcome = end => match outcome {
            // Standard output is closed, so nobody reports the result now.
            Ok(Err(Failure::Output(error))) => {
                Err(left(format!("cannot write to standard output: {error}"), 1))
            }
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Runtime(io::Error::other("the thread that speaks to the daemon panicked"))),
        },
        code = signals.next() => Err(left("interrupted".into(), code)),
    }
}

#[cfg(not(unix))]
pub(crate) async fn propose(socket: &Path, _: &Order, _: &Console) -> Result<(), Failure> {
    Err(Failure::Daemon { socket: socket.into(), error: io::ErrorKind::Unsupported.into() })
}

/// Asks, and shows the answers.
#[cfg(unix)]
fn talk(
    socket: &Path,
    request: &Request,
    patience: Option<Duration>,
    console: &Console,
    mut told: impl FnMut(&Reply),
) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Daemon { socket: socket.into(), error };
    let mut stream = std::os::unix::net::UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(patience).map_err(failed)?;
    let mut line = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(failed)?;
    let mut last = None;
    for line in BufReader::new(stream).lines() {
        let reply = line.and_then(|line| Ok(serde_json::from_str(&line)?));
        match reply
            .map_err(|error| cut_off(last.as_ref(), socket).unwrap_or_else(|| failed(error)))?
        {
            Reply::Failure(answer) => {
                return Err(Failure::Answer(Box::new(with_hint(answer, request, socket))));
            }
            reply => {
                told(&reply);
                console.show(&Line::Reply(&reply))?;
                last = Some(reply);
            }
        }
    }
    match (request, last) {
        (Request::Propose(_), last @ Some(Reply::Session(_))) => {
            cut_off(last.as_ref(), socket).map_or(Ok(()), Err)
        }
        (_, None) => Err(failed(io::ErrorKind::UnexpectedEof.into())),
        _ => Ok(()),
    }
}

/// Adds the command that lists sessions, if the request named a session that is not there. Only
/// this side knows how to reach the daemon.
#[cfg(unix)]
fn with_hint(mut answer: FailureObject, request: &Request, socket: &Path) -> FailureObject {
    if let (Request::Sessions { session: Some(_) } | Request::Abort { .. }, 2) =
        (request, answer.code)
    {
        let list = hint::command("sessions", socket);
        answer.message = format!("{}. `{list}` lists them", answer.message);
    }
    answer
}

/// Explains that the daemon went away in the middle of a session, which does not end the session.
#[cfg(unix)]
fn cut_off(last: Option<&Reply>, socket: &Path) -> Option<Failure> {
    let Some(Reply::Session(summary)) = last else { return None };
    let session = summary.session;
    let look = hint::command(&format!("sessions {session}"), socket);
    let message = format!(
        "the daemon stopped before session {session} ended. IT MAY STILL BE SIGNED: the daemon resumes it at its next start. \
         Then check it with `{look}`"
    );
    Some(Failure::Answer(Box::new(FailureObject { message, code: 1, ending: None })))
}

#[cfg(not(unix))]
fn talk(
    socket: &Path,
    _: &Request,
    _: Option<Duration>,
    _: &Console,
    _: impl FnMut(&Reply),
) -> Result<(), Failure> {
    Err(Failure::Daemon { socket: socket.into(), error: io::ErrorKind::Unsupported.into() })
}
