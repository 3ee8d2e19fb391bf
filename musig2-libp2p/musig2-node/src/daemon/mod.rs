//! A signer as a service, and how to talk to it over its socket.

pub(crate) mod client;
#[cfg(unix)]
mod clients;
#[cfg(unix)]
pub(crate) mod control;
#[cfg(unix)]
mod following;
#[cfg(unix)]
pub(crate) mod http;
#[cfg(unix)]
pub(crate) mod ready;
#[cfg(unix)]
pub(crate) mod reload;
