//! What `cosign`, `propose` and `run` share: a signing node on the network.
//!
//! | file | what it does |
//! | --- | --- |
//! | `args.rs` | the options that start a node |
//! | `network.rs` | the running node, and its events |
//! | `reach.rs`, `roster.rs` | its place on the network, and what is known of each co-signer |
//! | `ports.rs` | checks that nobody else uses its addresses |
//! | `ignored.rs` | tells people what peers sent in vain |
//! | `proposing.rs` | carries out an order |
//! | `patience.rs` | ends what takes too long |

mod args;
mod ignored;
mod network;
pub(crate) mod patience;
mod ports;
mod proposing;
mod reach;
pub(crate) mod roster;

pub(crate) use args::NetworkArgs;
pub(crate) use network::RunningNode;
pub(crate) use ports::check_ports;
pub(crate) use reach::{Reach, works};
