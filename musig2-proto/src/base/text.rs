//! Serialises values as people read them.

use core::fmt::Display;
use serde::Serializer;

/// Serialises a value as its [`Display`] text.
pub(crate) fn as_text<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}
