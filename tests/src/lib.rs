//! Tests across the crates of this workspace: see the folder `tests`.

pub mod signer;

/// The examples of the repository's README, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
