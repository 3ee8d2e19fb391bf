//! Bitcoin transactions for MuSig2 sessions.
#![forbid(unsafe_code)]
mod descriptor;
mod fields;
mod psbt;
mod raw;
mod version2;
pub use descriptor::*;
pub use fields::*;
pub use psbt::*;
pub use raw::{FramingError,MAX_PSBT_SIZE};
