//! Fields of JSON objects, written as people read them.

use super::{Text, Written};
use serde::{Deserialize, Deserializer, Serializer};
use std::fmt::Display;
#[cfg(unix)]
use std::path::Path;

/// Serialises a value as people read it.
pub(crate) fn text<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Reads it back.
pub(crate) fn from_text<'de, T: Written, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Text::deserialize(from).map(|Text(value)| value)
}

/// Serialises a list of values as people read them.
pub(crate) fn texts<T: Display, S: Serializer>(
    values: impl AsRef<[T]>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(values.as_ref().iter().map(ToString::to_string))
}

/// Serialises a path. Bytes that are not UTF-8 are replaced, so that an object can always be
/// written.
#[cfg(unix)]
pub(crate) fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.display())
}
