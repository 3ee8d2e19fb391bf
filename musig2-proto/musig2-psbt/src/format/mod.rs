//! PSBTs as bytes: what is read, and what is written back.
//!
//! | file | subject |
//! | --- | --- |
//! | `raw.rs` | maps of keys and values (BIP174) |
//! | `fields.rs` | [`MusigFields`]: the fields of BIP373 |
//! | `version2.rs` | the transaction that version 2 describes (BIP370) |
//! | `psbt.rs` | [`Psbt`] |
//! | `error.rs` | [`PsbtError`] |

mod error;
mod fields;
mod psbt;
mod raw;
mod version2;

pub use error::PsbtError;
pub use fields::{MusigFieldError, MusigFields, MusigKey};
pub use psbt::{MAX_INPUTS, MAX_OUTPUTS, Psbt, PsbtVersion};
pub(crate) use raw::Map;
pub use raw::{FramingError, MAX_PSBT_SIZE};
