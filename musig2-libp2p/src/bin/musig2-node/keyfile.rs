//! Key files: one secret key as 64 hex digits, readable by its owner alone.

use musig2_libp2p::musig2_proto::{Crypto, DefaultCrypto, InvalidSecretKey, PublicKey, SecretKey};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// More than the 64 digits and a line's end that a key file holds.
const MAX_SIZE: u64 = 128;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("{}: exists, and a key is never overwritten: give another --out, or move the file away", .0.display())]
    Exists(PathBuf),
    #[error("{}: cannot write the key: {error}", .file.display())]
    Write { file: PathBuf, error: io::Error },
    #[error("{}: cannot read the key: {error}{}", .file.display(), hint(.error))]
    Read { file: PathBuf, error: io::Error },
    #[error(
        "{}: others can read or write this key file (mode {mode:04o}). Run `chmod 600 {}` if no one else has read it; else make a new key",
        .file.display(), .file.display()
    )]
    Permissions { file: PathBuf, mode: u32 },
    #[error("{}: not a key file: {problem}. A key file holds one secret key as 64 hex digits; `musig2-node keygen` makes one", .file.display())]
    Malformed { file: PathBuf, problem: String },
    #[error("the operating system gives no randomness: {0}")]
    Entropy(getrandom::Error),
    #[error("no valid key came from the operating system's randomness: do not use this machine")]
    Invalid,
}

/// A new key of the operating system's entropy, with its public key.
pub(crate) fn generate() -> Result<(SecretKey, PublicKey), KeyFileError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeyFileError::Entropy)?;
    let key = SecretKey::new(*bytes);
    let public = public_key(&key).map_err(|_| KeyFileError::Invalid)?;
    Ok((key, public))
}

/// Writes a key to a new file of mode 0600.
pub(crate) fn create(path: &Path, key: &SecretKey) -> Result<(), KeyFileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists(path.into()),
        _ => KeyFileError::Write { file: path.into(), error },
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    let mut text = Zeroizing::new([b'\n'; 65]);
    let written = hex::encode_to_slice(key.expose_secret(), &mut text[..64])
        .map_err(io::Error::other)
        .and_then(|()| file.write_all(text.as_slice()))
        .and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a key is worse than none. Where it cannot be removed either, the error told is the first one.
        let _ = std::fs::remove_file(path);
        KeyFileError::Write { file: path.into(), error }
    })
}

/// Reads a key, with its public key.
pub(crate) fn read(path: &Path) -> Result<(SecretKey, PublicKey), KeyFileError> {
    let failed = |error| KeyFileError::Read { file: path.into(), error };
    let malformed = |problem: String| KeyFileError::Malformed { file: path.into(), problem };
    let file = File::open(path).map_err(failed)?;
    check_permissions(path, &file)?;
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_SIZE as usize + 1));
    file.take(MAX_SIZE + 1).read_to_end(&mut text).map_err(failed)?;
    let text = std::str::from_utf8(&text).map_err(|_| malformed("it is not text".into()))?;
    let key: SecretKey = text.trim().parse().map_err(|error| malformed(format!("{error}")))?;
    let public = public_key(&key).map_err(|error| malformed(error.to_string()))?;
    Ok((key, public))
}

fn public_key(key: &SecretKey) -> Result<PublicKey, InvalidSecretKey> {
    Ok(DefaultCrypto::public_key(&DefaultCrypto::keypair(key)?))
}

/// Of the file that was opened, not of what may have taken its path meanwhile.
#[cfg(unix)]
fn check_permissions(path: &Path, file: &File) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().map_err(|error| KeyFileError::Read { file: path.into(), error })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(KeyFileError::Permissions { file: path.into(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_permissions(_: &Path, _: &File) -> Result<(), KeyFileError> {
    Ok(())
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::NotFound { ". Make one with `musig2-node keygen`" } else { "" }
}
