//! Which hellos have been heard: anyone can repeat one, and it says nothing more.

use crate::base::bytes::PublicKey;
use crate::base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Of how many signers the last is remembered. Beyond that the one said first is forgotten.
const MAX_SIGNERS: usize = 4096;

/// What time the last verified hello of each signer told.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Hellos {
    said: BTreeMap<PublicKey, Timestamp>,
    /// Follows from the above.
    by_time: BTreeSet<(Timestamp, PublicKey)>,
}

impl Hellos {
    /// Whether a hello that tells this time is the signer's last, or one before that.
    pub(crate) fn is_heard(&self, signer: &PublicKey, time: Timestamp) -> bool {
        self.said.get(signer).is_some_and(|last| time <= *last)
    }

    /// Remembers a verified one, and forgets those that told a time before `stale`: they are refused anyway.
    pub(crate) fn hear(&mut self, signer: PublicKey, time: Timestamp, stale: Timestamp) {
        if let Some(before) = self.said.insert(signer, time) {
            self.by_time.remove(&(before, signer));
        }
        self.by_time.insert((time, signer));
        while let Some((first, signer)) = self.by_time.first().copied()
            && (first < stale || self.said.len() > MAX_SIGNERS)
        {
            self.by_time.remove(&(first, signer));
            self.said.remove(&signer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signers_last_hello_is_remembered_while_it_could_be_taken() {
        let at = Timestamp::from_millis;
        let signer = |number: u16| {
            let mut key = [2; 33];
            key[1..3].copy_from_slice(&number.to_be_bytes());
            PublicKey::new(key)
        };
        let mut hellos = Hellos::default();
        for number in 0..4096 {
            hellos.hear(signer(number), at(if number == 7 { 10 } else { 20 }), at(0));
        }
        assert!(hellos.is_heard(&signer(7), at(10)) && hellos.is_heard(&signer(7), at(9)));
        assert!(!hellos.is_heard(&signer(7), at(11)));
        hellos.hear(signer(5000), at(20), at(0));
        assert!(!hellos.is_heard(&signer(7), at(10)) && hellos.is_heard(&signer(8), at(20)));
        hellos.hear(signer(8), at(30), at(21));
        assert!(hellos.is_heard(&signer(8), at(30)));
        assert_eq!((hellos.said.len(), hellos.by_time.len()), (1, 1));
    }
}
