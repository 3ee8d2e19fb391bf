//! PSBTs from bytes to signatures.

mod agrees;
mod format;
mod spends;
mod support;
mod wallets;
