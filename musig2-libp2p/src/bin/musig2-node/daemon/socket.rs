//! A daemon's socket: a file that its owner alone can speak to.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("{}: a daemon is running there already: stop it, or give this one another `socket`", .0.display())]
    Live(PathBuf),
    #[error("{}: exists, and is no socket: give another `socket`, or move the file away", .0.display())]
    NoSocket(PathBuf),
    #[error(
        "{}: {problem}, so that others could put a socket of theirs in place of this daemon's. Choose a folder of yours for `socket` (mode 0700)",
        .folder.display()
    )]
    Folder { folder: PathBuf, problem: String },
    #[error("{}: cannot make the socket: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// A socket of mode 0600, removed when dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Who made it, and may speak to it (beside the superuser).
    owner: u32,
}

impl Socket {
    /// Makes it, in place of one that nobody answers on any more.
    pub(crate) fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |error| SocketError::Io { path: path.into(), error };
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(SocketError::NoSocket(path.into()));
            }
            Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path).map_err(failed)?;
                }
                Err(error) => return Err(failed(error)),
                Ok(_) => return Err(SocketError::Live(path.into())),
            },
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let owner = std::fs::symlink_metadata(path).map_err(failed)?.uid();
        let socket = Self { listener, path: path.into(), owner };
        socket.check_folder()?;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(failed)?;
        Ok(socket)
    }

    /// The next connection from its owner or the superuser, with the number of that user. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<(UnixStream, u32)> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            // The mode says the same; it was set a moment after the socket was made.
            let who = stream.peer_cred()?.uid();
            if who == self.owner || who == 0 {
                return Ok((stream, who));
            }
            tracing::warn!(user = who, "refused another user on the socket");
        }
    }

    /// Whoever can write to the folder can replace the socket, unless the folder is sticky as /tmp is.
    fn check_folder(&self) -> Result<(), SocketError> {
        let folder =
            self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let refused = |problem: String| SocketError::Folder { folder: folder.into(), problem };
        let metadata =
            folder.metadata().map_err(|error| refused(format!("cannot be looked at ({error})")))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.uid() != self.owner && metadata.uid() != 0 {
            return Err(refused(format!("belongs to another user ({})", metadata.uid())));
        }
        if mode & 0o022 != 0 && mode & 0o1000 == 0 {
            return Err(refused(format!("others can write to it (mode {mode:04o})")));
        }
        Ok(())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What is left behind is found stale at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}
