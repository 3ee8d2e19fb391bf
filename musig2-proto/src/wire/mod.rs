//! The messages, as `PROTOCOL.md` writes them down: one version byte, then `postcard`. Every value has exactly one encoding; anything else is
//! refused.

pub mod announcement;
pub mod bitmap;
pub mod frame;
pub mod hello;
pub mod proof;
pub mod statement;
#[cfg(test)]
mod tests;

pub use crate::base::bounded;
pub use crate::base::codec::{DecodeError, VERSION, decode_message, encode_message};
