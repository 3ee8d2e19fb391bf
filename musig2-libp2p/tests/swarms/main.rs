//! The behaviour in swarms of one's own.

mod behaviour;
mod group;
mod rogue;
mod swarm_sessions;
