//! Files that survive a crash: complete, or not there at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// The extension of a file that is not complete yet.
pub(super) const UNFINISHED: &str = "new";

/// Writes a file that only its owner can read, replacing what was there. When this returns, the
/// file is on disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_added_extension(UNFINISHED);
    remove_if_there(&unfinished)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, path));
    if let Err(error) = written {
        // The unfinished file may take up the last free space. If it cannot be deleted, the next
        // start removes it.
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    sync_folder_of(path).inspect_err(|_| {
        // Delete it: a later reader would assume that it is on disk.
        let _ = fs::remove_file(path);
    })
}

/// Checks that a file could be written in a folder, or in one created there. Leaves nothing behind.
pub(super) fn check_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let there =
        folder.ancestors().find(|ancestor| ancestor.as_os_str().is_empty() || ancestor.exists());
    let there = there.filter(|ancestor| !ancestor.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe =
        there.join(format!(".musig2-check-{}", std::process::id())).with_extension(UNFINISHED);
    OpenOptions::new().write(true).create_new(true).open(&probe)?;
    fs::remove_file(&probe)
}

/// Deletes a file. When this returns, it is gone from the disk.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    if remove_if_there(path)? {
        sync_folder_of(path)?;
    }
    Ok(())
}

/// Deletes a file, which may reappear if the machine crashes now. Returns whether it was there.
pub(super) fn remove_if_there(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        removed => Ok(removed.is_ok()),
    }
}

/// Flushes the folder of a file to disk. On systems without a way to do so, the system's own
/// guarantees must suffice.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if cfg!(unix) { File::open(folder.unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
}
