//! What this node has approved and signed, on disk, so that it can resume after a restart.
//!
//! The store is a folder with a file for each open session, `<session id>.approval`: the SHA-256
//! (32 bytes) of the rest, then the announcement as the core returns it. A file is written
//! completely or not at all, and is on disk before the consent leaves this node.
//!
//! Once a session is signed, `<session id>.signed` replaces its approval and stays until nobody can
//! ask for the signatures any more, because this node may be the only one that has them. It holds
//! the SHA-256 of the rest, the number of signatures (2 bytes, big-endian), the signatures
//! (64 bytes each), and the announcement.
//!
//! The file `lock` keeps other nodes out.

use super::durable;
use crate::behaviour::system::now;
use musig2_proto::wire::announcement::Announcement;
use musig2_proto::wire::decode_message;
use musig2_proto::{DecodeError, MAX_ITEMS, SessionId, Signature, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, DirEntry, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

const APPROVAL: &str = "approval";
const SIGNED: &str = "signed";
const DIGEST: usize = 32;
/// The size of the signatures of the largest session, including their number.
const MAX_SIGNATURES: usize = 2 + 64 * MAX_ITEMS;
/// How long after a session's expiry its signatures are kept. A node whose clock is behind may
/// still ask for them.
const LAGGARDS: Duration = Duration::from_secs(60);

/// Why the store of approvals cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system does not allow reading or writing it.
    #[error("cannot use {} in the store of approvals: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// There is no such folder, and none can be created there.
    #[error("{} cannot be the store of approvals: {problem}", path.display())]
    NoFolder {
        /// Where the folder should be.
        path: PathBuf,
        /// What is there instead, or what is missing, and what to do.
        problem: String,
    },
    /// Another node uses it.
    #[error(
        "another node is using the store of approvals {}: stop it, or give this one its own folder",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not as it was written. The node leaves it unchanged.
    #[error(
        "the stored approval {} is damaged ({reason}): restore it, or move it away. If you move it away, this node forgets its part in that session, \
         and can join it again",
        path.display()
    )]
    Damaged {
        /// The file.
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
    expires_at: Timestamp,
    pub(super) announcement: Vec<u8>,
    /// If the session is signed: one signature for each item.
    pub(super) signatures: Option<Vec<Signature>>,
}

/// The folder, which only this node can use while this value exists.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    lock: File,
    max_frame_size: usize,
    /// The signed sessions, by their expiry.
    signed: BTreeSet<(Timestamp, SessionId)>,
}

impl Store {
    /// Opens the folder and reads all of it. If the folder is missing, it is created inside its
    /// parent folder.
    ///
    /// Signed sessions come first. The others follow in the order in which all signers admit queued
    /// sessions, so that this node again joins what it had joined, and queues what it had queued.
    pub(super) fn open(
        folder: &Path,
        max_frame_size: usize,
    ) -> Result<(Self, Vec<Approval>), StoreError> {
        let lock = make(folder)?;
        let (mut approvals, unfinished) = read_all(folder, max_frame_size)?;
        // The machine crashed before these files were complete, so nothing that relied on them was
        // sent.
        for path in unfinished {
            durable::remove_if_there(&path).map_err(|error| failed(&path, &error))?;
        }
        approvals.sort_unstable_by_key(|approval| {
            (approval.signatures.is_none(), approval.created_at, approval.session)
        });
        let signed = approvals.iter().filter(|approval| approval.signatures.is_some());
        let signed: BTreeSet<_> =
            signed.map(|approval| (approval.expires_at, approval.session)).collect();
        let store = Self { folder: folder.into(), lock, max_frame_size, signed };
        // The machine crashed after the signatures were stored and before the approval was deleted.
        approvals.retain(|approval| {
            let is_left = approval.signatures.is_none() && store.is_signed(approval);
            if is_left {
                store.ended(&approval.session);
            }
            !is_left
        });
        Ok((store, approvals))
    }

    /// Checks that the folder could be opened. Creates and deletes nothing.
    pub(super) fn check(folder: &Path, max_frame_size: usize) -> Result<(), StoreError> {
        let is_there = is_there(folder)?;
        durable::check_folder(folder).map_err(|error| failed(folder, &error))?;
        if !is_there {
            return Ok(());
        }
        let path = lock_path(folder);
        match File::open(&path) {
            Ok(file) => drop(try_lock(folder, file)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, &error)),
        }
        read_all(folder, max_frame_size).map(drop)
    }

    /// Stores an approval. When this returns, it is on disk. Returns whether it is new.
    pub(super) fn put(
        &mut self,
        session: &SessionId,
        announcement: &[u8],
    ) -> Result<bool, StoreError> {
        self.make_again()?;
        let path = self.path(session, APPROVAL);
        if path.exists() {
            // The file may not be on disk yet: an earlier call may have failed at this very step.
            durable::sync_folder_of(&path).map_err(|error| failed(&self.folder, &error))?;
            return Ok(false);
        }
        write(&path, announcement)?;
        Ok(true)
    }

    /// Stores the signatures of a session in place of its approval, until the session has expired.
    /// Also removes what has expired by now.
    pub(super) fn sign(
        &mut self,
        session: &SessionId,
        announcement: &[u8],
        signatures: &[Signature],
    ) {
        if let Err(error) = self.try_sign(session, announcement, signatures) {
            // The approval stays: a restart resumes the session, and gets the signatures from other
            // signers if they have them.
            tracing::warn!(%session, %error, "cannot store the signatures of a session");
        }
    }

    fn is_signed(&self, approval: &Approval) -> bool {
        self.signed.contains(&(approval.expires_at, approval.session))
    }

    fn try_sign(
        &mut self,
        session: &SessionId,
        announcement: &[u8],
        signatures: &[Signature],
    ) -> Result<(), StoreError> {
        self.make_again()?;
        let path = self.path(session, SIGNED);
        let expires_at = decoded(announcement, self.max_frame_size)
            .map_err(|offence| failed(&path, &io::Error::other(offence)))?
            .content
            .manifest
            .expires_at();
        if self.signed.contains(&(expires_at, *session)) {
            return Ok(());
        }
        let count = u16::try_from(signatures.len())
            .map_err(|error| failed(&path, &io::Error::other(error)))?;
        let mut bytes = count.to_be_bytes().to_vec();
        signatures.iter().for_each(|signature| bytes.extend_from_slice(&signature.to_bytes()));
        bytes.extend_from_slice(announcement);
        write(&path, &bytes)?;
        self.signed.insert((expires_at, *session));
        delete(&self.path(session, APPROVAL));
        while let Some((expires_at, session)) = self.signed.first().copied()
            && now() >= expires_at.saturating_add(LAGGARDS)
        {
            self.signed.remove(&(expires_at, session));
            delete(&self.path(&session, SIGNED));
        }
        Ok(())
    }

    /// Takes an approval back. When this returns, it is gone from the disk.
    pub(super) fn remove(&self, session: &SessionId) -> Result<(), StoreError> {
        let path = self.path(session, APPROVAL);
        durable::remove(&path).map_err(|error| failed(&path, &error))
    }

    /// Deletes the approval of a session that has ended without signatures, or has expired.
    pub(super) fn ended(&self, session: &SessionId) {
        let path = self.path(session, APPROVAL);
        tell(&path, durable::remove(&path));
    }

    /// Deletes the signatures of a session that has expired.
    pub(super) fn expired(&mut self, session: &SessionId) {
        self.signed.retain(|(_, signed)| signed != session);
        delete(&self.path(session, SIGNED));
    }

    /// Creates the folder again if it was removed while this node runs, unless another node uses
    /// the folder that is there now.
    fn make_again(&mut self) -> Result<(), StoreError> {
        if !is_at(&self.lock, &lock_path(&self.folder)) {
            self.lock = make(&self.folder)?;
            tracing::warn!(folder = %self.folder.display(), "the store of approvals was removed: created it again");
        }
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, session: &SessionId, extension: &str) -> PathBuf {
        self.folder.join(session.to_string()).with_extension(extension)
    }
}

/// Writes a file: the checksum, then the content.
fn write(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let mut bytes = Sha256::digest(content).to_vec();
    bytes.extend_from_slice(content);
    durable::write(path, &bytes).map_err(|error| failed(path, &error))
}

/// Deletes a file. It may reappear if the machine crashes now; opening the store handles that.
fn delete(path: &Path) {
    tell(path, durable::remove_if_there(path).map(drop));
}

fn tell(path: &Path, deleted: io::Result<()>) {
    if let Err(error) = deleted {
        tracing::warn!(%error, path = %path.display(), "cannot delete an ended session from the store of approvals");
    }
}

/// Returns whether the folder is there. If it is not, its parent folder must be: a missing parent
/// may be a disk that is not mounted, and a new store in its place would ignore the approvals on
/// that disk.
fn is_there(folder: &Path) -> Result<bool, StoreError> {
    let refused = |problem| StoreError::NoFolder { path: folder.into(), problem };
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => return Ok(true),
        Ok(_) => return Err(refused("it is a file. Give the path of a folder".into())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        Err(error) => return Err(failed(folder, &error)),
    }
    let parent =
        folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match fs::metadata(parent) {
        Ok(metadata) if metadata.is_dir() => Ok(false),
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(failed(parent, &error))
        }
        _ => Err(refused(format!(
            "the folder {} does not exist. Create it, or give another path",
            parent.display()
        ))),
    }
}

/// Creates the folder if it is missing, and returns its lock.
fn make(folder: &Path) -> Result<File, StoreError> {
    is_there(folder)?;
    let mut builder = DirBuilder::new();
    // With this option, a folder that was created just now is not an error.
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| failed(folder, &error))?;
    lock(folder)
}

fn lock_path(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Returns whether the open file is still the one at this path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

/// Returns whether the file is there: on this system, an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Locks the folder. The lock lasts as long as the file is open; the system releases it however the
/// process ends.
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

/// Reads every approval in the folder, and lists the files that are not complete.
fn read_all(
    folder: &Path,
    max_frame_size: usize,
) -> Result<(Vec<Approval>, Vec<PathBuf>), StoreError> {
    let (mut approvals, mut unfinished) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.as_ref().map(DirEntry::path).map_err(|error| failed(folder, error))?;
        match path.extension().and_then(OsStr::to_str) {
            Some(APPROVAL | SIGNED) => approvals.push(read(&path, max_frame_size)?),
            Some(durable::UNFINISHED) => unfinished.push(path),
            _ => {}
        }
    }
    Ok((approvals, unfinished))
}

fn read(path: &Path, max_frame_size: usize) -> Result<Approval, StoreError> {
    let damaged = |reason: &str| StoreError::Damaged { path: path.into(), reason: reason.into() };
    let is_signed = path.extension() == Some(OsStr::new(SIGNED));
    let most = if is_signed { MAX_SIGNATURES } else { 0 };
    let size = fs::metadata(path).map_err(|error| failed(path, &error))?.len();
    if size > (max_frame_size + DIGEST + most) as u64 {
        return Err(damaged("it is larger than `max_frame_size` allows"));
    }
    let bytes = fs::read(path).map_err(|error| failed(path, &error))?;
    if bytes.is_empty() {
        return Err(damaged("it is empty"));
    }
    let too_early = || damaged("it is truncated");
    let (digest, content) = bytes.split_at_checked(DIGEST).ok_or_else(too_early)?;
    if digest != &Sha256::digest(content)[..] {
        return Err(damaged("its checksum does not match"));
    }
    let (signatures, announcement) = match is_signed {
        true => split_signatures(content).map(|(signatures, rest)| (Some(signatures), rest)),
        false => Some((None, content)),
    }
    .ok_or_else(too_early)?;
    let decoded = decoded(announcement, max_frame_size)
        .map_err(|offence| damaged(&format!("its announcement is not valid: {offence}")))?;
    let manifest = &decoded.content.manifest;
    let (session, created_at, expires_at) =
        (manifest.id(), manifest.created_at(), manifest.expires_at());
    if path.file_stem() != Some(OsStr::new(&session.to_string())) {
        return Err(damaged(&format!(
            "it belongs to session {session}, but its name does not say so"
        )));
    }
    Ok(Approval {
        session,
        created_at,
        expires_at,
        announcement: announcement.to_vec(),
        signatures,
    })
}

fn split_signatures(content: &[u8]) -> Option<(Vec<Signature>, &[u8])> {
    let (count, rest) = content.split_first_chunk()?;
    let (signatures, announcement) =
        rest.split_at_checked(64 * usize::from(u16::from_be_bytes(*count)))?;
    let signatures = signatures.chunks_exact(64).map(|bytes| bytes.try_into().map(Signature::new));
    Some((signatures.collect::<Result<_, _>>().ok()?, announcement))
}

/// Returns the session that an announcement belongs to.
pub(super) fn session_of(
    announcement: &[u8],
    max_frame_size: usize,
) -> Result<SessionId, DecodeError> {
    Ok(decoded(announcement, max_frame_size)?.content.manifest.id())
}

fn decoded(announcement: &[u8], max_frame_size: usize) -> Result<Announcement, DecodeError> {
    decode_message(announcement, max_frame_size)
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Io { path: path.into(), reason: error.to_string() }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{Uid, geteuid};
    use std::os::unix::fs::{PermissionsExt, chown};

    #[test]
    fn an_approval_counts_as_stored_only_when_its_folder_is_on_disk() {
        const NOBODY: u32 = 65_534;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("approvals");
        let mut store = Store::open(&path, 1 << 20).unwrap().0;
        let allow = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let is_root = geteuid().is_root();
        if is_root {
            allow(0o777);
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            chown(&path, Some(NOBODY), None).unwrap();
        }
        let session = SessionId::new([1; 32]);
        let test = std::thread::spawn({
            let path = path.clone();
            move || {
                if is_root {
                    // This applies only to this thread. The superuser can read anything, so the
                    // test must be another user.
                    rustix::thread::set_thread_uid(Uid::from_raw(NOBODY)).unwrap();
                }
                let allow =
                    |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                // Files can be created in the folder, but the folder cannot be opened.
                allow(0o300);
                let put = [(); 2].map(|()| store.put(&session, b"announcement"));
                allow(0o700);
                (put, store.put(&session, b"announcement"))
            }
        });
        let (refused, stored) = test.join().unwrap();
        assert!(refused.iter().all(Result::is_err), "{refused:?}");
        assert_eq!(stored, Ok(true));
    }
}
