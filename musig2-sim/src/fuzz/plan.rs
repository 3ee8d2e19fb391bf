//! A whole simulation, from bytes.

use crate::oracle::Engine;
use crate::plan::{Plan, Profile};
use crate::trial::{self, Failure};

/// Runs the plan that the bytes are, to its end, with every check.
///
/// # Panics
/// Where something does not hold, with the rule that was broken.
pub fn plan<C: Engine>(data: &[u8]) {
    let Some((profile, seed)) = data.split_first() else { return };
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(seed).for_each(|(to, from)| *to = *from);
    let profile = Profile::ALL[usize::from(*profile) % Profile::ALL.len()];
    match trial::run::<C>(Plan::drawn(u64::from_le_bytes(bytes), profile)).verdict {
        Ok(()) | Err(Failure::Plan(_)) => {}
        Err(failure) => panic!("{}: {failure}", failure.name()),
    }
}
