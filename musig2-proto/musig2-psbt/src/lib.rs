//! Bitcoin transactions for MuSig2 sessions.
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
    Fee, InputOwner, InputState, Recipient, Refusal, Refused, Review, ReviewedInput,
    ReviewedOutput, Reviews, Spend, SpendPath, Unmet,
};
pub use signing::{CompletionError, Contribution, Disagreement, Group, Task};
pub use wallet::{DEFAULT_GAP, Place, Wallet, WalletAddress, WalletError, WalletFile};

/// The example of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
