//! A daemon's configuration: its file, and the command `config`.

pub(crate) mod command;
mod settings;
mod tables;
pub(crate) mod toml_file;

pub(crate) use settings::Settings;
