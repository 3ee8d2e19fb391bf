//! Which hellos have been heard. Anyone can repeat one, and a repeated one says nothing new.

use crate::base::bytes::PublicKey;
use crate::base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How many signers' last hellos are remembered. Beyond that, the one with the earliest time is
/// forgotten.
const MAX_SIGNERS: usize = 4096;

/// The time in the last verified hello of each signer.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Hellos {
    said: BTreeMap<PublicKey, Timestamp>,
    /// Follows from `said`.
    by_time: BTreeSet<(Timestamp, PublicKey)>,
}

impl Hellos {
    /// Whether a hello with this time is the signer's last one, or an earlier one.
    pub(crate) fn is_heard(&self, signer: &PublicKey, time: Timestamp) -> bool {
        self.said.get(signer).is_some_and(|last| time <= *last)
    }

    /// Remembers a verified hello, and forgets those with a time before `stale`: their time alone
    /// gets them refused.
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
