//! Sets of signers.

use crate::base::bounded::Bytes;
use crate::base::ids::SignerIndex;
use crate::terms::manifest::MAX_SIGNERS;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A set of a session's signers, with one bit for each. The lowest bit of the first byte stands for
/// signer 0. No bit is set beyond the last signer.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Bitmap(Bytes<{ MAX_SIGNERS / 8 }>);

impl Bitmap {
    /// Makes a set of these signers, in a session of `count` signers.
    pub fn new(count: usize, members: impl IntoIterator<Item = SignerIndex>) -> Self {
        let mut bytes = vec![0_u8; count.min(MAX_SIGNERS).div_ceil(8)];
        for member in members {
            if let Some(byte) = bytes.get_mut(member.as_usize() / 8) {
                *byte |= 1 << (member.get() % 8);
            }
        }
        // Cannot be longer than the bound, because the count was cut to it.
        Self(Bytes::new(bytes).unwrap_or_else(|_| unreachable!("cut to the bound above")))
    }

    /// Returns the size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.as_slice().len()
    }

    /// Returns whether this signer is in the set.
    pub fn contains(&self, signer: SignerIndex) -> bool {
        self.0
            .as_slice()
            .get(signer.as_usize() / 8)
            .is_some_and(|byte| byte >> (signer.get() % 8) & 1 == 1)
    }

    /// Returns how many signers are in the set.
    pub fn count(&self) -> usize {
        self.0.as_slice().iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// Iterates over the members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = SignerIndex> + '_ {
        SignerIndex::all(self.0.as_slice().len() * 8).filter(|&signer| self.contains(signer))
    }

    /// Returns whether the size is right for a session of `count` signers, and no bit is set for a
    /// signer beyond them.
    pub(crate) fn fits(&self, count: usize) -> bool {
        self.0.as_slice().len() == count.div_ceil(8)
            && self.iter().all(|signer| signer.as_usize() < count)
    }
}

impl fmt::Debug for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(SignerIndex::get)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bitmap(count: usize, members: &[u16]) -> Bitmap {
        Bitmap::new(count, members.iter().map(|&member| SignerIndex::new(member)))
    }

    #[test]
    fn a_bitmap_holds_its_members_and_no_others() {
        let set = bitmap(20, &[0, 1, 9, 19]);
        assert_eq!(set.iter().map(SignerIndex::get).collect::<Vec<_>>(), [0, 1, 9, 19]);
        assert_eq!(set.count(), 4);
        assert!((0..100).all(
            |signer| set.contains(SignerIndex::new(signer)) == [0, 1, 9, 19].contains(&signer)
        ));
    }

    #[test]
    fn a_bitmap_fits_the_number_of_signers_that_it_was_made_for() {
        assert!(bitmap(10, &[0, 9]).fits(10));
        assert!(!bitmap(10, &[0, 9]).fits(9), "a bit for signer 9 of 9");
        assert!(!bitmap(10, &[]).fits(8) && !bitmap(10, &[]).fits(17), "another size");
        assert!(bitmap(16, &[8]).fits(9));
    }
}
