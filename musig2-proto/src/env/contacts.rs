//! Where signers can be reached, remembered from one session to the next.

use crate::api::view::{ClockReading, SignerView};
use crate::base::bytes::PublicKey;
use crate::base::ids::Contact;
use crate::base::time::Timestamp;
use core::time::Duration;
use std::collections::BTreeMap;

/// How many signers met in sessions are remembered. Beyond that, the one met least recently is
/// forgotten.
const MAX_MET: usize = 1024;

/// How long the most informative reading of a signer's clock is kept. After that the next reading
/// replaces it, whatever it says.
const READING: Duration = Duration::from_secs(600);

/// Contacts that the application gave, and contacts that signers gave in their own joins.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct ContactBook {
    told: BTreeMap<PublicKey, Told>,
    met: BTreeMap<PublicKey, Met>,
    meetings: u64,
    /// What signers said last. There are entries only for signers that are known, so strangers take
    /// no memory here.
    heard: BTreeMap<PublicKey, Heard>,
}

#[derive(Debug, Clone, Hash)]
struct Told {
    at: Timestamp,
    contact: Contact,
}

#[derive(Debug, Clone, Hash)]
struct Met {
    meeting: u64,
    /// When the session was created in which the signer gave the contact. A join does not say when
    /// it was made and may have been held back, so its contact counts as only as old as its
    /// session.
    since: Timestamp,
    /// Empty if the signer never gave one.
    contact: Contact,
}

/// What a signer last said about itself and about the time, under its signature: in a hello, or by
/// proposing a session.
#[derive(Debug, Clone, Hash)]
struct Heard {
    /// When it gave the contact, by this node's clock.
    at: Timestamp,
    /// Empty if the signer never gave one.
    contact: Contact,
    clock: ClockReading,
}

impl ContactBook {
    /// Records a contact that the application gave. It replaces what was met before, because the
    /// application knows better, and there may be any number of such contacts. An empty contact
    /// only says that the signer is not a stranger.
    pub(crate) fn tell(&mut self, now: Timestamp, signer: PublicKey, contact: Contact) {
        if contact.is_empty() {
            self.told.entry(signer).or_insert(Told { at: Timestamp::default(), contact });
            return;
        }
        self.met.remove(&signer);
        self.told.insert(signer, Told { at: now, contact });
    }

    /// Records a contact and a time that a signer said for the first time. Nothing is sent to that
    /// contact because of this: it is only for the application to look at.
    pub(crate) fn hear(
        &mut self,
        signer: &PublicKey,
        contact: Option<&Contact>,
        clock: ClockReading,
    ) {
        if !self.knows(signer) {
            return;
        }
        let heard = self.heard.entry(*signer).or_insert_with(|| Heard {
            at: clock.arrived,
            contact: Contact::default(),
            clock,
        });
        if let Some(contact) = contact.filter(|contact| !contact.is_empty()) {
            (heard.at, heard.contact) = (clock.arrived, contact.clone());
        }
        if clock.says_more_than(&heard.clock)
            || clock.arrived > heard.clock.arrived.saturating_add(READING)
        {
            heard.clock = clock;
        }
    }

    /// Records that a signer joined a session created at this time, and where its signed join says
    /// it can be reached. That contact counts unless it is empty or something newer is known.
    pub(crate) fn meet(&mut self, created_at: Timestamp, signer: PublicKey, contact: &Contact) {
        self.meetings += 1;
        let is_told_since = self.told.get(&signer).is_some_and(|told| told.at > created_at);
        let met = self.met.entry(signer).or_insert_with(|| Met {
            meeting: 0,
            since: Timestamp::default(),
            contact: Contact::default(),
        });
        // Counts even if the contact is not taken: a signer met again is not the next to be
        // forgotten.
        met.meeting = self.meetings;
        if !contact.is_empty() && !is_told_since && created_at >= met.since {
            (met.since, met.contact) = (created_at, contact.clone());
        }
        if self.met.len() > MAX_MET {
            let oldest =
                self.met.iter().min_by_key(|(_, met)| met.meeting).map(|(signer, _)| *signer);
            if let Some(oldest) = oldest {
                self.met.remove(&oldest);
                if !self.knows(&oldest) {
                    self.heard.remove(&oldest);
                }
            }
        }
    }

    /// Returns the contact that the signer itself gave, otherwise the one that the application
    /// gave. Never returns an empty one.
    pub(crate) fn contact(&self, signer: &PublicKey) -> Option<&Contact> {
        let met = self.met.get(signer).map(|met| &met.contact);
        let told = self.told.get(signer).map(|told| &told.contact);
        met.into_iter().chain(told).find(|contact| !contact.is_empty())
    }

    /// Returns whether the application named the signer, or it was met in a session, even if nobody
    /// knows where it can be reached.
    pub(crate) fn knows(&self, signer: &PublicKey) -> bool {
        self.met.contains_key(signer) || self.told.contains_key(signer)
    }

    /// Returns what is known of a signer, unless it is a stranger.
    pub(crate) fn signer(&self, signer: &PublicKey) -> Option<SignerView> {
        if !self.knows(signer) {
            return None;
        }
        let met = self.met.get(signer).map(|met| (met.since, &met.contact));
        let told = self.told.get(signer).map(|told| (told.at, &told.contact));
        let heard = self.heard.get(signer);
        let said = heard.map(|heard| (heard.at, &heard.contact));
        let newest =
            [told, met, said].into_iter().flatten().filter(|(_, contact)| !contact.is_empty());
        Some(SignerView {
            signer: *signer,
            contact: newest.max_by_key(|(at, _)| *at).map(|(_, contact)| contact.clone()),
            clock: heard.map(|heard| heard.clock),
        })
    }

    /// Iterates over all known signers.
    pub(crate) fn signers(&self) -> impl Iterator<Item = &PublicKey> {
        self.told.keys().chain(self.met.keys().filter(|signer| !self.told.contains_key(signer)))
    }

    /// Adjusts to a caller's clock that was set back, so that what is said from now on counts as
    /// newer than what was said before.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.told.values_mut().for_each(|told| told.at = told.at.saturating_sub(by));
        self.met.values_mut().for_each(|met| met.since = met.since.saturating_sub(by));
        for heard in self.heard.values_mut() {
            heard.at = heard.at.saturating_sub(by);
            heard.clock.arrived = heard.clock.arrived.saturating_sub(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(number: u16) -> PublicKey {
        let mut key = [2; 33];
        // Later signers have lesser keys, so that which one is forgotten does not follow from the
        // order of keys.
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
    fn the_signer_heard_of_longest_ago_is_forgotten_first() {
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
    fn a_newer_contact_counts_and_an_empty_one_does_not() {
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
    fn a_contact_from_before_a_clock_was_set_back_counts_as_older() {
        let mut book = ContactBook::default();
        book.tell(at(500), signer(0), contact(1));
        book.meet(at(510), signer(1), &contact(1));
        book.set_back(Duration::from_secs(500));
        for number in 0..2 {
            book.meet(at(20), signer(number), &contact(2));
            assert_eq!(book.contact(&signer(number)), Some(&contact(2)));
        }
    }

    fn reading(said: u64, arrived: u64) -> ClockReading {
        ClockReading { said: at(said), arrived: at(arrived) }
    }

    #[test]
    fn a_signer_neither_named_nor_met_takes_no_room() {
        let mut book = ContactBook::default();
        book.hear(&signer(0), Some(&contact(1)), reading(0, 0));
        assert!(book.heard.is_empty() && book.signer(&signer(0)).is_none());
        for number in 0..1024 {
            book.meet(at(0), signer(number), &Contact::default());
            book.hear(&signer(number), Some(&contact(1)), reading(0, 0));
        }
        book.meet(at(0), signer(1024), &Contact::default());
        assert_eq!((book.heard.len(), book.signers().count()), (1023, 1024));
    }

    #[test]
    fn a_signers_place_follows_from_its_latest_contact() {
        let mut book = ContactBook::default();
        let of = |book: &ContactBook| book.signer(&signer(0)).unwrap().contact;
        book.tell(at(1), signer(0), Contact::default());
        assert_eq!(of(&book), None);
        book.hear(&signer(0), Some(&contact(1)), reading(5, 5));
        assert_eq!((of(&book), book.contact(&signer(0))), (Some(contact(1)), None));
        book.meet(at(4), signer(0), &contact(2));
        assert_eq!((of(&book), book.contact(&signer(0))), (Some(contact(1)), Some(&contact(2))));
        book.meet(at(6), signer(0), &contact(3));
        book.hear(&signer(0), None, reading(7, 7));
        book.tell(at(8), signer(0), Contact::default());
        assert_eq!(of(&book), Some(contact(3)), "what says nothing takes nothing away");
        book.tell(at(9), signer(0), contact(4));
        assert_eq!(of(&book), Some(contact(4)));
    }

    #[test]
    fn the_most_precise_clock_reading_of_ten_minutes_counts() {
        let mut book = ContactBook::default();
        book.tell(at(0), signer(0), Contact::default());
        let mut hear = |said, arrived| {
            book.hear(&signer(0), None, reading(said, arrived));
            let clock = book.signer(&signer(0)).unwrap().clock.unwrap();
            (clock.ahead().as_secs(), clock.behind().as_secs())
        };
        assert_eq!(hear(10, 15), (0, 5));
        assert_eq!(hear(20, 22), (0, 2), "the other one was longer on its way");
        assert_eq!(hear(30, 39), (0, 2));
        assert_eq!(hear(43, 40), (3, 0));
        assert_eq!(hear(640, 640), (3, 0));
        assert_eq!(hear(640, 641), (0, 1), "it was set right since");
    }
}
