//! What everything else is made of. Nothing here knows of signing.

#[macro_use]
pub(crate) mod bytes;
pub mod bounded;
pub(crate) mod codec;
pub(crate) mod hash;
pub(crate) mod ids;
pub(crate) mod secret;
pub(crate) mod time;
