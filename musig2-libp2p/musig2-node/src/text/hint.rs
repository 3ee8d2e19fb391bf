//! Commands that are suggested to people as the next step.

use std::path::Path;

/// The default path of a daemon's socket, for the daemon and its clients.
pub(crate) const DEFAULT_SOCKET: &str = "musig2-node.sock";

/// Returns a command to the daemon at this socket, quoted for a shell.
pub(crate) fn command(words: &str, socket: &Path) -> String {
    match socket == Path::new(DEFAULT_SOCKET) {
        true => format!("musig2-node {words}"),
        false => format!("musig2-node {words} --socket {}", quoted(&socket.display().to_string())),
    }
}

/// Quotes one word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+,:@%=".contains(letter);
    match word.chars().all(is_plain) {
        true if !word.is_empty() => word.into(),
        _ => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
