//! PSBTs from bytes to signatures.

mod agrees;
mod format;
mod ours;
mod refusals;
mod signed;
mod spends;
mod support;
mod wallets;
