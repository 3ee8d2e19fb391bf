//! `musig2-node passphrase` changes the passphrase of a key file.

use crate::console::Console;
use crate::failure::Failure;
use crate::keys::keyfile::{self, KeyFileError};
use crate::keys::passphrase::PassphraseArgs;
use crate::model::line::Line;
use clap::Args;
use std::path::PathBuf;

/// Change the passphrase of a key file
///
/// Encrypts the key with another passphrase, or one that was not encrypted for the first time. The
/// key itself stays the same. The old file is replaced only when the new one has been written and
/// read back; a daemon that runs keeps the key that it has. Copies of the file, in backups too,
/// keep the old passphrase.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node passphrase signer.key
  musig2-node passphrase signer.key --passphrase-file old --new-passphrase-file new

Exit code: 0 when changed, 2 if what was given is wrong; then the file is as it was.")]
pub(crate) struct RekeyArgs {
    /// The key file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Read the new passphrase from the first line of this file [default: the terminal is asked]
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Encrypt no more: whoever can read the file can sign
    #[arg(long, conflicts_with = "new_passphrase_file")]
    plain: bool,
}

/// Runs the command.
pub(crate) fn run(args: &RekeyArgs, console: &Console) -> Result<(), Failure> {
    let RekeyArgs { file, passphrase, new_passphrase_file, plain } = args;
    let (secret, public_key) = keyfile::read(file, passphrase)?;
    let next = match plain {
        true => None,
        false => Some(
            PassphraseArgs::next_one(file, new_passphrase_file.as_deref())
                .map_err(KeyFileError::from)?,
        ),
    };
    let encrypted = next.is_some();
    keyfile::replace(file, &secret, next)?;
    console.show(&Line::Key { public_key, file, encrypted })
}
