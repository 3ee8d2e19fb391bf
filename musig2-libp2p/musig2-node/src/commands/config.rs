//! `musig2-node config`: an example of a daemon's configuration, and a check of one.

#[cfg(not(unix))]
use super::Settings;
use crate::config::EXAMPLE;
use crate::console::Console;
#[cfg(unix)]
use crate::daemon::ready::Ready;
use crate::failure::Failure;
#[cfg(unix)]
use crate::model::line::Line;
#[cfg(unix)]
use crate::system::socket::SocketError;
#[cfg(unix)]
use crate::text::Text;
use clap::{ArgGroup, Args};
use std::path::{Path, PathBuf};

/// Print or check the configuration of `run`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
#[command(after_help = "Example:
  musig2-node config --example > musig2-node.toml
  musig2-node config --check musig2-node.toml

Exit code: 0 if `run` could start with the file. If not, it fails as `run` would. A note tells what may surprise, and is no error.")]
pub(crate) struct ConfigArgs {
    /// Print a configuration with every key explained
    #[arg(long, group = "what")]
    example: bool,
    /// Do what `run` does with this configuration up to the network: read its files, the key
    /// included, and look whether its addresses are free. Nothing is changed. Then tell whose
    /// sessions its policy allows, and their joint keys and addresses
    #[arg(long, value_name = "FILE", group = "what")]
    check: Option<PathBuf>,
}

/// Runs the command.
pub(crate) async fn run(args: &ConfigArgs, console: &Console) -> Result<(), Failure> {
    match &args.check {
        None => console.print(EXAMPLE.as_bytes()),
        Some(file) => check(file, console).await,
    }
}

#[cfg(unix)]
async fn check(file: &Path, console: &Console) -> Result<(), Failure> {
    let ready = Ready::read(file, None)?;
    let mut notes = ready.settings.notes();
    match ready.take_places().await {
        Err(Failure::SocketFile(SocketError::Live(_))) => notes.push(
            "a daemon is running with this `socket`: whether it could start again was looked at only as far as its addresses and folders are not in use"
                .into(),
        ),
        taken => drop(taken?),
    }
    console.show(&Line::Config {
        file,
        public_key: ready.public_key,
        label: ready.settings.labels().of(&ready.public_key).map(Text),
        signer_sets: &ready.signer_sets()?,
        notes: &notes,
        signs_nothing: ready.settings.policy.missing(),
    })
}

/// On this system there are no daemons.
#[cfg(not(unix))]
async fn check(file: &Path, _: &Console) -> Result<(), Failure> {
    Settings::read(file)?.check_files()?;
    Err(Failure::Usage("no daemon (`run`) can be had on this system".into()))
}
