//! The trail of a running daemon: what it keeps of its sessions, whatever the disk does meanwhile.
//!
//! Nobody who tells it something waits for the disk: a thread of its own writes, in the order in which it is told. Only who asks for what is on disk waits.

use super::folder::Folder;
use super::record::{Approval, Record, Status};
use super::writer::{Index, Note, Writer};
use crate::config::ResultsSettings;
use crate::daemon::words::Standing;
use crate::labels::Labels;
use crate::result::Hex;
use musig2_libp2p::musig2_proto::{PublicKey, SessionId, SessionView, Signature};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// How long anybody waits for the disk who asks for what is on it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many read at once. More wait for their turn, or give up.
const MAX_READERS: usize = 4;

/// Which records are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Not older than this, in milliseconds since the Unix epoch.
    pub(crate) since_ms: u64,
    pub(crate) signer: Option<PublicKey>,
    pub(crate) status: Option<Status>,
    pub(crate) limit: usize,
}

/// What was found, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) records: Vec<Record>,
    /// There are more than the limit.
    pub(crate) more: bool,
    /// How many could not be read.
    pub(crate) damaged: usize,
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    told: Arc<Told>,
    readers: Arc<Semaphore>,
    folder: Arc<Folder>,
    labels: Labels,
}

/// What the writer is told. Dropping it ends the writer, when it has done what it was told before.
#[derive(Debug)]
struct Told(Arc<Shared>);

/// What the trail and its writer share. It is locked for moments only, never while the disk is used.
#[derive(Debug, Default)]
pub(super) struct Shared {
    index: Mutex<Index>,
    changed: Condvar,
}

impl Trail {
    /// Opens a folder, which is made if it is missing. If that fails, it is told and tried again later.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn open(settings: &ResultsSettings, labels: Labels) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let folder = Arc::new(Folder::new(&settings.folder));
        let mut writer = Writer::new(Arc::clone(&shared), Arc::clone(&folder), settings.clone());
        writer.list();
        std::thread::Builder::new().name("results".into()).spawn(move || writer.run())?;
        let readers = Arc::new(Semaphore::new(MAX_READERS));
        Ok(Self { told: Arc::new(Told(shared)), readers, folder, labels })
    }

    /// This node takes part, by this word.
    pub(crate) fn approved(&self, view: &SessionView, approval: Approval) {
        self.tell(Note::Approved(Record::of(view, Some(approval), &self.labels)));
    }

    /// A session has ended.
    pub(crate) fn ended(&self, view: &SessionView) {
        self.tell(Note::Ended(Record::of(view, None, &self.labels)));
    }

    /// A session was signed, of which the node gives no view any more.
    pub(crate) fn signed(&self, session: &SessionId, signatures: &[Signature]) {
        let signatures = signatures.iter().map(|signature| Hex(signature.to_bytes())).collect();
        self.tell(Note::Signed(session.to_bytes(), signatures));
    }

    /// A session was not approved.
    pub(crate) fn declined(&self, view: &SessionView, reason: String) {
        self.tell(Note::Declined(Record::of(view, None, &self.labels), reason));
    }

    /// A session that had been approved, perhaps before the daemon was started, goes on.
    pub(crate) fn took_up(&self, view: &SessionView) {
        self.tell(Note::TookUp(Record::of(view, Some(Approval::Earlier), &self.labels)));
    }

    /// A session that had been approved, perhaps before the daemon was started, does not go on, because of this.
    pub(crate) fn gave_up(&self, session: &SessionId, problem: String) {
        self.tell(Note::GaveUp(session.to_bytes(), problem));
    }

    /// Whether a session's signatures were recorded before the daemon was started.
    pub(crate) fn was_signed(&self, session: &SessionId) -> bool {
        self.lock().earlier.contains(session.as_bytes())
    }

    /// Returns when everything that it was told is on disk, or cannot be written now. Says so if that takes too long.
    pub(crate) async fn settled(&self) -> bool {
        let (done, settled) = oneshot::channel();
        self.tell(Note::Settle(done));
        tokio::time::timeout(PATIENCE, settled).await.is_ok()
    }

    /// The record of a session.
    pub(crate) async fn find(&self, session: [u8; 32]) -> io::Result<Option<Record>> {
        let Some(place) = self.lock().place(&session) else { return Ok(None) };
        self.read(move |folder| place.read(folder)).await?.map(Some)
    }

    /// The sessions whose names begin so; two at most.
    pub(crate) fn named(&self, start: &str) -> Vec<[u8; 32]> {
        let begins = |session: &[u8; 32]| Hex(*session).to_string().starts_with(start);
        self.lock().sessions().filter(begins).take(2).collect()
    }

    /// The newest records that are wanted.
    ///
    /// # Errors
    /// If the disk does not answer.
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
                    // It has been replaced, or has become too old, since the places were looked up.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "left out of the results");
                        found.damaged += 1;
                    }
                }
            }
            found
        };
        self.read(select).await
    }

    /// How it is.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().standing(&self.folder)
    }

    fn tell(&self, note: Note) {
        self.lock().tell(note, &self.folder);
        self.told.0.changed.notify_all();
    }

    /// Waits for the disk without holding up the runtime, and not for ever.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> T + Send + 'static,
    ) -> io::Result<T> {
        let (readers, folder) = (Arc::clone(&self.readers), Arc::clone(&self.folder));
        let read = async {
            // Never closed.
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
                "the disk with {} does not answer within {} seconds",
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
    /// Every change to it is complete before the lock is given up, or is made again.
    pub(super) fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock up until something has changed, or for this long.
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
