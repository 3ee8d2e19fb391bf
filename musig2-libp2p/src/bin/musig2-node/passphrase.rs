//! The passphrase of an encrypted key: from a file, or asked on the terminal.

use crate::private_file;
use age::secrecy::SecretString;
use clap::Args;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The fewest characters of a new passphrase.
const SHORTEST: usize = 8;
/// The longest file with a passphrase, in bytes.
const MAX_SIZE: u64 = 4096;

/// Where the passphrase comes from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PassphraseArgs {
    #[arg(long, value_name = "FILE", help = PassphraseArgs::HELP)]
    passphrase_file: Option<PathBuf>,
}

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassphraseError {
    #[error("{}: cannot read the passphrase: {error}", .file.display())]
    Read { file: PathBuf, error: io::Error },
    #[error("{}: no passphrase in its first line", .0.display())]
    Empty(PathBuf),
    #[error(
        "cannot ask for the passphrase on a terminal ({0}): name a file that holds it with --passphrase-file or MUSIG2_PASSPHRASE_FILE, for a daemon with passphrase_file in its configuration"
    )]
    NoTerminal(io::Error),
    #[error("the two passphrases differ: nothing was written")]
    Differ,
    #[error("a passphrase of {0} characters: take {SHORTEST} or more")]
    Short(usize),
}

impl PassphraseArgs {
    pub(crate) const HELP: &str = "Read the passphrase of an encrypted key from the first line of this file \
        [default: what MUSIG2_PASSPHRASE_FILE names, else the terminal is asked]";

    /// From this file, whatever the environment says.
    pub(crate) fn in_file(file: Option<PathBuf>) -> Self {
        Self { passphrase_file: file }
    }

    fn file(&self) -> Option<PathBuf> {
        let named = || std::env::var_os("MUSIG2_PASSPHRASE_FILE").filter(|name| !name.is_empty());
        self.passphrase_file.clone().or_else(|| named().map(PathBuf::from))
    }

    /// The passphrase that `file` was encrypted with.
    pub(crate) fn of(&self, file: &Path) -> Result<SecretString, PassphraseError> {
        match self.file() {
            Some(passphrase) => read(&passphrase),
            None => ask(&format!("Passphrase of {}: ", file.display())),
        }
    }

    /// One to encrypt with.
    pub(crate) fn new_one(&self) -> Result<SecretString, PassphraseError> {
        use age::secrecy::ExposeSecret;
        let passphrase = match self.file() {
            Some(file) => read(&file)?,
            None => {
                let first = ask("A passphrase for the new key: ")?;
                if ask("The same again: ")?.expose_secret() != first.expose_secret() {
                    return Err(PassphraseError::Differ);
                }
                first
            }
        };
        match passphrase.expose_secret().chars().count() {
            characters @ 0..SHORTEST => Err(PassphraseError::Short(characters)),
            _ => Ok(passphrase),
        }
    }
}

fn ask(prompt: &str) -> Result<SecretString, PassphraseError> {
    rpassword::prompt_password(prompt).map(SecretString::from).map_err(PassphraseError::NoTerminal)
}

fn read(file: &Path) -> Result<SecretString, PassphraseError> {
    let failed = |error| PassphraseError::Read { file: file.into(), error };
    let bytes = private_file::read(file, MAX_SIZE).map_err(failed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failed(io::Error::other("it is not text")))?;
    let line = Zeroizing::new(text.lines().next().unwrap_or_default().to_owned());
    if line.is_empty() {
        return Err(PassphraseError::Empty(file.into()));
    }
    Ok(SecretString::from(line.as_str()))
}
