//! The commands, one a file.

pub(crate) mod abort;
pub(crate) mod config;
pub(crate) mod cosign;
pub(crate) mod demo;
pub(crate) mod evidence;
pub(crate) mod generate;
pub(crate) mod key;
pub(crate) mod keygen;
pub(crate) mod passphrase;
pub(crate) mod propose;
pub(crate) mod reload;
pub(crate) mod results;
#[cfg(unix)]
pub(crate) mod run;
pub(crate) mod sessions;
pub(crate) mod status;
pub(crate) mod verify;
