//! The thread that writes the records of a trail, and the index that callers read meanwhile.

use super::folder::{Folder, Key, Kind};
use super::trail::Shared;
use crate::config::ResultsSettings;
use crate::model::record::{Record, Status};
use crate::model::words::Standing;
use crate::text::hex::Hex;
use crate::text::time::now_ms;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long to wait before trying again to write records.
const RETRY: Duration = Duration::from_secs(2);
/// How long one write may take before the disk is reported as unresponsive.
const STALL: Duration = Duration::from_secs(5);
/// The most records that wait for a disk that cannot be written, and the most notes that wait for
/// one that does not respond. Beyond that the oldest are dropped: first those of declined sessions,
/// which strangers can cause, and last those of signed ones.
const MAX_WAITING: usize = 1024;
/// How many declined sessions are recorded in a second: strangers choose how many there are.
const MAX_DECLINED: u32 = 50;

/// A report to the trail.
#[derive(Debug)]
pub(super) enum Note {
    Approved(Record),
    Ended(Record),
    Signed([u8; 32], Vec<Hex<64>>),
    Declined(Record, String),
    TookUp(Record),
    GaveUp([u8; 32], String),
    /// Answered once everything before it has been done.
    Settle(oneshot::Sender<()>),
}

/// Which records there are, and where they are.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Notes that the writer has yet to handle.
    notes: VecDeque<Note>,
    /// When the writer began its current job.
    busy_since: Option<Instant>,
    /// The writer ends once it has handled every note.
    is_closed: bool,
    /// The records in the folder, by kind. `None` until the folder could be listed.
    sets: Option<BTreeMap<Kind, BTreeSet<Key>>>,
    by_session: BTreeMap<[u8; 32], (Kind, u64)>,
    /// Sessions that were signed before this daemon started.
    pub(super) earlier: BTreeSet<[u8; 32]>,
    /// Records that could not be written yet.
    waiting: BTreeMap<[u8; 32], Record>,
    problem: Option<String>,
}

/// Where a record is.
#[derive(Debug)]
pub(super) enum Place {
    Here(Box<Record>),
    InFile(Kind, Key),
}

/// The writer. Only it changes which records there are. It never holds the lock while it uses the
/// disk.
pub(super) struct Writer {
    shared: Arc<Shared>,
    folder: Arc<Folder>,
    settings: ResultsSettings,
    /// A second, and how many declined sessions were recorded in it.
    declined: (u64, u32),
}

impl Note {
    /// Ranks the note for when too many wait: those of the lowest kind are dropped first.
    fn worth(&self) -> Kind {
        match self {
            Self::Declined(..) => Kind::Declined,
            Self::Ended(record) if record.status != Status::Signed => Kind::Unsigned,
            Self::Approved(_) | Self::TookUp(_) | Self::GaveUp(..) => Kind::Unsigned,
            Self::Ended(_) | Self::Signed(..) | Self::Settle(_) => Kind::Signed,
        }
    }
}

impl Place {
    pub(super) fn read(self, folder: &Folder) -> io::Result<Record> {
        match self {
            Self::Here(record) => Ok(*record),
            Self::InFile(kind, key) => folder.read(kind, &key),
        }
    }
}

impl Index {
    pub(super) fn tell(&mut self, note: Note, folder: &Folder) {
        self.notice_stall(folder);
        if self.notes.len() >= MAX_WAITING {
            let least =
                self.notes.iter().enumerate().min_by_key(|(at, note)| (note.worth().rank(), *at));
            if let Some(at) = least.map(|(at, _)| at) {
                self.notes.remove(at);
            }
        }
        self.notes.push_back(note);
    }

    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) fn place(&self, session: &[u8; 32]) -> Option<Place> {
        if let Some(record) = self.waiting.get(session) {
            return Some(Place::Here(Box::new(record.clone())));
        }
        let (kind, millis) = self.by_session.get(session)?;
        Some(Place::InFile(*kind, (*millis, *session)))
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = [u8; 32]> {
        self.by_session.keys().chain(self.waiting.keys()).copied()
    }

    /// Returns the places of the records that are no older than this, newest first.
    pub(super) fn since(&self, millis: u64) -> Vec<Place> {
        let waiting =
            self.waiting.values().map(|record| (record.recorded_at_ms, record.terms.session.0));
        let written = self.by_session.iter().map(|(session, (_, millis))| (*millis, *session));
        let written = written.filter(|(_, session)| !self.waiting.contains_key(session));
        let mut keys: Vec<_> = waiting.chain(written).filter(|(at, _)| *at >= millis).collect();
        keys.sort_unstable();
        keys.into_iter().rev().filter_map(|(_, session)| self.place(&session)).collect()
    }

    pub(super) fn standing(&mut self, folder: &Folder) -> Standing {
        self.notice_stall(folder);
        let count =
            |kind| self.sets.as_ref().and_then(|sets| sets.get(&kind)).map_or(0, BTreeSet::len);
        Standing {
            signed: count(Kind::Signed),
            unsigned: count(Kind::Unsigned),
            declined: count(Kind::Declined),
            waiting: self.waiting.len() + self.notes.len(),
            problem: self.problem.clone(),
        }
    }

    /// Reports an unresponsive disk. Such a disk returns no error, so the next caller must notice
    /// that a write takes too long.
    fn notice_stall(&mut self, folder: &Folder) {
        if self.busy_since.is_some_and(|since| since.elapsed() >= STALL) {
            self.works(Err(io::Error::other("the disk does not respond")), folder);
        }
    }

    fn is_signed(&self, session: &[u8; 32]) -> bool {
        let waits =
            self.waiting.get(session).is_some_and(|record| Kind::of(record) == Kind::Signed);
        waits || self.by_session.get(session).is_some_and(|(kind, _)| *kind == Kind::Signed)
    }

    /// Logs whether the disk works: once when it stops working, and once when it works again.
    fn works(&mut self, written: io::Result<()>, folder: &Folder) {
        let folder = folder.path().display();
        match (written, &self.problem) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => {
                tracing::info!(%folder, "the results can be written again");
                self.problem = None;
            }
            (Err(error), before) => {
                if before.is_none() {
                    tracing::error!(%folder, %error, "cannot write the results, retrying: signing continues");
                }
                self.problem = Some(error.to_string());
            }
        }
    }
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, folder: Arc<Folder>, settings: ResultsSettings) -> Self {
        Self { shared, folder, settings, declined: (0, 0) }
    }

    /// Runs until nobody can report anything any more.
    pub(super) fn run(mut self) {
        while let Some(note) = self.next() {
            match note {
                Some(note) => self.take(note),
                None => self.write_waiting(),
            }
            self.shared.lock().busy_since = None;
        }
    }

    /// Waits for the next job: a note, or another try at what could not be written.
    fn next(&self) -> Option<Option<Note>> {
        let mut index = self.shared.lock();
        let mut has_waited = false;
        loop {
            let has_work = !index.waiting.is_empty() || index.sets.is_none();
            let note = index.notes.pop_front();
            if note.is_some() || (has_work && has_waited) {
                index.busy_since = Some(Instant::now());
                return Some(note);
            }
            if index.is_closed {
                return None;
            }
            let started = Instant::now();
            index = self.shared.wait(index, has_work.then_some(RETRY));
            has_waited = has_work && started.elapsed() >= RETRY;
        }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Approved(record) => self.approve(record),
            Note::Ended(record) => self.end(record),
            Note::Signed(session, signatures) => {
                if let Ok(Some(before)) = self.find(&session)
                    && before.status != Status::Signed
                {
                    self.keep(before.signed(signatures));
                }
            }
            Note::Declined(record, reason) => self.decline(record, reason),
            Note::TookUp(record) => {
                let before = self.find(&record.terms.session.0);
                if matches!(before, Ok(before) if before.as_ref().is_none_or(is_declined)) {
                    self.keep(record);
                }
            }
            Note::GaveUp(session, problem) => {
                if let Ok(Some(before)) = self.find(&session)
                    && before.status == Status::Open
                {
                    self.keep(before.aborted(problem));
                }
            }
            // Sending fails only if the caller has stopped waiting.
            Note::Settle(done) => drop(done.send(())),
        }
    }

    fn find(&self, session: &[u8; 32]) -> io::Result<Option<Record>> {
        let place = self.shared.lock().place(session);
        place.map(|place| place.read(&self.folder)).transpose()
    }

    fn has_ended(&self, session: &[u8; 32]) -> bool {
        self.shared.lock().is_signed(session)
            || matches!(self.find(session), Ok(Some(record)) if record.ended_at.is_some())
    }

    /// Records an approval. It may come after the session's end; then it must not change the
    /// record, which may hold the signatures. But a session that was declined before a restart may
    /// have been asked about again, and approved.
    fn approve(&mut self, record: Record) {
        let session = record.terms.session.0;
        let was_declined = matches!(self.find(&session), Ok(Some(before)) if is_declined(&before));
        if was_declined || !self.has_ended(&session) {
            self.keep(record);
        }
    }

    fn end(&mut self, record: Record) {
        let session = record.terms.session.0;
        if self.shared.lock().is_signed(&session) {
            return;
        }
        match self.find(&session).ok().flatten() {
            // The end is already recorded, and this one adds nothing.
            Some(before) if before.ended_at.is_some() && record.status != Status::Signed => {}
            Some(before) => self.keep(record.after(&before)),
            None => self.keep_declined(record),
        }
    }

    /// Records that a session was declined, unless its end is recorded, as with an approval. A
    /// session approved before stays recorded as approved.
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
        {
            let mut index = self.shared.lock();
            if index.waiting.len() == MAX_WAITING {
                let worth = |record: &Record| (Kind::of(record).rank(), record.recorded_at_ms);
                let least = index.waiting.iter().min_by_key(|(_, record)| worth(record));
                if let Some(session) = least.map(|(session, _)| *session) {
                    index.waiting.remove(&session);
                }
            }
            index.waiting.insert(record.terms.session.0, record);
        }
        self.write_waiting();
    }

    fn write_waiting(&mut self) {
        let written = self.try_list().and_then(|()| self.try_write_waiting());
        self.shared.lock().works(written, &self.folder);
    }

    fn try_write_waiting(&mut self) -> io::Result<()> {
        loop {
            let first =
                self.shared.lock().waiting.first_key_value().map(|(_, record)| record.clone());
            let Some(record) = first else { return Ok(()) };
            let (session, kind) = (record.terms.session.0, Kind::of(&record));
            let key = (record.recorded_at_ms, session);
            self.folder.write(kind, &key, &record)?;
            let former = {
                let mut index = self.shared.lock();
                index.waiting.remove(&session);
                let former = index.by_session.insert(session, (kind, key.0));
                let former = former.filter(|former| *former != (kind, key.0));
                let sets = index.sets.get_or_insert_default();
                if let Some((kind, millis)) = former {
                    sets.entry(kind).or_default().remove(&(millis, session));
                }
                sets.entry(kind).or_default().insert(key);
                former
            };
            if let Some((kind, millis)) = former {
                self.folder.remove(kind, &(millis, session));
            }
            self.evict(kind);
        }
    }

    /// Lists the folder, unless it has been listed.
    pub(super) fn list(&mut self) {
        let listed = self.try_list();
        self.shared.lock().works(listed, &self.folder);
    }

    fn try_list(&mut self) -> io::Result<()> {
        if self.shared.lock().sets.is_some() {
            return Ok(());
        }
        let mut sets = BTreeMap::new();
        for kind in Kind::ALL {
            sets.insert(kind, self.folder.list(kind)?.into_iter().collect::<BTreeSet<_>>());
        }
        {
            let mut index = self.shared.lock();
            for kind in Kind::ALL {
                // Of several records of a session, the last one counts; but signatures count
                // whatever was recorded after them.
                for (millis, session) in sets.get(&kind).into_iter().flatten() {
                    index.by_session.insert(*session, (kind, *millis));
                }
            }
            let signed = sets.get(&Kind::Signed).into_iter().flatten();
            index.earlier = signed.map(|(_, session)| *session).collect();
            index.sets = Some(sets);
        }
        Kind::ALL.into_iter().for_each(|kind| self.evict(kind));
        Ok(())
    }

    /// Deletes records beyond the most that are kept, oldest first, and those that are too old.
    fn evict(&self, kind: Kind) {
        let ResultsSettings { max_signed, max_unsigned, max_age, .. } = &self.settings;
        let most = if kind == Kind::Signed { *max_signed } else { *max_unsigned };
        let age = u64::try_from(max_age.0.as_millis()).unwrap_or(u64::MAX);
        let oldest = now_ms().saturating_sub(age);
        while let Some(first) = self.take_oldest(kind, most, oldest) {
            self.folder.remove(kind, &first);
        }
    }

    fn take_oldest(&self, kind: Kind, most: usize, oldest: u64) -> Option<Key> {
        let mut index = self.shared.lock();
        let set = index.sets.as_mut()?.get_mut(&kind)?;
        let first = set.first().copied().filter(|first| set.len() > most || first.0 < oldest)?;
        set.remove(&first);
        if index.by_session.get(&first.1) == Some(&(kind, first.0)) {
            index.by_session.remove(&first.1);
        }
        Some(first)
    }
}

fn is_declined(record: &Record) -> bool {
    record.status == Status::Declined
}

#[cfg(test)]
mod tests;
