//! The behaviour in swarms that a test composes.

mod behaviour;
mod group;
mod rogue;
mod swarm_sessions;
