//! What the core must be told: the time, and randomness.

use getrandom::SysRng;
use musig2_proto::Timestamp;
use rand_core::{CryptoRng, UnwrapErr};
use std::time::{SystemTime, UNIX_EPOCH};

/// The operating system's entropy, and no other: whoever could choose a node's randomness could read its key from two signatures.
/// Where the system has none, it panics: there is no safe way on.
pub(crate) fn entropy() -> impl CryptoRng {
    UnwrapErr(SysRng)
}

/// The system's clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
