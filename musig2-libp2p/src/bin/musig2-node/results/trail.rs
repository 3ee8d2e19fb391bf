//! The trail of a running daemon: what it keeps of its sessions, whatever the disk does meanwhile.

use super::folder::{Folder, Key, Kind};
use super::record::{Approval, Record, Status, now_ms};
use crate::config::ResultsSettings;
use crate::daemon::words::Standing;
use crate::labels::Labels;
use crate::result::Hex;
use musig2_libp2p::musig2_proto::{PublicKey, SessionId, SessionView};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often records that could not be written are tried again.
const RETRY: Duration = Duration::from_secs(2);
/// How long anybody waits for the disk. A record that takes longer is written later, and signing goes on.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many records wait for a disk that cannot be written. Beyond that the oldest are given up: first of what was declined, which strangers
/// can make, and last of what was signed.
const MAX_WAITING: usize = 1024;
/// How many declined sessions a second are recorded: strangers choose how many there are.
const MAX_DECLINED: u32 = 50;

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
    inner: Arc<Mutex<Inner>>,
    labels: Labels,
}

#[derive(Debug)]
struct Inner {
    settings: ResultsSettings,
    folder: Folder,
    /// What the folder holds. Missing until it could be listed.
    sets: Option<BTreeMap<Kind, BTreeSet<Key>>>,
    by_session: BTreeMap<[u8; 32], (Kind, u64)>,
    /// Signed before this daemon was started.
    earlier: BTreeSet<[u8; 32]>,
    waiting: BTreeMap<[u8; 32], Record>,
    problem: Option<String>,
    /// How many declined sessions were recorded in which second.
    declined: (u64, u32),
}

impl Trail {
    /// Opens a folder, which is made if it is missing. If that fails, it is told and tried again later.
    pub(crate) fn open(settings: &ResultsSettings, labels: Labels) -> Self {
        let mut inner = Inner {
            folder: Folder::new(&settings.folder),
            settings: settings.clone(),
            sets: None,
            by_session: BTreeMap::new(),
            earlier: BTreeSet::new(),
            waiting: BTreeMap::new(),
            problem: None,
            declined: (0, 0),
        };
        let listed = inner.list();
        inner.tell(listed);
        Self { inner: Arc::new(Mutex::new(inner)), labels }
    }

    /// Writes again what could not be written, until it is dropped.
    pub(crate) async fn tend(self) {
        loop {
            tokio::time::sleep(RETRY).await;
            self.blocking(|inner| {
                if !inner.waiting.is_empty() || inner.sets.is_none() {
                    let written = inner.write_waiting();
                    inner.tell(written);
                }
            })
            .await;
        }
    }

    /// This node takes part, by this word.
    pub(crate) async fn approved(&self, view: &SessionView, approval: Approval) {
        let record = Record::of(view, Some(approval), &self.labels);
        self.blocking(move |inner| inner.approve(record)).await;
    }

    /// A session has ended.
    pub(crate) async fn ended(&self, view: &SessionView) {
        let (view, labels) = (view.clone(), self.labels.clone());
        self.blocking(move |inner| {
            let session = view.id.to_bytes();
            if inner.is_signed(&session) {
                return;
            }
            match inner.find(&session).ok().flatten() {
                // Recorded already, and it brings nothing new.
                Some(before) if before.ended_at.is_some() && view.signatures.is_none() => {}
                Some(before) => inner.keep(before.followed_by(&view, &labels)),
                None => inner.keep_declined(Record::of(&view, None, &labels)),
            }
        })
        .await;
    }

    /// A session was not approved.
    pub(crate) async fn declined(&self, view: &SessionView, reason: String) {
        let record = Record::of(view, None, &self.labels);
        self.blocking(move |inner| inner.decline(record, reason)).await;
    }

    /// A session that had been approved, perhaps before the daemon was started, goes on, or does not because of a problem.
    pub(crate) async fn took_up(
        &self,
        session: SessionId,
        view: Option<SessionView>,
        problem: Option<String>,
    ) {
        let labels = self.labels.clone();
        self.blocking(move |inner| {
            let before = inner.find(&session.to_bytes()).ok().flatten();
            match (before, view, problem) {
                (Some(before), _, Some(problem)) if before.status == Status::Open => {
                    inner.keep(before.aborted(problem));
                }
                (None, Some(view), _) => inner.keep(Record::of(&view, Some(Approval::Earlier), &labels)),
                _ => {}
            }
        })
        .await;
    }

    /// Whether a session's signatures were recorded before the daemon was started.
    pub(crate) fn was_signed(&self, session: &SessionId) -> bool {
        self.lock().earlier.contains(session.as_bytes())
    }

    /// The record of a session.
    pub(crate) async fn find(&self, session: [u8; 32]) -> io::Result<Option<Record>> {
        self.blocking(move |inner| inner.find(&session)).await.unwrap_or(Ok(None))
    }

    /// The sessions whose names begin so; two at most.
    pub(crate) fn named(&self, start: &str) -> Vec<[u8; 32]> {
        let inner = self.lock();
        let begins = |session: &&[u8; 32]| Hex(**session).to_string().starts_with(start);
        inner.by_session.keys().chain(inner.waiting.keys()).filter(begins).take(2).copied().collect()
    }

    /// The newest records that are wanted.
    pub(crate) async fn select(&self, filter: Filter) -> Found {
        let keys = self.lock().keys(&filter);
        let inner = Arc::clone(&self.inner);
        let selected = tokio::task::spawn_blocking(move || {
            let mut found = Found::default();
            for session in keys {
                match lock(&inner).find(&session) {
                    Ok(Some(record)) if filter.allows(&record) => {
                        if found.records.len() == filter.limit {
                            found.more = true;
                            break;
                        }
                        found.records.push(record);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "left out of the results");
                        found.damaged += 1;
                    }
                }
            }
            found
        });
        selected.await.unwrap_or_default()
    }

    /// How it is.
    pub(crate) fn standing(&self) -> Standing {
        let inner = self.lock();
        let count = |kind| inner.sets.as_ref().and_then(|sets| sets.get(&kind)).map_or(0, BTreeSet::len);
        Standing {
            signed: count(Kind::Signed),
            unsigned: count(Kind::Unsigned),
            declined: count(Kind::Declined),
            waiting: inner.waiting.len(),
            problem: inner.problem.clone(),
        }
    }

    /// Waits for the disk without holding up the runtime, and not for ever.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> T + Send + 'static,
    ) -> Option<T> {
        let inner = Arc::clone(&self.inner);
        let worked = tokio::task::spawn_blocking(move || work(&mut lock(&inner)));
        match tokio::time::timeout(PATIENCE, worked).await {
            Ok(worked) => worked.ok(),
            Err(_) => {
                tracing::warn!("the results are not written within {} seconds: going on", PATIENCE.as_secs());
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
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

impl Inner {
    fn list(&mut self) -> io::Result<()> {
        if self.sets.is_some() {
            return Ok(());
        }
        let mut sets = BTreeMap::new();
        for kind in Kind::ALL {
            sets.insert(kind, self.folder.list(kind)?.into_iter().collect::<BTreeSet<_>>());
        }
        for kind in Kind::ALL {
            // The last one of a session stands; signatures stand whatever was recorded after them.
            for (millis, session) in sets.get(&kind).into_iter().flatten() {
                self.by_session.insert(*session, (kind, *millis));
            }
        }
        let signed = sets.get(&Kind::Signed).into_iter().flatten();
        self.earlier = signed.map(|(_, session)| *session).collect();
        self.sets = Some(sets);
        Kind::ALL.into_iter().for_each(|kind| self.evict(kind));
        Ok(())
    }

    fn is_signed(&self, session: &[u8; 32]) -> bool {
        let waits = self.waiting.get(session).is_some_and(|record| Kind::of(record) == Kind::Signed);
        waits || self.by_session.get(session).is_some_and(|(kind, _)| *kind == Kind::Signed)
    }

    fn has_ended(&self, session: &[u8; 32]) -> bool {
        self.is_signed(session) || matches!(self.find(session), Ok(Some(record)) if record.ended_at.is_some())
    }

    fn find(&self, session: &[u8; 32]) -> io::Result<Option<Record>> {
        if let Some(record) = self.waiting.get(session) {
            return Ok(Some(record.clone()));
        }
        let Some((kind, millis)) = self.by_session.get(session) else { return Ok(None) };
        self.folder.read(*kind, &(*millis, *session)).map(Some)
    }

    /// An answer may come after the session's end: that changes no record, as the signatures may be in it.
    fn approve(&mut self, record: Record) {
        if !self.has_ended(&record.terms.session.0) {
            self.keep(record);
        }
    }

    /// The same. What was approved before stays recorded as approved.
    fn decline(&mut self, record: Record, reason: String) {
        let session = record.terms.session.0;
        if self.has_ended(&session) {
            return;
        }
        match self.find(&session).ok().flatten() {
            Some(before) if before.approval.is_some() => self.keep(before.aborted(reason)),
            _ => self.keep_declined(record.declined(reason)),
        }
    }

    fn keep_declined(&mut self, record: Record) {
        let second = record.recorded_at_ms / 1000;
        if self.declined.0 != second {
            self.declined = (second, 0);
        }
        self.declined.1 += 1;
        if self.declined.1 <= MAX_DECLINED {
            self.keep(record);
        }
    }

    fn keep(&mut self, record: Record) {
        if self.waiting.len() == MAX_WAITING {
            let worth = |record: &Record| (Reverse(Kind::of(record)), record.recorded_at_ms);
            let least = self.waiting.iter().min_by_key(|(_, record)| worth(record));
            if let Some(session) = least.map(|(session, _)| *session) {
                self.waiting.remove(&session);
            }
        }
        self.waiting.insert(record.terms.session.0, record);
        let written = self.write_waiting();
        self.tell(written);
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        self.list()?;
        while let Some((session, record)) = self.waiting.first_key_value() {
            let (session, kind) = (*session, Kind::of(record));
            let key = (record.recorded_at_ms, session);
            self.folder.write(kind, &key, record)?;
            self.waiting.remove(&session);
            let sets = self.sets.get_or_insert_default();
            let former =
                self.by_session.insert(session, (kind, key.0)).filter(|former| *former != (kind, key.0));
            if let Some((kind, millis)) = former {
                let key = (millis, session);
                sets.entry(kind).or_default().remove(&key);
                self.folder.remove(kind, &key);
            }
            sets.entry(kind).or_default().insert(key);
            self.evict(kind);
        }
        Ok(())
    }

    /// The newest are kept, as many as there may be, if they are not too old.
    fn evict(&mut self, kind: Kind) {
        let ResultsSettings { max_signed, max_unsigned, max_age, .. } = &self.settings;
        let most = if kind == Kind::Signed { *max_signed } else { *max_unsigned };
        let age = u64::try_from(max_age.0.as_millis()).unwrap_or(u64::MAX);
        let oldest = now_ms().saturating_sub(age);
        let Some(set) = self.sets.as_mut().and_then(|sets| sets.get_mut(&kind)) else { return };
        while let Some(first) = set.first().copied() {
            if set.len() <= most && first.0 >= oldest {
                break;
            }
            set.remove(&first);
            self.folder.remove(kind, &first);
            if self.by_session.get(&first.1) == Some(&(kind, first.0)) {
                self.by_session.remove(&first.1);
            }
        }
    }

    /// Sessions of which a record is wanted, as far as it shows without reading, the newest first.
    fn keys(&self, filter: &Filter) -> Vec<[u8; 32]> {
        let waiting = self.waiting.values().map(|record| (record.recorded_at_ms, record.terms.session.0));
        let written = self.by_session.iter().map(|(session, (_, millis))| (*millis, *session));
        let written = written.filter(|(_, session)| !self.waiting.contains_key(session));
        let mut keys: Vec<_> =
            waiting.chain(written).filter(|(millis, _)| *millis >= filter.since_ms).collect();
        keys.sort_unstable();
        keys.into_iter().rev().map(|(_, session)| session).collect()
    }

    /// Once when it begins, and once when it is over.
    fn tell(&mut self, written: io::Result<()>) {
        let folder: &Path = self.folder.path();
        match (written, &self.problem) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => {
                tracing::info!(folder = %folder.display(), "the results can be written again");
                self.problem = None;
            }
            (Err(error), before) => {
                if before.is_none() {
                    tracing::error!(folder = %folder.display(), %error, "cannot write the results: signing goes on, and they are tried again");
                }
                self.problem = Some(error.to_string());
            }
        }
    }
}

/// Every change to it is complete before the lock is given up, or is made again.
fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OPEN: Status = Status::Open;

    fn record(session: u8, status: Status, signatures: &[&str]) -> Record {
        let approval = (status != Status::Declined).then(|| json!({"by": "person"}));
        let ended = (status != OPEN).then_some("2026-11-26T16:54:00.123Z");
        let hex = |byte: u8, count| format!("{byte:02x}").repeat(count);
        let record = json!({
            "session": hex(session, 32), "signers": [hex(2, 33)], "labels": [null], "coordinator": 0, "me": 0, "items": [],
            "memo": "", "created_at_ms": 1, "expires_at_ms": 2, "phase": "nonces", "attempt": 0, "joined": [], "nonces": [],
            "partial_signatures": [], "awaiting": [], "declined": [], "left_seconds": null, "released": true, "ending": null,
            "status": status, "approval": approval, "proposed_at": "", "approved_at": null, "ended_at": ended,
            "recorded_at_ms": now_ms(), "signatures": signatures,
        });
        serde_json::from_value(record).expect("it is as the type has it")
    }

    fn inner(folder: &Path) -> Inner {
        let settings = ResultsSettings { folder: folder.into(), ..ResultsSettings::default() };
        let trail = Trail::open(&settings, Labels::default());
        Arc::into_inner(trail.inner).expect("nobody else has it").into_inner().expect("nobody panicked")
    }

    #[test]
    fn an_answer_after_the_end_changes_no_record() {
        let folder = tempfile::tempdir().unwrap();
        let mut inner = inner(folder.path());
        let signed = record(1, Status::Signed, &[&"01".repeat(64)]);
        inner.keep(signed.clone());
        inner.approve(record(1, OPEN, &[]));
        inner.decline(record(1, OPEN, &[]), "too late".into());
        assert_eq!(inner.find(&[1; 32]).unwrap(), Some(signed));
    }

    #[test]
    fn what_was_approved_stays_recorded_as_approved_when_it_is_declined_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut inner = inner(folder.path());
        inner.approve(record(1, OPEN, &[]));
        inner.decline(record(1, Status::Declined, &[]), "not any more".into());
        let kept = inner.find(&[1; 32]).unwrap().unwrap();
        assert_eq!((kept.status, kept.approval), (Status::Aborted, Some(Approval::Person)));
    }

    #[test]
    fn declined_sessions_push_no_signed_ones_out_while_the_disk_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("no folder");
        std::fs::write(&file, "").unwrap();
        let mut inner = inner(&file);
        inner.keep(record(0, Status::Signed, &[&"01".repeat(64)]));
        let template = record(1, Status::Declined, &[]);
        for number in 0..u64::try_from(MAX_WAITING).unwrap() + 8 {
            let mut declined = template.clone();
            declined.terms.session.0[24..].copy_from_slice(&number.to_be_bytes());
            inner.keep(declined);
        }
        assert_eq!(inner.waiting.len(), MAX_WAITING);
        assert!(inner.is_signed(&[0; 32]));
    }
}
