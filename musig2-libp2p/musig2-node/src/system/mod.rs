//! What the operating system gives: private files, the terminal, descriptors, sockets, signals.

pub(crate) mod descriptors;
pub(crate) mod outlet;
pub(crate) mod private_file;
pub(crate) mod screen;
#[cfg(unix)]
pub(crate) mod socket;
pub(crate) mod stop_signals;
#[cfg(unix)]
pub(crate) mod terminal;
pub(crate) mod toml_file;
