//! Key files: one secret key as 64 hex digits, readable only by the owner, and encrypted with a
//! passphrase (age, scrypt) by default.

use crate::keys::passphrase::{PassphraseArgs, PassphraseError};
use crate::system::private_file;
use crate::text::without_bom;
use age::secrecy::SecretString;
use age::{DecryptError, scrypt};
use musig2_libp2p::musig2_proto::{Crypto, DefaultCrypto, InvalidSecretKey, PublicKey, SecretKey};
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// More bytes than a key file holds: a plain one has 65, an encrypted one about 230.
const MAX_SIZE: u64 = 1024;
/// The beginning of an encrypted file; `age -d` can read it as well.
const AGE: &[u8] = b"age-encryption.org/";
/// The cost of scrypt as a power of two: a second of work, and 256 MiB of memory.
const WORK_FACTOR: u8 = 18;
/// The highest cost that a file may ask for.
const MAX_WORK_FACTOR: u8 = 20;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("{}: already exists, and keys are never overwritten: move it away, or choose another name", .0.display())]
    Exists(PathBuf),
    #[error("{}: cannot write the key: {error}", .file.display())]
    Write { file: PathBuf, error: io::Error },
    #[error("{}: cannot read the key: {error}{}", .file.display(), hint(.error))]
    Read { file: PathBuf, error: io::Error },
    #[error("{}: not a key file: {problem}. A key file holds one secret key as 64 hex digits, encrypted or not; `musig2-node keygen` makes one", .file.display())]
    Malformed { file: PathBuf, problem: String },
    #[error("{}: wrong passphrase", .0.display())]
    WrongPassphrase(PathBuf),
    #[error("{}: cannot decrypt: {error}", .file.display())]
    Decrypt { file: PathBuf, error: DecryptError },
    #[error("cannot encrypt: {0}")]
    Encrypt(age::EncryptError),
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    #[error("the operating system provides no randomness: {0}")]
    Entropy(getrandom::Error),
    #[error("the operating system's randomness gave no valid key: do not use this machine")]
    Invalid,
}

/// Makes a new key from the operating system's entropy, and returns it with its public key.
pub(crate) fn generate() -> Result<(SecretKey, PublicKey), KeyFileError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeyFileError::Entropy)?;
    let key = SecretKey::new(*bytes);
    let public = public_key(&key).map_err(|_| KeyFileError::Invalid)?;
    Ok((key, public))
}

/// Writes a key to a new file of mode 0600, encrypted if there is a passphrase.
pub(crate) fn create(
    path: &Path,
    key: &SecretKey,
    passphrase: Option<SecretString>,
) -> Result<(), KeyFileError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists(path.into()),
        _ => KeyFileError::Write { file: path.into(), error },
    };
    let mut text = Zeroizing::new([b'\n'; 65]);
    hex::encode_to_slice(key.expose_secret(), &mut text[..64])
        .map_err(|error| failed(io::Error::other(error)))?;
    match passphrase {
        None => private_file::create(path, text.as_slice()),
        Some(passphrase) => {
            let mut recipient = scrypt::Recipient::new(passphrase);
            recipient.set_work_factor(WORK_FACTOR);
            let encrypted =
                age::encrypt(&recipient, text.as_slice()).map_err(KeyFileError::Encrypt)?;
            private_file::create(path, &encrypted)
        }
    }
    .map_err(failed)
}

/// Reads a key, and returns it with its public key. Asks for the passphrase if it is needed.
pub(crate) fn read(
    path: &Path,
    passphrase: &PassphraseArgs,
) -> Result<(SecretKey, PublicKey), KeyFileError> {
    read_with(path, || passphrase.of(path))
}

/// Writes a key that was read from this file back into it, encrypted with this passphrase or not at
/// all. The old file stays until the new one has been read back; whatever goes wrong, one of the
/// two is there and complete.
pub(crate) fn replace(
    path: &Path,
    key: &SecretKey,
    passphrase: Option<SecretString>,
) -> Result<(), KeyFileError> {
    // If it is a link, replace the file that it leads to.
    let path =
        path.canonicalize().map_err(|error| KeyFileError::Read { file: path.into(), error })?;
    let unfinished = path.with_added_extension("new");
    create(&unfinished, key, passphrase.clone())?;
    let failed = |error| KeyFileError::Write { file: path.clone(), error };
    let again = read_with(&unfinished, || Ok(passphrase.unwrap_or_default()));
    let replaced =
        again.and_then(|(again, _)| match again.expose_secret() == key.expose_secret() {
            true => private_file::replace(&path, &unfinished).map_err(failed),
            false => {
                Err(failed(io::Error::other("the data read back differs from what was written")))
            }
        });
    replaced.inspect_err(|_| {
        // Return the first error, whatever this removal does.
        let _ = std::fs::remove_file(&unfinished);
    })
}

fn read_with(
    path: &Path,
    passphrase: impl FnOnce() -> Result<SecretString, PassphraseError>,
) -> Result<(SecretKey, PublicKey), KeyFileError> {
    let malformed = |problem: String| KeyFileError::Malformed { file: path.into(), problem };
    let mut bytes = private_file::read(path, MAX_SIZE)
        .map_err(|error| KeyFileError::Read { file: path.into(), error })?;
    if bytes.starts_with(AGE) {
        bytes = decrypt(path, &bytes, passphrase()?)?;
    }
    if bytes.is_empty() {
        return Err(malformed("it is empty".into()));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed("it is not text".into()))?;
    let key: SecretKey =
        without_bom(text).trim().parse().map_err(|error| malformed(format!("{error}")))?;
    let public = public_key(&key).map_err(|error| malformed(error.to_string()))?;
    Ok((key, public))
}

/// Checks that the file can be read. Does not read it.
pub(crate) fn check(path: &Path) -> Result<(), KeyFileError> {
    private_file::check(path).map_err(|error| KeyFileError::Read { file: path.into(), error })
}

fn decrypt(
    path: &Path,
    bytes: &[u8],
    passphrase: SecretString,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut identity = scrypt::Identity::new(passphrase);
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    age::decrypt(&identity, bytes).map(Zeroizing::new).map_err(|error| match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            KeyFileError::WrongPassphrase(path.into())
        }
        error => KeyFileError::Decrypt { file: path.into(), error },
    })
}

fn public_key(key: &SecretKey) -> Result<PublicKey, InvalidSecretKey> {
    Ok(DefaultCrypto::public_key(&DefaultCrypto::keypair(key)?))
}

fn hint(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::NotFound {
        ". Make one with `musig2-node keygen`"
    } else {
        ""
    }
}
