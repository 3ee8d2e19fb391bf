//! Where signers can be reached, from one session to the next.

use crate::bytes::PublicKey;
use crate::ids::Contact;
use crate::time::Timestamp;
use core::time::Duration;
use std::collections::BTreeMap;

/// How many signers met in sessions are remembered; beyond that the one longest unheard of is forgotten.
const MAX_MET: usize = 1024;

/// Contacts that the application told, and contacts that signers gave in joins of theirs.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct ContactBook {
    told: BTreeMap<PublicKey, Told>,
    met: BTreeMap<PublicKey, Met>,
    meetings: u64,
}

#[derive(Debug, Clone, Hash)]
struct Told {
    at: Timestamp,
    contact: Contact,
}

#[derive(Debug, Clone, Hash)]
struct Met {
    meeting: u64,
    /// When the session was created in which it gave the contact: a join does not say when it was made, and may have been held back ever since.
    since: Timestamp,
    /// Empty if it never gave one.
    contact: Contact,
}

impl ContactBook {
    /// The application knows better than what was met before; as many as it likes.
    pub(crate) fn tell(&mut self, now: Timestamp, signer: PublicKey, contact: Contact) {
        self.met.remove(&signer);
        self.told.insert(signer, Told { at: now, contact });
    }

    /// A signer joined a session that was created at this time, and said under its signature where it can be reached. That counts unless something
    /// newer is known, and unless it says nothing.
    pub(crate) fn meet(&mut self, created_at: Timestamp, signer: PublicKey, contact: &Contact) {
        self.meetings += 1;
        let is_told_since = self.told.get(&signer).is_some_and(|told| told.at > created_at);
        let met = self.met.entry(signer).or_insert_with(|| Met {
            meeting: 0,
            since: Timestamp::default(),
            contact: Contact::default(),
        });
        met.meeting = self.meetings;
        if !contact.is_empty() && !is_told_since && created_at >= met.since {
            (met.since, met.contact) = (created_at, contact.clone());
        }
        if self.met.len() > MAX_MET {
            let oldest = self.met.iter().min_by_key(|(_, met)| met.meeting).map(|(signer, _)| *signer);
            if let Some(oldest) = oldest {
                self.met.remove(&oldest);
            }
        }
    }

    /// What the signer said itself, else what the application knows; never an empty one.
    pub(crate) fn contact(&self, signer: &PublicKey) -> Option<&Contact> {
        let met = self.met.get(signer).map(|met| &met.contact);
        let told = self.told.get(signer).map(|told| &told.contact);
        met.into_iter().chain(told).find(|contact| !contact.is_empty())
    }

    /// Whether the application told of the signer, or it was met in a session, wherever it can be reached.
    pub(crate) fn knows(&self, signer: &PublicKey) -> bool {
        self.met.contains_key(signer) || self.told.contains_key(signer)
    }

    /// The caller's clock was set back: what is told from now on is newer than what was told before.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.told.values_mut().for_each(|told| told.at = told.at.saturating_sub(by));
        self.met.values_mut().for_each(|met| met.since = met.since.saturating_sub(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(number: u16) -> PublicKey {
        let mut key = [2; 33];
        // The later, the lesser: what is forgotten does not follow from the order of keys.
        key[1..3].copy_from_slice(&(u16::MAX - number).to_be_bytes());
        PublicKey::new(key)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + 1000 * seconds)
    }

    fn contact(number: u8) -> Contact {
        Contact::new(vec![number]).unwrap()
    }

    #[test]
    fn of_those_met_the_one_longest_unheard_of_is_forgotten() {
        let mut book = ContactBook::default();
        for number in 0..1024 {
            book.meet(at(0), signer(number), &Contact::default());
        }
        assert!((0..1024).all(|number| book.knows(&signer(number))));
        book.meet(at(0), signer(0), &Contact::default());
        book.meet(at(0), signer(1024), &Contact::default());
        assert!(!book.knows(&signer(1)));
        assert!([0, 2, 1024].iter().all(|&number| book.knows(&signer(number))));
    }

    #[test]
    fn what_is_newer_counts_and_what_says_nothing_does_not() {
        let mut book = ContactBook::default();
        let of = |book: &ContactBook| book.contact(&signer(0)).cloned();
        assert_eq!(of(&book), None);
        book.meet(at(5), signer(0), &contact(1));
        assert_eq!(of(&book), Some(contact(1)));
        book.meet(at(4), signer(0), &contact(2));
        book.meet(at(6), signer(0), &Contact::default());
        assert_eq!(of(&book), Some(contact(1)));
        book.tell(at(7), signer(0), contact(3));
        book.meet(at(6), signer(0), &contact(4));
        assert_eq!(of(&book), Some(contact(3)));
        book.meet(at(8), signer(0), &Contact::default());
        assert_eq!(of(&book), Some(contact(3)));
        book.meet(at(8), signer(0), &contact(5));
        assert_eq!(of(&book), Some(contact(5)));
    }

    #[test]
    fn what_was_told_before_the_clock_was_set_back_is_older_than_what_is_met_since() {
        let mut book = ContactBook::default();
        book.tell(at(500), signer(0), contact(1));
        book.meet(at(510), signer(1), &contact(1));
        book.set_back(Duration::from_secs(500));
        for number in 0..2 {
            book.meet(at(20), signer(number), &contact(2));
            assert_eq!(book.contact(&signer(number)), Some(&contact(2)));
        }
    }
}
