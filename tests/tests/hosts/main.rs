//! Signers on separate hosts, with a network between them that delays, loses and cuts: how long a
//! session takes, and that it ends.
#![cfg(target_os = "linux")]

mod faults;
mod hosts;
mod latency;
mod link;
mod meeting;
mod nat;
