//! PSBTs from bytes to signatures.

mod format;
mod spends;
mod support;
mod wallets;
