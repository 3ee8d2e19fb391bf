//! The simulator: what its plans, faults, engines, oracles and command do. All tests are one
//! program, so that the protocol is compiled only once for its engines.

mod adversaries;
mod bench;
mod calm;
mod cases;
mod clocks;
mod command;
mod crashes;
mod determinism;
mod explore;
mod faults;
mod pauses;
mod profiles;
mod transparent;
