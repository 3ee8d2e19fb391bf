//! The types that everything else is built from. Nothing here knows about signing.

#[macro_use]
pub(crate) mod bytes;
pub mod bounded;
pub(crate) mod codec;
pub(crate) mod hash;
pub(crate) mod ids;
pub(crate) mod secret;
pub(crate) mod text;
pub(crate) mod time;
