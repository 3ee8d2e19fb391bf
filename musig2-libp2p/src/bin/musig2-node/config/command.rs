//! `musig2-node config`: an example of a daemon's configuration, and a check of one.

use super::Settings;
use crate::failure::Failure;
use crate::report::{Console, Line};
use clap::Args;
use std::path::PathBuf;

/// Every key, with its default.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

/// Print or check the configuration of `run`
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node config --example > musig2-node.toml
  musig2-node config --check musig2-node.toml

Exit code: 0 if `run` can start with the file, 2 if not. A note tells what may surprise, and is no error.")]
#[group(required = true, multiple = false)]
pub(crate) struct ConfigArgs {
    /// Print a configuration with every key explained
    #[arg(long)]
    example: bool,
    /// Check this configuration and its policy, and look for the files and the program that they name
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &ConfigArgs, console: &Console) -> Result<(), Failure> {
    match &args.check {
        None => console.print(EXAMPLE.as_bytes()),
        Some(file) => {
            let settings = Settings::read(file)?;
            settings.check_files()?;
            let notes = settings.notes();
            console.show(&Line::Config { file, notes: &notes, signs_nothing: settings.policy.missing() })
        }
    }
}
