//! How the command ends.

use musig2_sim::FailureKind;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why the command could not do its work, as a message for people.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    /// A file is not what it should be.
    #[error("{path} is not a case of this version of musig2-sim: {reason}")]
    Case { path: String, reason: String },
    /// Standard output is closed or full.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    /// There is nothing to shrink.
    #[error("nothing to shrink: {0} passes")]
    Passes(String),
    /// The second process of a determinism check failed.
    #[error("the other process failed: {0}")]
    OtherProcess(String),
}

impl Error {
    /// Makes the error about this file.
    pub fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::File { path: path.display().to_string(), source }
    }
}

/// What was found, least serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Everything held.
    Nothing,
    /// Something did not happen that must happen.
    Liveness,
    /// Two runs of one plan differ.
    Difference,
    /// Code panicked.
    Panic,
    /// Something happened that must never happen.
    Safety,
}

impl From<FailureKind> for Finding {
    fn from(kind: FailureKind) -> Self {
        match kind {
            // A profile never draws a plan that cannot be run, so such a plan is a bug.
            FailureKind::Plan | FailureKind::Panic => Self::Panic,
            FailureKind::Safety => Self::Safety,
            FailureKind::Liveness => Self::Liveness,
        }
    }
}

/// Returns the process's exit code. A reader that closed the output has seen enough, so that is not
/// an error.
pub fn code(ended: Result<Finding, Error>) -> ExitCode {
    match ended {
        Ok(Finding::Nothing) => ExitCode::SUCCESS,
        Ok(Finding::Panic) => ExitCode::from(3),
        Ok(Finding::Safety) => ExitCode::from(4),
        Ok(Finding::Liveness) => ExitCode::from(5),
        Ok(Finding::Difference) => ExitCode::from(6),
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
