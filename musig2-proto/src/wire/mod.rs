//! The messages as `PROTOCOL.md` specifies them: one version byte, then `postcard`. Every value has
//! exactly one encoding, and decoding refuses any other.
//!
//! A node sends [`Frame`](frame::Frame)s to other nodes, and publishes
//! [`Publication`](announcement::Publication)s on the announcement topic.

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
