//! Commands that people are told to give next.

use std::path::Path;

/// Where a daemon is looked for, and makes its socket, unless it is said otherwise.
pub(crate) const DEFAULT_SOCKET: &str = "musig2-node.sock";

/// A command to the daemon that is reached at this socket, as a shell takes it.
pub(crate) fn command(words: &str, socket: &Path) -> String {
    match socket == Path::new(DEFAULT_SOCKET) {
        true => format!("musig2-node {words}"),
        false => format!("musig2-node {words} --socket {}", quoted(&socket.display().to_string())),
    }
}

/// One word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+,:@%=".contains(letter);
    match word.chars().all(is_plain) {
        true if !word.is_empty() => word.into(),
        _ => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
