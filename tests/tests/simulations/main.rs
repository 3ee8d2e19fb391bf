//! The core on simulated networks and against other implementations, and the tree's own rules. All
//! tests are one program, so that the protocol is compiled only once for its engines.

mod crash_points;
mod engines;
mod fuzz_corpus;
mod matches;
mod picture;
mod planted;
mod rooms;
mod simulated_network;
mod tweaks;
mod widths;
