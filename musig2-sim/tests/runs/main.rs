//! The simulator: what its plans, faults, engines, oracles and command do. One program, so that the protocol is compiled for its engines once.

mod adversaries;
mod bench;
mod calm;
mod clocks;
mod command;
mod crashes;
mod determinism;
mod explore;
mod faults;
mod pauses;
mod profiles;
mod transparent;
