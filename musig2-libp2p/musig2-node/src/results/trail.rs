//! The trail of a running daemon: what it keeps of its sessions, whatever the disk does meanwhile.
//!
//! Callers that report something never wait for the disk: a separate thread writes the reports in
//! order. Only callers that ask for what is on disk wait.

use super::folder::Folder;
use super::writer::{Index, Note, Writer};
use crate::config::ResultsSettings;
use crate::model::labels::Labels;
use crate::model::record::{Approval, Record, Status};
use crate::model::words::Standing;
use crate::text::hex::Hex;
use musig2_libp2p::musig2_proto::{PublicKey, SessionId, SessionView, Signature};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How long a caller waits for what is on disk.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many callers read at once. Others wait for their turn, or give up.
const MAX_READERS: usize = 4;

/// Selects records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Not older than this, in milliseconds since the Unix epoch.
    pub(crate) since_ms: u64,
    pub(crate) signer: Option<PublicKey>,
    pub(crate) status: Option<Status>,
    pub(crate) limit: usize,
}

/// The records found, newest first.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) records: Vec<Record>,
    /// Whether there are more than the limit.
    pub(crate) more: bool,
    /// How many records could not be read.
    pub(crate) damaged: usize,
}

/// A handle to the trail. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    told: Arc<Told>,
    readers: Arc<Semaphore>,
    folder: Arc<Folder>,
    labels: Labels,
}

/// The sending end of the writer's notes. When it is dropped, the writer finishes the notes it has,
/// and ends.
#[derive(Debug)]
struct Told(Arc<Shared>);

/// State that the trail and its writer share. The lock is held only for moments, never while the
/// disk is used.
#[derive(Debug, Default)]
pub(super) struct Shared {
    index: Mutex<Index>,
    changed: Condvar,
}

impl Trail {
    /// Opens a folder, creating it if it is missing. If that fails, the failure is reported, and
    /// tried again later.
    ///
    /// # Errors
    /// If the system provides no thread.
    pub(crate) fn open(settings: &ResultsSettings, labels: Labels) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let folder = Arc::new(Folder::new(&settings.folder));
        let mut writer = Writer::new(Arc::clone(&shared), Arc::clone(&folder), settings.clone());
        writer.list();
        std::thread::Builder::new().name("results".into()).spawn(move || writer.run())?;
        let readers = Arc::new(Semaphore::new(MAX_READERS));
        Ok(Self { told: Arc::new(Told(shared)), readers, folder, labels })
    }

    /// Records that this node takes part, and who approved it.
    pub(crate) fn approved(&self, view: &SessionView, approval: Approval) {
        self.tell(Note::Approved(Record::of(view, Some(approval), &self.labels)));
    }

    /// Records that a session has ended.
    pub(crate) fn ended(&self, view: &SessionView) {
        self.tell(Note::Ended(Record::of(view, None, &self.labels)));
    }

    /// Records that a session was signed, of which the node no longer has a view.
    pub(crate) fn signed(&self, session: &SessionId, signatures: &[Signature]) {
        let signatures = signatures.iter().map(|signature| Hex(signature.to_bytes())).collect();
        self.tell(Note::Signed(session.to_bytes(), signatures));
    }

    /// Records that a session was not approved.
    pub(crate) fn declined(&self, view: &SessionView, reason: String) {
        self.tell(Note::Declined(Record::of(view, None, &self.labels), reason));
    }

    /// Records that a session continues that was approved, perhaps before the daemon started.
    pub(crate) fn took_up(&self, view: &SessionView) {
        self.tell(Note::TookUp(Record::of(view, Some(Approval::Earlier), &self.labels)));
    }

    /// Records why a session does not continue that was approved, perhaps before the daemon
    /// started.
    pub(crate) fn gave_up(&self, session: &SessionId, problem: String) {
        self.tell(Note::GaveUp(session.to_bytes(), problem));
    }

    /// Returns whether a session's signatures were recorded before the daemon started.
    pub(crate) fn was_signed(&self, session: &SessionId) -> bool {
        self.lock().earlier.contains(session.as_bytes())
    }

    /// Waits until everything reported so far is on disk, or cannot be written now. Returns `false`
    /// if that takes too long.
    pub(crate) async fn settled(&self) -> bool {
        let (done, settled) = oneshot::channel();
        self.tell(Note::Settle(done));
        tokio::time::timeout(PATIENCE, settled).await.is_ok()
    }

    /// Returns the record of a session.
    pub(crate) async fn find(&self, session: [u8; 32]) -> io::Result<Option<Record>> {
        let Some(place) = self.lock().place(&session) else { return Ok(None) };
        self.read(move |folder| place.read(folder)).await?.map(Some)
    }

    /// Returns the sessions whose ids begin with `start`: at most two.
    pub(crate) fn named(&self, start: &str) -> Vec<[u8; 32]> {
        let begins = |session: &[u8; 32]| Hex(*session).to_string().starts_with(start);
        self.lock().sessions().filter(begins).take(2).collect()
    }

    /// Returns the newest records that match.
    ///
    /// # Errors
    /// If the disk does not respond.
    pub(crate) async fn select(&self, filter: Filter) -> io::Result<Found> {
        let places = self.lock().since(filter.since_ms);
        let select = move |folder: &Folder| {
            let mut found = Found::default();
            for place in places {
                match place.read(folder) {
                    Ok(record) if filter.allows(&record) => {
                        if found.records.len() == filter.limit {
                            found.more = true;
                            break;
                        }
                        found.records.push(record);
                    }
                    // The record was replaced, or has become too old, since the places were looked
                    // up.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "omitted an unreadable record from the results");
                        found.damaged += 1;
                    }
                }
            }
            found
        };
        self.read(select).await
    }

    /// Returns how the trail is doing.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().standing(&self.folder)
    }

    fn tell(&self, note: Note) {
        self.lock().tell(note, &self.folder);
        self.told.0.changed.notify_all();
    }

    /// Waits for the disk without blocking the runtime, for a bounded time.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> T + Send + 'static,
    ) -> io::Result<T> {
        let (readers, folder) = (Arc::clone(&self.readers), Arc::clone(&self.folder));
        let read = async {
            // The semaphore is never closed.
            let reader = readers.acquire_owned().await.map_err(io::Error::other)?;
            let read = move || {
                let _reader = reader;
                work(&folder)
            };
            tokio::task::spawn_blocking(read).await.map_err(io::Error::other)
        };
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(read) => read,
            Err(_) => Err(io::Error::other(format!(
                "the disk with {} did not respond within {} seconds",
                self.folder.path().display(),
                PATIENCE.as_secs()
            ))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.told.0.lock()
    }
}

impl Shared {
    /// Locks the index, even after a panic: every change to it is complete before the lock is
    /// released, or is made again.
    pub(super) fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases the lock until something has changed, or for at most this long.
    pub(super) fn wait<'a>(
        &self,
        index: MutexGuard<'a, Index>,
        at_most: Option<Duration>,
    ) -> MutexGuard<'a, Index> {
        match at_most {
            Some(pause) => {
                self.changed.wait_timeout(index, pause).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.changed.wait(index).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.lock().close();
        self.0.changed.notify_all();
    }
}

impl Filter {
    fn allows(&self, record: &Record) -> bool {
        let has_signer =
            |key: &PublicKey| record.terms.signers.iter().any(|signer| signer.0 == key.to_bytes());
        self.status.is_none_or(|status| status == record.status)
            && self.signer.as_ref().is_none_or(has_signer)
    }
}
