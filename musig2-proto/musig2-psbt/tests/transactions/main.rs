//! PSBTs from bytes to signatures.

mod format;
mod support;
