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
/// Encrypts the key with a new passphrase, or for the first time if it was not encrypted. The key
/// itself stays the same. The old file is replaced only after the new one has been written and read
/// back; a running daemon keeps the key that it has. Copies of the file, including backups, keep
/// the old passphrase.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node passphrase signer.key
  musig2-node passphrase signer.key --passphrase-file old --new-passphrase-file new

Exit code: 0 if changed, 2 if the input is invalid; the file is then unchanged.")]
pub(crate) struct RekeyArgs {
    /// The key file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Read the new passphrase from the first line of this file [default: ask at the terminal]
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Remove the encryption: anyone who can read the file can sign
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
