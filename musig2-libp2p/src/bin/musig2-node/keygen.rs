//! `musig2-node keygen`: a new signing key.

use crate::failure::Failure;
use crate::keyfile;
use crate::report::{Console, Line};
use clap::Args;
use std::path::PathBuf;

/// Make a new signing key
///
/// The secret key goes to a new file that only its owner can read (mode 0600), as 64 hex digits. The public key is printed: give it to
/// your co-signers. An existing file is never overwritten.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  musig2-node keygen --out alice.key")]
pub(crate) struct KeygenArgs {
    /// Where to write the secret key; must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &KeygenArgs, console: &Console) -> Result<(), Failure> {
    let (secret, public_key) = keyfile::generate()?;
    keyfile::create(&args.out, &secret)?;
    console.show(&Line::Key { public_key, file: &args.out })
}
