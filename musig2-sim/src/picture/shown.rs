//! Values as the page shows them.

use core::fmt;
use musig2_proto::wire::bitmap::Bitmap;
use musig2_proto::{SignerIndex, Timestamp};
use serde::Serialize;

use crate::time::Micros;

/// A value in the details of a message or state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shown {
    /// Plain text.
    Text(String),
    /// Bytes in hex. The page shortens them.
    Hex(String),
    /// A signer index. The page adds its node.
    Signer(u16),
    /// Several values.
    List(Vec<Shown>),
    /// Named values.
    Fields(Vec<(&'static str, Shown)>),
}

impl Shown {
    pub(super) fn text(value: impl fmt::Display) -> Self {
        Self::Text(value.to_string())
    }

    /// Shows a word as it is in code.
    pub(super) fn debug(value: impl fmt::Debug) -> Self {
        Self::Text(format!("{value:?}"))
    }

    pub(super) fn hex(bytes: &[u8]) -> Self {
        use fmt::Write;
        let mut text = String::with_capacity(2 * bytes.len());
        // Writing to a string never fails.
        let _ = bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"));
        Self::Hex(text)
    }

    pub(super) fn flag(value: bool) -> Self {
        Self::Text(if value { "yes" } else { "no" }.into())
    }

    pub(super) fn none() -> Self {
        Self::Text("none".into())
    }

    pub(super) fn signer(signer: SignerIndex) -> Self {
        Self::Signer(signer.get())
    }

    pub(super) fn signers(signers: impl IntoIterator<Item = SignerIndex>) -> Self {
        Self::list(signers, Self::signer)
    }

    pub(super) fn bitmap(bitmap: &Bitmap) -> Self {
        Self::signers(bitmap.iter())
    }

    pub(super) fn list<T>(
        values: impl IntoIterator<Item = T>,
        show: impl FnMut(T) -> Self,
    ) -> Self {
        Self::List(values.into_iter().map(show).collect())
    }

    pub(super) fn optional<T>(value: Option<T>, show: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::none(), show)
    }

    /// Shows a timestamp as time since the world began.
    pub(super) fn moment(timestamp: Timestamp) -> Self {
        let since = timestamp.saturating_since(Micros::WORLD_BEGAN).as_millis();
        let before = Micros::WORLD_BEGAN.saturating_since(timestamp).as_millis();
        let (sign, millis) = if before > 0 { ("-", before) } else { ("", since) };
        Self::Text(format!("{sign}{}.{:03} s", millis / 1_000, millis % 1_000))
    }
}
