//! A daemon's configuration: its file, and the command `config`.

mod check;
pub(crate) mod command;
mod settings;
mod tables;
pub(crate) mod toml_file;

pub(crate) use settings::{ResultsSettings, Settings};
