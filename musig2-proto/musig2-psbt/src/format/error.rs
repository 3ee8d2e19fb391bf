//! Why something is not a PSBT.

use super::fields::MusigFieldError;
use super::raw::FramingError;

/// Why something is not a PSBT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PsbtError {
    /// The bytes are not maps.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// The text is not base64.
    #[error("this is neither a binary PSBT nor base64 text")]
    Base64,
    /// The version is neither 0 nor 2.
    #[error("PSBT version {0}; versions 0 and 2 are known here")]
    Version(u32),
    /// A required field is not there.
    #[error("the PSBT lacks a field of type 0x{kind:02x} that BIP370 requires in an {of} map")]
    Missing {
        /// The type of the field.
        kind: u8,
        /// Of which map.
        of: &'static str,
    },
    /// A field's value is not what the BIP says.
    #[error("the field of type 0x{kind:02x} in an {of} map has an invalid value")]
    Malformed {
        /// The type of the field.
        kind: u8,
        /// Of which map.
        of: &'static str,
    },
    /// A field's key has data behind its type where there must be none.
    #[error("the field of type 0x{0:02x} has data in its key; it must have none")]
    KeyData(u8),
    /// The version does not allow the field.
    #[error("a PSBT of version {version} must not have the field of type 0x{kind:02x}")]
    Excluded {
        /// 0 or 2.
        version: u8,
        /// The type of the field.
        kind: u8,
    },
    /// Some inputs require a height as lock time, others a time.
    #[error("some inputs need a height as locktime and others a time: no transaction has both")]
    NoCommonLockTime,
    /// There are too many inputs or outputs.
    #[error("{got} {what}; at most {max} are allowed: split the transaction")]
    TooMany {
        /// How many there are.
        got: u64,
        /// The most that are allowed.
        max: usize,
        /// `inputs` or `outputs`.
        what: &'static str,
    },
    /// A field of BIP174 or BIP371 is not valid.
    #[error("the PSBT has an invalid field: {0}")]
    Field(String),
    /// A field of BIP373 is not valid.
    #[error(transparent)]
    Musig(#[from] MusigFieldError),
}
