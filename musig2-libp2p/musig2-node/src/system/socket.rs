//! A daemon's socket: a file through which only its owner can talk to the daemon.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// How often the daemon checks that its file is still there.
const LOOK: Duration = Duration::from_secs(3);

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("{}: another daemon is using this socket: stop it, or give this one another `socket`", .0.display())]
    Live(PathBuf),
    #[error("{}: exists, but is not a socket: move it away, or give another `socket`", .0.display())]
    NoSocket(PathBuf),
    #[error("{}: cannot create the socket: the folder {} does not exist. Create it, or give another `socket`", .path.display(), .folder.display())]
    NoFolder { path: PathBuf, folder: PathBuf },
    #[error(
        "{}: {problem}, so others could replace this daemon's socket with their own. Put `socket` in a folder that only you can write to (mode 0700)",
        .folder.display()
    )]
    Folder { folder: PathBuf, problem: String },
    #[error("{}: cannot create the socket: {error}", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

/// A socket of mode 0600, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    bound: watch::Sender<Arc<Bound>>,
}

/// A listener, and the file that leads to it.
#[derive(Debug)]
struct Bound {
    listener: UnixListener,
    path: PathBuf,
    /// The device and inode numbers. No other file has both while the listener is open.
    file: (u64, u64),
    /// The user that made the socket and may talk to it (besides the superuser).
    owner: u32,
}

impl Socket {
    /// Makes the socket, replacing one on which nobody answers any more.
    pub(crate) fn bind(path: &Path) -> Result<Self, SocketError> {
        Ok(Self { bound: watch::Sender::new(Arc::new(Bound::new(path)?)) })
    }

    /// Accepts the next connection from the owner or the superuser, and returns that user's id.
    /// Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<(UnixStream, u32)> {
        let mut changes = self.bound.subscribe();
        loop {
            let bound = Arc::clone(&changes.borrow_and_update());
            let (stream, _) = tokio::select! {
                accepted = bound.listener.accept() => accepted?,
                // This cannot fail: the sender is in `self`.
                _ = changes.changed() => continue,
            };
            // The file's mode allows only the same users, but it was set a moment after the socket
            // was made.
            let who = stream.peer_cred()?.uid();
            if who == bound.owner || who == 0 {
                return Ok((stream, who));
            }
            tracing::warn!(user = who, "refused another user's connection to the socket");
        }
    }

    /// Makes the socket again whenever somebody has removed it, until this is dropped. Tells
    /// `problem` why it cannot, and `None` once the socket is there again.
    pub(crate) async fn stay(&self, problem: impl Fn(Option<String>)) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        loop {
            look.tick().await;
            let bound = Arc::clone(&self.bound.borrow());
            // On a blocking thread, because the disk may not respond.
            let made = tokio::task::spawn_blocking(move || bound.again());
            let socket = self.bound.borrow().path.display().to_string();
            match made.await {
                Ok(Ok(None)) => {
                    if told.take().is_some() {
                        problem(None);
                    }
                }
                Ok(Ok(Some(bound))) => {
                    tracing::warn!(socket, "the socket was removed: created it again");
                    self.bound.send_replace(Arc::new(bound));
                    told = None;
                    problem(None);
                }
                Ok(Err(error)) => {
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::warn!(
                            error,
                            "the socket was removed and cannot be created again, so no command can reach this daemon: retrying every few seconds"
                        );
                        problem(Some(format!("the socket cannot be made again: {error}")));
                        told = Some(error);
                    }
                }
                // Nothing in the task panics, and the runtime outlives this.
                Err(error) => {
                    tracing::debug!(%error, "cannot check whether the socket is still there");
                }
            }
        }
    }
}

impl Bound {
    fn new(path: &Path) -> Result<Self, SocketError> {
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
        let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                SocketError::NoFolder { path: path.into(), folder: folder_of(path).into() }
            }
            _ => failed(error),
        })?;
        let metadata = path.symlink_metadata().map_err(failed)?;
        let (file, owner) = (number(&metadata), metadata.uid());
        let bound = Self { listener, path: path.into(), file, owner };
        bound.check_folder()?;
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(failed)?;
        Ok(bound)
    }

    /// Makes another socket if the file is gone. Whatever has taken its place is left alone.
    fn again(&self) -> Result<Option<Self>, SocketError> {
        if self.is_there() { Ok(None) } else { Self::new(&self.path).map(Some) }
    }

    /// Returns whether the path still leads to this socket.
    fn is_there(&self) -> bool {
        self.path.symlink_metadata().is_ok_and(|metadata| number(&metadata) == self.file)
    }

    /// Checks the folder: whoever can write to it can replace the socket, unless the folder is
    /// sticky as /tmp is.
    fn check_folder(&self) -> Result<(), SocketError> {
        let folder = folder_of(&self.path);
        let refused = |problem: String| SocketError::Folder { folder: folder.into(), problem };
        let metadata =
            folder.metadata().map_err(|error| refused(format!("cannot be examined ({error})")))?;
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

impl Drop for Bound {
    fn drop(&mut self) {
        if self.is_there() {
            // If the file stays behind, the next start finds it stale.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn number(metadata: &std::fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
