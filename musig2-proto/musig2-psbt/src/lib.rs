#![doc = include_str!("../README.md")]
//! # Map of the source
//!
//! | folder | subject |
//! | --- | --- |
//! | `format/` | a PSBT's bytes: maps, versions 0 and 2, the fields of BIP373 |
//! | `descriptor/` | descriptors with `musig()` and wallet policies: keys, derivation, scripts |
//! | `wallet/` | a wallet's addresses, and which scripts are its own |
//! | `review/` | what transactions do, and what must not be signed |
//! | `signing/` | the items of sessions, whether a manifest agrees with them, and the signed PSBT |
//!
//! Each of these imports only from those above it.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod descriptor;
mod format;
mod review;
mod signing;
mod wallet;

pub use descriptor::{DescriptorError, JointKey, MAX_DESCRIPTOR_SIZE, Participant};
pub use format::{
    FramingError, MAX_INPUTS, MAX_OUTPUTS, MAX_PSBT_SIZE, MusigFieldError, MusigFields, MusigKey,
    Psbt, PsbtError, PsbtVersion,
};
pub use review::{
    Fee, InputOwner, InputState, MAX_TRANSACTIONS, Recipient, Refusal, Refused, Review,
    ReviewedInput, ReviewedOutput, Reviews, Spend, SpendPath, Unmet,
};
pub use signing::{CompletionError, Contribution, Disagreement, Group, Task};
pub use wallet::{DEFAULT_GAP, Place, Wallet, WalletAddress, WalletError, WalletFile};
