//! The thread that uses the store, so that an unresponsive disk delays nothing else.

use super::store::{Store, StoreError};
use musig2_proto::{SessionId, Signature};
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long the node waits for an approval to be stored; everything else waits meanwhile. Once the
/// disk is known not to respond, the node does not wait at all.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most jobs, besides approvals, that may be queued. Further jobs are not done: a caller that
/// waits for one gets an error, and otherwise it is logged. A restart may then resume a session
/// that others have ended.
const MAX_LEFT: usize = 4096;

const SILENT: &str = "the disk does not respond";

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// The store, in a thread of its own. When this is dropped, the thread finishes its jobs and ends.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    jobs: Arc<Jobs>,
    ended: oneshot::Receiver<()>,
}

#[derive(Debug, Default)]
struct Jobs {
    list: Mutex<List>,
    changed: Condvar,
}

#[derive(Default)]
struct List {
    /// Jobs that somebody waits for.
    urgent: VecDeque<Job>,
    rest: VecDeque<Job>,
    busy_since: Option<Instant>,
    is_closed: bool,
}

impl List {
    fn is_silent(&self) -> bool {
        self.busy_since.is_some_and(|since| since.elapsed() >= PATIENCE)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let List { urgent, rest, busy_since, is_closed } = self;
        let counts = (urgent.len(), rest.len(), busy_since, is_closed);
        f.debug_tuple("List").field(&counts).finish()
    }
}

impl Disk {
    /// Moves the store to a thread of its own.
    ///
    /// # Errors
    /// If the system provides no thread.
    pub(super) fn new(mut store: Store) -> Result<Self, StoreError> {
        let folder = store.folder().to_owned();
        let jobs = Arc::<Jobs>::default();
        let (done, ended) = oneshot::channel();
        let list = Arc::clone(&jobs);
        let thread = std::thread::Builder::new().name("approvals".into()).spawn(move || {
            while let Some(job) = list.next() {
                job(&mut store);
                list.lock().busy_since = None;
            }
            // Dropping the store releases its lock, which must happen before anybody hears that the
            // thread has ended.
            drop(store);
            drop(done);
        });
        thread
            .map_err(|error| StoreError::Io { path: folder.clone(), reason: error.to_string() })?;
        Ok(Self { folder, jobs, ended })
    }

    /// Stores an approval: see [`Store::put`]. If that takes too long, it is an error, and the
    /// approval is deleted again once it has been written after all.
    pub(super) fn put(
        &self,
        session: SessionId,
        announcement: Vec<u8>,
    ) -> impl Future<Output = Result<bool, StoreError>> + use<> {
        let (reply, answer) = oneshot::channel();
        let silent = StoreError::Io { path: self.folder.clone(), reason: SILENT.into() };
        let mut list = self.jobs.lock();
        let is_silent = list.is_silent();
        if !is_silent {
            list.urgent.push_back(Box::new(move |store| {
                let put = store.put(&session, &announcement);
                if let Err(Ok(true)) = reply.send(put) {
                    store.ended(&session);
                }
            }));
        }
        drop(list);
        self.jobs.changed.notify_all();
        async move {
            if is_silent {
                return Err(silent);
            }
            match timeout(PATIENCE, answer).await {
                Ok(Ok(put)) => put,
                _ => Err(silent),
            }
        }
    }

    /// Takes an approval back: see [`Store::remove`]. Only a caller that wants the outcome waits
    /// for it.
    pub(super) fn remove(
        &self,
        session: SessionId,
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let (reply, answer) = oneshot::channel();
        // Sending fails only if the caller has stopped waiting.
        self.later(move |store| drop(reply.send(store.remove(&session))));
        let silent = StoreError::Io { path: self.folder.clone(), reason: SILENT.into() };
        async move {
            match timeout(PATIENCE, answer).await {
                Ok(Ok(removed)) => removed,
                _ => Err(silent),
            }
        }
    }

    /// Stores signatures in place of an approval: see [`Store::sign`]. Signatures can be large, so
    /// they are not queued while the disk does not respond. The approval remains then.
    pub(super) fn sign(
        &self,
        session: SessionId,
        announcement: Vec<u8>,
        signatures: Vec<Signature>,
    ) {
        if self.jobs.lock().is_silent() {
            tracing::warn!(%session, error = SILENT, "cannot store the signatures of a session");
            return;
        }
        self.later(move |store| store.sign(&session, &announcement, &signatures));
    }

    /// Queues a job that nobody waits for.
    pub(super) fn later(&self, job: impl FnOnce(&mut Store) + Send + 'static) {
        let mut list = self.jobs.lock();
        if list.rest.len() < MAX_LEFT {
            list.rest.push_back(Box::new(job));
        } else {
            tracing::warn!(folder = %self.folder.display(), "the store of approvals is out of date: {MAX_LEFT} changes wait for its disk");
        }
        drop(list);
        self.jobs.changed.notify_all();
    }

    /// Returns when every job is done, so that another node can use the folder, or after a while.
    pub(super) async fn close(mut self) {
        self.jobs.close();
        if timeout(PATIENCE, &mut self.ended).await.is_err() {
            tracing::warn!(folder = %self.folder.display(), "the disk of the store of approvals does not respond: stopping without it");
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.jobs.close();
    }
}

impl Jobs {
    fn next(&self) -> Option<Job> {
        let mut list = self.lock();
        loop {
            if let Some(job) = list.urgent.pop_front().or_else(|| list.rest.pop_front()) {
                list.busy_since = Some(Instant::now());
                return Some(job);
            }
            if list.is_closed {
                return None;
            }
            list = self.changed.wait(list).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Locks the list, even after a panic: every change to it is complete before the lock is
    /// released.
    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
