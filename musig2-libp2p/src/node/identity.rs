//! The network identity, kept from one start to the next.

use super::config::Identity;
use super::durable;
use libp2p::identity::{KeyType, Keypair};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// More bytes than any Ed25519 key takes.
const MAX_SIZE: u64 = 1024;

/// Why there is no network identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file cannot be read.
    #[error("cannot read the network identity {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Something other than a file is there: a folder, for instance.
    #[error(
        "the network identity {} is not a file, but {is}: give the path of a file, which is created if missing",
        path.display()
    )]
    NoFile {
        /// Where the file should be.
        path: PathBuf,
        /// What is there, for people.
        is: &'static str,
    },
    /// The file is missing, and a new one cannot be written.
    #[error("cannot write a new network identity to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Users other than the owner can read the file.
    #[error(
        "others can read the network identity {0} (mode {mode:o}): run `chmod 600 {0}`",
        path.display()
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else. The node leaves it unchanged.
    #[error(
        "{} is not a network identity ({reason}): restore it from a backup, or give another file. If you move it away, the next start \
         creates a new identity, and you must tell others the new peer id",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Identity {
    /// Checks that there is an identity, or that one could be created. Creates nothing.
    pub(super) fn check(&self) -> Result<(), IdentityError> {
        let Self::File(path) = self else { return Ok(()) };
        match open(path) {
            Ok(file) => read(path, file).map(drop),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let failed = |source| IdentityError::Write { path: path.clone(), source };
                // A start does not create the folder.
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                folder.map_or(Ok(()), |folder| folder.metadata().map(drop)).map_err(failed)?;
                durable::check_folder(folder.unwrap_or(Path::new("."))).map_err(failed)
            }
            Err(source) => Err(unreadable(path, source)),
        }
    }

    pub(super) fn load(&self) -> Result<Keypair, IdentityError> {
        match self {
            Self::Ephemeral => Ok(Keypair::generate_ed25519()),
            Self::Key(key) => Ok(key.clone()),
            Self::File(path) => match open(path) {
                Ok(file) => read(path, file),
                Err(error) if error.kind() == ErrorKind::NotFound => create(path),
                Err(source) => Err(unreadable(path, source)),
            },
        }
    }
}

/// Opens only a regular file: opening a pipe would wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    let metadata = fs::metadata(path)?;
    match metadata.is_file() {
        true => File::open(path),
        false if metadata.is_dir() => Err(ErrorKind::IsADirectory.into()),
        false => Err(ErrorKind::InvalidInput.into()),
    }
}

fn unreadable(path: &Path, source: io::Error) -> IdentityError {
    let path = path.into();
    match source.kind() {
        ErrorKind::IsADirectory => IdentityError::NoFile { path, is: "a folder" },
        ErrorKind::InvalidInput => {
            IdentityError::NoFile { path, is: "a device, a pipe or a socket" }
        }
        _ => IdentityError::Read { path, source },
    }
}

fn read(path: &Path, file: File) -> Result<Keypair, IdentityError> {
    let unreadable = |source| unreadable(path, source);
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::MetadataExt::mode(&file.metadata().map_err(unreadable)?) & 0o777;
        if mode & 0o077 != 0 {
            return Err(IdentityError::TooOpen { path: path.into(), mode });
        }
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MAX_SIZE).read_to_end(&mut bytes).map_err(unreadable)?;
    let malformed = |reason| IdentityError::Malformed { path: path.into(), reason };
    // Some encodings read no bytes as something: a key of another type, for instance.
    if bytes.is_empty() {
        return Err(malformed("it is empty, perhaps after an interrupted copy".into()));
    }
    let key =
        Keypair::from_protobuf_encoding(&bytes).map_err(|error| malformed(error.to_string()))?;
    match key.key_type() {
        KeyType::Ed25519 => Ok(key),
        other => Err(malformed(format!("its key is of type {other}, not Ed25519"))),
    }
}

fn create(path: &Path) -> Result<Keypair, IdentityError> {
    let key = Keypair::generate_ed25519();
    let failed = |source| IdentityError::Write { path: path.into(), source };
    let bytes = key.to_protobuf_encoding().map_err(|error| failed(io::Error::other(error)))?;
    durable::write(path, &Zeroizing::new(bytes)).map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        let load = || Identity::File(path.clone()).load().unwrap().public();
        assert_eq!(load(), load());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[cfg(unix)]
    #[test]
    fn an_identity_file_is_readable_only_by_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        Identity::File(path.clone()).load().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Identity::File(path.clone()).load().unwrap_err().to_string();
        assert!(
            error.contains("mode 640")
                && error.ends_with(&format!("`chmod 600 {}`", path.display())),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_not_an_identity_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        durable::write(
            &path,
            b"0707070707070707070707070707070707070707070707070707070707070707\n",
        )
        .unwrap();
        let error = Identity::File(path.clone()).load().unwrap_err();
        assert!(matches!(error, IdentityError::Malformed { .. }), "{error}");
        assert!(error.to_string().starts_with(&path.display().to_string()));
        assert_eq!(fs::read(&path).unwrap().len(), 65);
        let empty = folder.path().join("empty.key");
        durable::write(&empty, b"").unwrap();
        let error = Identity::File(empty.clone()).load().unwrap_err().to_string();
        assert!(
            error.contains("it is empty") && error.contains("restore it from a backup"),
            "{error}"
        );
        assert_eq!(fs::read(&empty).unwrap(), b"", "no identity is made in its place");
        let missing = folder.path().join("no/such/folder");
        assert!(matches!(Identity::File(missing).load(), Err(IdentityError::Write { .. })));
        for error in [
            Identity::File(folder.path().into()).load().unwrap_err(),
            Identity::File(folder.path().into()).check().unwrap_err(),
        ] {
            assert!(error.to_string().contains("is not a file, but a folder"), "{error}");
        }
    }
}
