//! Reads TOML files, and reports mistakes with file, line and key.

use crate::system::private_file;
use crate::text::without_bom;
use serde::de::DeserializeOwned;
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest file read, in bytes: room for some 15,000 messages.
const MAX_SIZE: u64 = 1 << 20;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TomlError {
    #[error("{}: cannot read: {error}", .file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error("{}{place}: {problem}", .file.display())]
    Content { file: PathBuf, place: String, problem: String },
}

impl TomlError {
    /// Returns an error about a whole file.
    pub(crate) fn of(file: &Path, problem: impl Into<String>) -> Self {
        Self::Content { file: file.into(), place: String::new(), problem: problem.into() }
    }
}

/// Reads a file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, TomlError> {
    let failed = |error| TomlError::Read { file: path.into(), error };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    private_file::check_writers(path, &file).map_err(failed)?;
    if file.take(MAX_SIZE + 1).read_to_string(&mut text).map_err(failed)? as u64 > MAX_SIZE {
        return Err(failed(io::Error::other(format!("more than {MAX_SIZE} bytes"))));
    }
    parse(path, without_bom(&text))
}

/// Parses a file's text.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, TomlError> {
    let failed = |key: &str, error: &toml::de::Error| {
        let mut place = String::new();
        // Writing to a string does not fail.
        if let Some(span) = error.span() {
            let line = 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
            let _ = write!(place, ", line {line}");
        }
        if key != "." && !error.message().starts_with("unknown field") {
            let _ = write!(place, ", `{key}`");
        }
        TomlError::Content {
            file: path.into(),
            place,
            problem: error.message().trim_end().replace('\n', ", "),
        }
    };
    let document = toml::Deserializer::parse(text).map_err(|error| failed(".", &error))?;
    serde_path_to_error::deserialize(document)
        .map_err(|error| failed(&error.path().to_string(), error.inner()))
}
