//! What the core needs from the system: the time, and randomness.

use getrandom::SysRng;
use musig2_proto::Timestamp;
use rand_core::{CryptoRng, UnwrapErr};
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the operating system's entropy, the only source that is used: an attacker who chooses a
/// node's randomness can compute its key from two signatures. Panics if the system has no entropy,
/// because there is no safe way to go on.
pub(crate) fn entropy() -> impl CryptoRng {
    UnwrapErr(SysRng)
}

/// The system's clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
