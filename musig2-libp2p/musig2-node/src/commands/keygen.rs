//! `musig2-node keygen`: a new signing key.

use crate::console::Console;
use crate::failure::Failure;
use crate::keys::keyfile::{self, KeyFileError};
use crate::keys::passphrase::PassphraseArgs;
use crate::model::line::Line;
use clap::Args;
use std::path::PathBuf;

/// Make a new signing key
///
/// Writes the secret key to a new file that only its owner can read (mode 0600), encrypted with a
/// passphrase that it asks for at the terminal (age with scrypt: `age -d` can open it too). Prints
/// the public key: give it to your co-signers. Never overwrites an existing file.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node keygen --out alice.key
  musig2-node keygen --out alice.key --passphrase-file /run/secrets/passphrase")]
pub(crate) struct KeygenArgs {
    /// The new file for the secret key; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Do not encrypt: anyone who can read the file can sign
    #[arg(long, conflicts_with = "passphrase_file")]
    plain: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Runs the command.
pub(crate) fn run(args: &KeygenArgs, console: &Console) -> Result<(), Failure> {
    // Check before anybody thinks of a passphrase.
    if args.out.symlink_metadata().is_ok() {
        return Err(KeyFileError::Exists(args.out.clone()).into());
    }
    let passphrase = if args.plain {
        None
    } else {
        Some(args.passphrase.new_one().map_err(KeyFileError::from)?)
    };
    let encrypted = passphrase.is_some();
    let (secret, public_key) = keyfile::generate()?;
    keyfile::create(&args.out, &secret, passphrase)?;
    console.show(&Line::Key { public_key, file: &args.out, encrypted })
}
