//! Runs a whole simulation from bytes.

use crate::engine::Engine;
use crate::plan::Plan;
use crate::trial;

/// Runs [the plan that the bytes encode](Plan::from_bytes) to its end, with every check.
///
/// # Panics
/// If something does not hold. The message names the rule that was broken.
pub fn plan<C: Engine>(data: &[u8]) {
    if let Err(failure) = trial::run::<C>(Plan::from_bytes(data)).verdict {
        panic!("{}: {failure}", failure.name());
    }
}
