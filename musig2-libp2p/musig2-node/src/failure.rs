//! How a command fails: its message, and its exit code.

use crate::approval::ApprovalError;
use crate::keys::keyfile::KeyFileError;
use crate::model::ending::Ending;
use crate::model::failure_object::FailureObject;
use crate::model::result::ReadResultError;
use crate::model::verification::Problem;
use crate::order::Usage;
#[cfg(unix)]
use crate::system::socket::SocketError;
use crate::system::toml_file::TomlError;
use crate::text::hint;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{CommandError, EvidenceError, SessionId};
use musig2_libp2p::{HandleError, IdentityError, StartError, StoreError};
use std::fmt::Write;
use std::io;
#[cfg(unix)]
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    #[error("{name}: cannot read: {error}")]
    Input { name: String, error: io::Error },
    #[error("{name}: {error}")]
    ResultFile { name: String, error: ReadResultError },
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Config(#[from] TomlError),
    #[cfg(unix)]
    #[error(transparent)]
    SocketFile(#[from] SocketError),
    #[cfg(unix)]
    #[error("the connection to the client failed: {0}")]
    Socket(io::Error),
    #[cfg(unix)]
    #[error("cannot serve metrics on {address}: {error}. Is another program using the port?")]
    Http { address: SocketAddr, error: io::Error },
    #[error("{}: {error}. Check that `musig2-node run` is running as this user, with this `socket`", .socket.display())]
    Daemon { socket: PathBuf, error: io::Error },
    #[error("{}", .0.message)]
    Answer(Box<FailureObject>),
    #[error(
        "{name} is not evidence: {problem}. Give a file from a daemon's `evidence_dir`, or only the value that --json prints as `evidence`"
    )]
    NoEvidence { name: String, problem: String },
    #[error("{name} proves nothing: {error}")]
    Evidence { name: String, error: EvidenceError },
    #[error("{}: cannot write: {error}", .file.display())]
    Write { file: PathBuf, error: io::Error },
    #[error("the result is invalid: {0}")]
    Wrong(#[from] Problem),
    #[error("{invalid} of {items} items do not verify")]
    Invalid { invalid: usize, items: usize },
    #[error("cannot start the node: {0}")]
    Start(#[from] StartError),
    #[error(transparent)]
    Node(#[from] HandleError),
    #[error("cannot listen{}: {error}. Check that the address belongs to this machine, and that no other program is using it",
        .address.as_ref().map(|address| format!(" on {address}")).unwrap_or_default())]
    Listen { address: Option<Multiaddr>, error: String },
    #[error("the node stopped unexpectedly")]
    NodeStopped,
    #[error("{}", no_signatures(.ending, .hint.as_deref()))]
    Session { ending: Box<Ending>, hint: Option<String> },
    #[error("this node no longer knows session {0}")]
    Forgotten(SessionId),
    #[error("{0}")]
    Record(String),
    #[error(
        "session {session} is aborted, but its approval cannot be deleted: {error}. A restart before the session expires would resume it"
    )]
    Undeleted { session: SessionId, error: StoreError },
    #[error("interrupted")]
    Interrupted { code: u8 },
    #[error("{}", left_running(.why, .session.as_deref(), .socket))]
    LeftRunning { why: String, session: Option<String>, socket: PathBuf, code: u8 },
    #[error("the demonstration did not finish within {seconds} seconds: {state}")]
    Demo { seconds: u64, state: String },
    #[error("cannot start the runtime: {0}")]
    Runtime(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl Failure {
    /// Returns the failure of an order that ends a session.
    pub(crate) fn of_ending(session: SessionId, error: HandleError) -> Self {
        match error {
            HandleError::Store(error) => Self::Undeleted { session, error },
            error => Self::Node(error),
        }
    }

    /// Returns the exit code: 2 if the input must change, 1 if something else went wrong.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Answer(answer) => answer.code,
            Self::Interrupted { code } | Self::LeftRunning { code, .. } => *code,
            Self::KeyFile(_)
            | Self::Config(_)
            | Self::Approval(_)
            | Self::Input { .. }
            | Self::ResultFile { .. }
            | Self::Usage(_)
            | Self::Node(HandleError::Command(
                CommandError::Manifest(_) | CommandError::TooLarge { .. },
            )) => 2,
            Self::Start(error) if !can_pass(error) => 2,
            #[cfg(unix)]
            Self::SocketFile(_) => 2,
            _ => 1,
        }
    }

    /// Returns the object for programs. A daemon's answer is passed on unchanged.
    pub(crate) fn object(&self) -> FailureObject {
        let ending = match self {
            Self::Answer(answer) => return (**answer).clone(),
            Self::Session { ending, .. } => Some((**ending).clone()),
            _ => None,
        };
        FailureObject { message: self.to_string(), code: self.code(), ending }
    }
}

impl From<Usage> for Failure {
    fn from(Usage(problem): Usage) -> Self {
        Self::Usage(problem)
    }
}

/// Returns whether another start, with the same configuration and files, may succeed.
fn can_pass(error: &StartError) -> bool {
    match error {
        StartError::Config(_) | StartError::Setting(_) | StartError::Key { .. } => false,
        // Somebody may free space.
        StartError::Identity(IdentityError::Write { source, .. }) => {
            matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        }
        StartError::Identity(_) | StartError::NotSupported { .. } => false,
        StartError::Store(error) => {
            !matches!(error, StoreError::NoFolder { .. } | StoreError::Damaged { .. })
        }
        _ => true,
    }
}

/// Says clearly that the session goes on: whoever takes the end of the command for the end of the
/// session may pay twice.
fn left_running(why: &str, session: Option<&str>, socket: &Path) -> String {
    let command = |words: String| hint::command(&words, socket);
    match session {
        Some(session) => format!(
            "{why}. Session {session} IS STILL RUNNING in the daemon, and may be signed until its timeout: check it with `{}`, end it with `{}`",
            command(format!("sessions {session}")),
            command(format!("abort {session}"))
        ),
        None => format!(
            "{why} before the daemon answered. The daemon may still have created the session: check with `{}`",
            command("sessions".into())
        ),
    }
}

fn no_signatures(ending: &Ending, hint: Option<&str>) -> String {
    let mut text = format!("session {} ended without signatures: {}", ending.session, ending.what);
    for (title, named) in ending.named() {
        // Writing to a string does not fail.
        let _ = write!(text, "\n  {title} {named}");
    }
    if ending.released {
        text.push_str(
            "\n  note: this node has released its partial signatures; the others may still finish without it",
        );
    }
    if let Some(hint) = hint {
        text.push_str("\n  hint: ");
        text.push_str(hint);
    }
    text
}
