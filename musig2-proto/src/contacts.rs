//! Where signers can be reached, from one session to the next.

use crate::bytes::PublicKey;
use crate::ids::Contact;
use std::collections::BTreeMap;

/// How many contacts met in sessions are remembered; beyond that the one longest unheard of is forgotten.
const MAX_MET: usize = 1024;

/// Contacts that the application told, and contacts that signers gave in joins of theirs.
#[derive(Debug, Clone, Default)]
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
