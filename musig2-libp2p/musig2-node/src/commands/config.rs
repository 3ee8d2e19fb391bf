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

Exit code: 0 if `run` could start with the file; otherwise the command fails as `run` would. A note points out what may surprise you; it is not an error.")]
pub(crate) struct ConfigArgs {
    /// Print an example configuration that explains every key
    #[arg(long, group = "what")]
    example: bool,
    /// Check this configuration the way `run` does before it starts the network: read its files,
    /// including the key, and check that its addresses are free. Changes nothing. Then print the
    /// signer sets whose sessions its policy allows, with their joint keys and addresses
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
            "a daemon is running with this `socket`: the addresses and folders that it uses were not checked"
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
    Err(Failure::Usage("the daemon (`run`) is not available on this system".into()))
}
