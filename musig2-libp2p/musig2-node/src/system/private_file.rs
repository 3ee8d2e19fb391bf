//! Files with secrets, for their owner only.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// Writes a new file of mode 0600, completely or not at all, even if the process or the machine
/// ends meanwhile. When this returns, the file is on disk. An existing file is an error
/// (`AlreadyExists`), and stays unchanged.
pub(crate) fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    // The temporary file's name begins with a dot. It is removed if this fails.
    let unfinished = tempfile::Builder::new().suffix(".unfinished").tempfile_in(folder);
    let mut unfinished = unfinished.map_err(without_path)?;
    unfinished.as_file_mut().write_all(content)?;
    unfinished.as_file().sync_all()?;
    unfinished.persist_noclobber(path).map_err(|error| error.error)?;
    sync(folder)
}

/// Replaces a file with one that was written next to it, keeping the owner. When this returns, the
/// replacement is on disk.
pub(crate) fn replace(path: &Path, by: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        let (old, new) = (path.metadata()?, by.metadata()?);
        // The superuser may do this for another user, whose daemon must still be able to read the
        // file.
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            chown(by, Some(old.uid()), Some(old.gid()))?;
        }
    }
    std::fs::rename(by, path)?;
    sync(folder_of(path))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Flushes the folder to disk. On systems without a way to do so, the system's own guarantees must
/// suffice.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes the temporary file's name from an error: it means nothing to people.
fn without_path(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|wrapped| wrapped.source()?.downcast_ref::<io::Error>());
    match inner.and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    }
}

/// Reads a file of at most `max` bytes that nobody else can read or write.
pub(crate) fn read(path: &Path, max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    check_permissions(path, &file)?;
    // Allocate enough for all of it: a vector that grows leaves its old contents in memory.
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(max + 1).map_err(io::Error::other)?));
    if file.take(max + 1).read_to_end(&mut bytes)? as u64 > max {
        return Err(io::Error::other(format!("it has more than {max} bytes")));
    }
    Ok(bytes)
}

/// Checks that the file could be read in this way. Something that is not a regular file (a pipe,
/// for instance) is not opened: that could consume its data.
pub(crate) fn check(path: &Path) -> io::Result<()> {
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    if metadata.is_file() { check_permissions(path, &File::open(path)?) } else { Ok(()) }
}

/// Checks that a file that decides what is signed cannot be written by everybody. (A group may be
/// its owner's own, so it may write.)
#[cfg(unix)]
pub(crate) fn check_writers(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & 0o002 != 0 {
        let path = path.display();
        return Err(io::Error::other(format!(
            "anyone can write to this file (mode {mode:04o}), and it decides what is signed. Check what it says, then run `chmod o-w {path}`"
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn check_writers(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

/// Checks the file that was opened, not whatever may have taken its path meanwhile.
#[cfg(unix)]
fn check_permissions(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o7777;
    // A systemd credential is in a folder that only its service can enter, and may have mode 0440:
    // the group's 4 is the mask of an access list that names that service.
    let others = if is_credential(path) { 0o037 } else { 0o077 };
    if metadata.is_file() && mode & others != 0 {
        let path = path.display();
        return Err(io::Error::other(format!(
            "others can read or write this file (mode {mode:04o}). Run `chmod 600 {path}` if nobody else has read it; otherwise make a new one"
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_permissions(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn is_credential(path: &Path) -> bool {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
    folder.is_some_and(|folder| path.parent() == Some(Path::new(&folder)))
}
