//! Sessions as a behaviour: the core, driven by a swarm.

mod conduct;
mod event;
mod signers;
mod signing;
mod swarm;
pub(crate) mod system;
#[cfg(test)]
mod tests;
mod timer;
mod watch;

pub use conduct::{Banned, Consequence};
pub use event::{Acceptance, BehaviourEvent};
pub use signing::Behaviour;
