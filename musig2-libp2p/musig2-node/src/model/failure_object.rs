//! How a command fails, for programs.

use super::ending::Ending;
use serde::{Deserialize, Serialize};

/// The object of type `failure`, the same on standard output and on a daemon's socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FailureObject {
    /// One or more sentences.
    pub(crate) message: String,
    /// The exit code of the command: 2 if the input must change.
    pub(crate) code: u8,
    /// How the session ended, if that is the cause.
    #[serde(flatten)]
    pub(crate) ending: Option<Ending>,
}
