//! What this node has approved, on disk: so that it takes it up again after a restart.
//!
//! A folder with a file for each open session, `<session id>.approval`: the SHA-256 (32 bytes) of the rest, then the announcement as the core
//! gives it. A file is written whole or not at all, and is on disk before the consent leaves this node. The file `lock` keeps other nodes out.

use super::durable;
use musig2_proto::wire::announcement::Announcement;
use musig2_proto::wire::decode_message;
use musig2_proto::{Offence, SessionId, Timestamp};
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, DirEntry, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const EXTENSION: &str = "approval";
const DIGEST: usize = 32;

/// Why the store of approvals cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system does not let it be read or written.
    #[error("cannot use {} of the store of approvals: {reason}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another node uses it.
    #[error(
        "another node uses the store of approvals {}: stop it, or give this one a folder of its own",
        path.display()
    )]
    InUse {
        /// Which folder.
        path: PathBuf,
    },
    /// A file is not as it was written. It is left as it is.
    #[error(
        "the stored approval {} is damaged ({reason}): restore it, or move it away; then this node's part in that session is forgotten, \
         and it can be joined again",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A session that this node had approved.
#[derive(Debug)]
pub(super) struct Approval {
    pub(super) session: SessionId,
    created_at: Timestamp,
    pub(super) announcement: Vec<u8>,
}

/// The folder, which is this node's alone while this exists.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    lock: Mutex<File>,
}

impl Store {
    /// Opens the folder, which is made where it is missing, and reads it all: in the order in which all signers take up what waits for its turn, so that
    /// this node joins again what it had joined, and lets wait what had waited.
    pub(super) fn open(folder: &Path, max_frame_size: usize) -> Result<(Self, Vec<Approval>), StoreError> {
        let store = Self { lock: Mutex::new(make(folder)?), folder: folder.into() };
        let (mut approvals, unfinished) = read_all(folder, max_frame_size)?;
        // The machine crashed before these were whole, so nothing was sent that relied on them.
        for path in unfinished {
            durable::remove_if_there(&path).map_err(|error| failed(&path, &error))?;
        }
        approvals.sort_unstable_by_key(|approval| (approval.created_at, approval.session));
        Ok((store, approvals))
    }

    /// Whether it could be opened. Nothing is made or deleted.
    pub(super) fn check(folder: &Path, max_frame_size: usize) -> Result<(), StoreError> {
        durable::check_folder(folder).map_err(|error| failed(folder, &error))?;
        if !folder.exists() {
            return Ok(());
        }
        let path = lock_path(folder);
        match File::open(&path) {
            Ok(file) => drop(try_lock(folder, file)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, &error)),
        }
        read_all(folder, max_frame_size).map(drop)
    }

    /// Keeps an approval. When this returns it is on disk. Says whether it is new.
    pub(super) fn put(&self, session: &SessionId, announcement: &[u8]) -> Result<bool, StoreError> {
        self.make_again()?;
        let path = self.path(session);
        if path.exists() {
            return Ok(false);
        }
        let mut bytes = Sha256::digest(announcement).to_vec();
        bytes.extend_from_slice(announcement);
        durable::write(&path, &bytes).map_err(|error| failed(&path, &error))?;
        Ok(true)
    }

    /// Takes an approval back. When this returns it is gone from the disk.
    pub(super) fn remove(&self, session: &SessionId) -> Result<(), StoreError> {
        let path = self.path(session);
        durable::remove(&path).map_err(|error| failed(&path, &error))
    }

    /// The session has ended. Were it taken up again after all, it would end again.
    pub(super) fn ended(&self, session: &SessionId) {
        let path = self.path(session);
        if let Err(error) = durable::remove_if_there(&path) {
            tracing::warn!(%error, path = %path.display(), "cannot delete the approval of an ended session");
        }
    }

    /// Makes the folder again if it was removed while this node runs, unless another node uses what is there now.
    fn make_again(&self) -> Result<(), StoreError> {
        // Whoever panicked with it has not changed it.
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_at(&lock, &lock_path(&self.folder)) {
            *lock = make(&self.folder)?;
            tracing::warn!(folder = %self.folder.display(), "the store of approvals was removed: made it again");
        }
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, session: &SessionId) -> PathBuf {
        self.folder.join(session.to_string()).with_extension(EXTENSION)
    }
}

/// The folder's lock; the folder is made if it is missing.
fn make(folder: &Path) -> Result<File, StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| failed(folder, &error))?;
    lock(folder)
}

fn lock_path(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Whether the open file is still what the path names.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// An open file cannot be removed there.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Held for as long as the file is open, and given up by the system whatever ends the process.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = lock_path(folder);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| failed(&path, &error))?;
    try_lock(folder, file)
}

fn try_lock(folder: &Path, file: File) -> Result<File, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: folder.into() }),
        Err(TryLockError::Error(error)) => Err(failed(&lock_path(folder), &error)),
    }
}

/// Every approval in the folder, and the files that are not whole.
fn read_all(folder: &Path, max_frame_size: usize) -> Result<(Vec<Approval>, Vec<PathBuf>), StoreError> {
    let (mut approvals, mut unfinished) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.as_ref().map(DirEntry::path).map_err(|error| failed(folder, error))?;
        match path.extension().and_then(OsStr::to_str) {
            Some(EXTENSION) => approvals.push(read(&path, max_frame_size)?),
            Some(durable::UNFINISHED) => unfinished.push(path),
            _ => {}
        }
    }
    Ok((approvals, unfinished))
}

fn read(path: &Path, max_frame_size: usize) -> Result<Approval, StoreError> {
    let damaged = |reason: &str| StoreError::Damaged { path: path.into(), reason: reason.into() };
    let size = fs::metadata(path).map_err(|error| failed(path, &error))?.len();
    if size > (max_frame_size + DIGEST) as u64 {
        return Err(damaged("larger than `max_frame_size` allows any announcement to be"));
    }
    let bytes = fs::read(path).map_err(|error| failed(path, &error))?;
    if bytes.is_empty() {
        return Err(damaged("it is empty"));
    }
    let (digest, announcement) =
        bytes.split_at_checked(DIGEST).ok_or_else(|| damaged("it ends too early"))?;
    if digest != &Sha256::digest(announcement)[..] {
        return Err(damaged("its checksum is wrong"));
    }
    let decoded: Announcement = decode_message(announcement, max_frame_size)
        .map_err(|offence: Offence| damaged(&format!("its announcement: {offence}")))?;
    let (session, created_at) = (decoded.content.manifest.id(), decoded.content.manifest.created_at());
    if path.file_stem() != Some(OsStr::new(&session.to_string())) {
        return Err(damaged(&format!("it is of session {session}, by which it should be named")));
    }
    Ok(Approval { session, created_at, announcement: announcement.to_vec() })
}

/// Which session an announcement is of.
pub(super) fn session_of(announcement: &[u8], max_frame_size: usize) -> Result<SessionId, Offence> {
    let announcement: Announcement = decode_message(announcement, max_frame_size)?;
    Ok(announcement.content.manifest.id())
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Io { path: path.into(), reason: error.to_string() }
}
