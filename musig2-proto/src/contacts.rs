//! Where signers can be reached, from one session to the next.

use crate::bytes::PublicKey;
use crate::ids::Contact;
use std::collections::BTreeMap;

/// How many contacts met in sessions are remembered; beyond that the one longest unheard of is forgotten.
const MAX_MET: usize = 1024;

/// Contacts that the application told, and contacts that signers gave in joins of theirs.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct ContactBook {
    told: BTreeMap<PublicKey, Contact>,
    met: BTreeMap<PublicKey, (u64, Contact)>,
    meetings: u64,
}

impl ContactBook {
    /// The application knows better than what was met before; as many as it likes.
    pub(crate) fn tell(&mut self, signer: PublicKey, contact: Contact) {
        self.met.remove(&signer);
        self.told.insert(signer, contact);
    }

    /// A signer said so itself, under its signature.
    pub(crate) fn meet(&mut self, signer: PublicKey, contact: Contact) {
        self.meetings += 1;
        self.met.insert(signer, (self.meetings, contact));
        if self.met.len() > MAX_MET {
            let oldest = self.met.iter().min_by_key(|(_, (meeting, _))| *meeting).map(|(signer, _)| *signer);
            if let Some(oldest) = oldest {
                self.met.remove(&oldest);
            }
        }
    }

    /// What the signer said itself, else what the application knows.
    pub(crate) fn contact(&self, signer: &PublicKey) -> Option<&Contact> {
        self.met.get(signer).map(|(_, contact)| contact).or_else(|| self.told.get(signer))
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

    #[test]
    fn of_those_met_the_one_longest_unheard_of_is_forgotten() {
        let mut book = ContactBook::default();
        for number in 0..1024 {
            book.meet(signer(number), Contact::default());
        }
        assert!((0..1024).all(|number| book.contact(&signer(number)).is_some()));
        book.meet(signer(0), Contact::default());
        book.meet(signer(1024), Contact::default());
        assert!(book.contact(&signer(1)).is_none());
        assert!([0, 2, 1024].iter().all(|&number| book.contact(&signer(number)).is_some()));
    }
}
