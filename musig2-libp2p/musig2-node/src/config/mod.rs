//! A daemon's configuration.

mod check;
mod settings;
mod tables;

pub(crate) use settings::{ResultsSettings, Settings};

/// An example with every key and its default.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");
