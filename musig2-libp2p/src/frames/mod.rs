//! Frames between peers: whole byte strings over one long-lived substream per connection and
//! direction.
//!
//! The protocol is `/musig2/frames/1`. A side that has something to say opens a substream and keeps
//! it. Each frame on it is its length in bytes (unsigned, 4 bytes, big endian), then the frame.
//! Nothing is ever written in the other direction. Delivery is in order but not guaranteed: the
//! sender must be ready to send again.

mod bucket;
mod codec;
mod config;
mod event;
mod handler;
mod hold;
mod links;
#[cfg(test)]
pub(crate) mod tests;
mod waiting;

pub use config::FrameLimits;
pub(crate) use event::LinkEvent;
pub use event::Undelivered;
pub(crate) use handler::Handler;
pub(crate) use links::Links;
#[cfg(feature = "node")]
pub(crate) use waiting::jitter;

use libp2p::StreamProtocol;

/// The protocol name under which frames are negotiated.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/musig2/frames/1");
