//! What an application stores on disk, where it may survive a crash.

use crate::plan::Disk;
use crate::time::Micros;
use musig2_proto::{Contact, PublicKey, SessionId};
use std::collections::{BTreeMap, BTreeSet};

/// What one node's application keeps of its sessions. The core gives out announcements to be
/// stored, for [`Command::ResumeSession`](musig2_proto::Command::ResumeSession); the application
/// adds its own approvals and contacts. Sessions that are over are deleted. The plan's `step_limit`
/// bounds it: each entry was a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Storage {
    /// A journal, so that an earlier state is a prefix of it.
    journal: Vec<(Micros, Entry)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Contact(PublicKey, Contact),
    Approved(SessionId),
    Announcement(SessionId, Vec<u8>),
    Over(SessionId),
}

impl Storage {
    /// Returns the contacts of other signers.
    pub fn contacts(&self) -> BTreeMap<PublicKey, &Contact> {
        let contacts = self.journal.iter().filter_map(|(_, entry)| match entry {
            Entry::Contact(signer, contact) => Some((*signer, contact)),
            _ => None,
        });
        contacts.collect()
    }

    /// Returns the sessions that were approved and are not over.
    pub fn approved(&self) -> BTreeSet<SessionId> {
        let mut approved = BTreeSet::new();
        for (_, entry) in &self.journal {
            match entry {
                Entry::Approved(session) => _ = approved.insert(*session),
                Entry::Over(session) => _ = approved.remove(session),
                _ => {}
            }
        }
        approved
    }

    /// Returns the announcements of sessions that are not over.
    pub fn announcements(&self) -> BTreeMap<SessionId, &[u8]> {
        let mut announcements = BTreeMap::new();
        for (_, entry) in &self.journal {
            match entry {
                Entry::Announcement(session, bytes) => {
                    _ = announcements.insert(*session, bytes.as_slice());
                }
                Entry::Over(session) => _ = announcements.remove(session),
                _ => {}
            }
        }
        announcements
    }

    pub(crate) fn meet(&mut self, now: Micros, signer: PublicKey, contact: Contact) {
        self.journal.push((now, Entry::Contact(signer, contact)));
    }

    pub(crate) fn approve(&mut self, now: Micros, session: SessionId) {
        self.journal.push((now, Entry::Approved(session)));
    }

    pub(crate) fn announce(&mut self, now: Micros, session: SessionId, bytes: Vec<u8>) {
        self.journal.push((now, Entry::Announcement(session, bytes)));
    }

    pub(crate) fn end(&mut self, now: Micros, session: SessionId) {
        self.journal.push((now, Entry::Over(session)));
    }

    /// Keeps only what this kind of crash leaves.
    pub(crate) fn crash(&mut self, now: Micros, disk: Disk) {
        match disk {
            Disk::Empty => self.journal.clear(),
            Disk::Kept => {}
            Disk::RolledBack(age) => {
                let kept = self.journal.partition_point(|(at, _)| now.saturating_sub(*at) >= age);
                self.journal.truncate(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u8) -> SessionId {
        SessionId::new([number; 32])
    }

    /// Stores, one a second: a session approved, the same session over, another approved, and a
    /// contact.
    fn stored() -> Storage {
        let mut storage = Storage::default();
        let [one, two, three, four] = [1, 2, 3, 4].map(Micros::from_secs);
        storage.approve(one, session(1));
        storage.announce(one, session(1), vec![1]);
        storage.end(two, session(1));
        storage.approve(three, session(2));
        storage.meet(four, PublicKey::new([2; 33]), Contact::default());
        storage
    }

    fn after(disk: Disk) -> Storage {
        let mut storage = stored();
        storage.crash(Micros::from_secs(5), disk);
        storage
    }

    #[test]
    fn an_ended_session_is_deleted_from_the_disk() {
        assert_eq!(stored().approved(), [session(2)].into());
        assert!(stored().announcements().is_empty());
        assert_eq!(stored().contacts().len(), 1);
    }

    #[test]
    fn a_crash_leaves_the_whole_disk_nothing_or_an_earlier_state() {
        assert_eq!(after(Disk::Kept), stored());
        assert_eq!(after(Disk::Empty), Storage::default());
        assert_eq!(after(Disk::RolledBack(Micros::from_secs(9))), Storage::default());
        let before = after(Disk::RolledBack(Micros::from_millis(3_500)));
        assert_eq!(before.approved(), [session(1)].into());
        assert_eq!(before.announcements(), [(session(1), [1].as_slice())].into());
        assert!(before.contacts().is_empty());
    }
}
