//! Sessions as a behaviour: the core, driven by a swarm.

mod event;
mod signing;
mod system;
#[cfg(test)]
mod tests;
mod timer;

pub use event::{Acceptance, Event};
pub use signing::Behaviour;
