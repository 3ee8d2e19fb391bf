//! The passphrase of an encrypted key: from a file, or asked on the terminal.

use crate::system::{private_file, terminal};
use crate::text::without_bom;
use age::secrecy::{ExposeSecret, SecretString};
use clap::Args;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The fewest characters of a new passphrase.
const SHORTEST: usize = 8;
/// How often a person may mistype a new passphrase.
const TRIES: usize = 3;
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
    #[error("{}: the first line holds no passphrase", .0.display())]
    Empty(PathBuf),
    #[error(
        "cannot ask for the passphrase at a terminal ({0}): name a file that holds it with --passphrase-file or MUSIG2_PASSPHRASE_FILE or, for a daemon, with `passphrase_file` in its configuration"
    )]
    NoTerminal(io::Error),
    #[error("the two passphrases differ: nothing was written")]
    Differ,
    #[error("the passphrase has only {0} characters: use at least {SHORTEST}")]
    Short(usize),
}

impl PassphraseArgs {
    pub(crate) const HELP: &str = "Read the passphrase of an encrypted key from the first line of this file \
        [default: the file that MUSIG2_PASSPHRASE_FILE names, or ask at the terminal]";

    /// Uses this file, or the environment if there is none.
    pub(crate) fn in_file(file: Option<PathBuf>) -> Self {
        Self { passphrase_file: file }
    }

    fn file(&self) -> Option<PathBuf> {
        let named = || std::env::var_os("MUSIG2_PASSPHRASE_FILE").filter(|name| !name.is_empty());
        self.passphrase_file.clone().or_else(|| named().map(PathBuf::from))
    }

    /// Returns the passphrase that `file` was encrypted with.
    pub(crate) fn of(&self, file: &Path) -> Result<SecretString, PassphraseError> {
        match self.file() {
            Some(passphrase) => read(&passphrase),
            None => ask(&format!("Passphrase for {}: ", file.display())),
        }
    }

    /// Returns a passphrase to encrypt a new key with.
    pub(crate) fn new_one(&self) -> Result<SecretString, PassphraseError> {
        match self.file() {
            Some(file) => long_enough(read(&file)?),
            None => ask_for_new_one("Passphrase for the new key: ", ask),
        }
    }

    /// Returns a new passphrase for this file. The given one is the passphrase until now.
    pub(crate) fn next_one(
        file: &Path,
        next: Option<&Path>,
    ) -> Result<SecretString, PassphraseError> {
        match next {
            Some(next) => long_enough(read(next)?),
            None => ask_for_new_one(&format!("New passphrase for {}: ", file.display()), ask),
        }
    }

    /// Checks that the passphrase file can be read, if there is one. Does not read it.
    pub(crate) fn check(&self) -> Result<(), PassphraseError> {
        let Some(file) = self.file() else { return Ok(()) };
        private_file::check(&file).map_err(|error| PassphraseError::Read { file, error })
    }
}

/// Asks again if the passphrase is too short, or was not typed the same twice.
fn ask_for_new_one(
    question: &str,
    mut ask: impl FnMut(&str) -> Result<SecretString, PassphraseError>,
) -> Result<SecretString, PassphraseError> {
    let mut tries = TRIES;
    let mut prompt = String::from(question);
    loop {
        let problem = match ask(&prompt).and_then(long_enough) {
            Ok(first) => match ask("Repeat it: ")?.expose_secret() == first.expose_secret() {
                true => return Ok(first),
                false => PassphraseError::Differ,
            },
            Err(short @ PassphraseError::Short(_)) => short,
            Err(other) => return Err(other),
        };
        tries -= 1;
        if tries == 0 {
            return Err(problem);
        }
        prompt = format!("{problem}. {question}");
    }
}

fn long_enough(passphrase: SecretString) -> Result<SecretString, PassphraseError> {
    match passphrase.expose_secret().chars().count() {
        characters @ 0..SHORTEST => Err(PassphraseError::Short(characters)),
        _ => Ok(passphrase),
    }
}

fn ask(prompt: &str) -> Result<SecretString, PassphraseError> {
    terminal::ask(prompt).map(SecretString::from).map_err(PassphraseError::NoTerminal)
}

fn read(file: &Path) -> Result<SecretString, PassphraseError> {
    let failed = |error| PassphraseError::Read { file: file.into(), error };
    let bytes = private_file::read(file, MAX_SIZE).map_err(failed)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| failed(io::Error::other("it is not text")))?;
    let line = Zeroizing::new(without_bom(text).lines().next().unwrap_or_default().to_owned());
    if line.is_empty() {
        return Err(PassphraseError::Empty(file.into()));
    }
    Ok(SecretString::from(line.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Types these lines, and returns the outcome and the prompts.
    fn type_lines(lines: &[&str]) -> (Result<String, String>, Vec<String>) {
        let mut lines: VecDeque<_> = lines.iter().map(ToString::to_string).collect();
        let mut prompts = Vec::new();
        let made = ask_for_new_one("A passphrase: ", |prompt| {
            prompts.push(prompt.to_owned());
            let gone = || PassphraseError::NoTerminal(io::ErrorKind::UnexpectedEof.into());
            lines.pop_front().map(SecretString::from).ok_or_else(gone)
        });
        (
            made.map(|made| made.expose_secret().to_owned()).map_err(|error| error.to_string()),
            prompts,
        )
    }

    #[test]
    fn a_passphrase_that_is_too_short_is_asked_for_again_at_once() {
        let (made, prompts) = type_lines(&["short", "correct horse", "correct horse"]);
        assert_eq!(made.unwrap(), "correct horse");
        let [_, again, same] = &prompts[..] else { panic!("{prompts:?}") };
        assert!(
            again.starts_with("the passphrase has only 5 characters: use at least 8"),
            "{again}"
        );
        assert_eq!(same, "Repeat it: ");
    }

    #[test]
    fn a_mistyped_passphrase_is_asked_for_again_a_few_times() {
        let (made, _) =
            type_lines(&["correct horse", "correct hose", "battery staple", "battery staple"]);
        assert_eq!(made.unwrap(), "battery staple");
        let (made, prompts) = type_lines(&[""; 9]);
        assert_eq!(
            (made.unwrap_err().as_str(), prompts.len()),
            ("the passphrase has only 0 characters: use at least 8", TRIES)
        );
        assert!(type_lines(&["correct horse"]).0.unwrap_err().contains("cannot ask"));
    }
}
