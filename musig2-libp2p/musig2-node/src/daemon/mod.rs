//! `musig2-node run`, a signer as a service, and the commands that talk to it over its socket.

pub(crate) mod client;
#[cfg(unix)]
mod clients;
#[cfg(unix)]
mod control;
#[cfg(unix)]
mod following;
pub(crate) mod hint;
#[cfg(unix)]
mod http;
pub(crate) mod people;
#[cfg(unix)]
pub(crate) mod ready;
#[cfg(unix)]
mod reload;
#[cfg(unix)]
pub(crate) mod run;
#[cfg(unix)]
pub(crate) mod socket;
pub(crate) mod words;
