//! How much memory nodes and swarms take, whatever anyone does. These tests have a program of their
//! own and run one at a time, because memory is counted for the whole process.
#![cfg(all(feature = "node", target_os = "linux"))]

mod adversary;
mod adversary_gossip;
#[path = "../swarms/group/mod.rs"]
mod group;
#[path = "../swarms/rogue/mod.rs"]
mod rogue;
#[path = "../signers/mod.rs"]
mod signers;
mod soak;

use peak_alloc::PeakAlloc;
use tokio::sync::Mutex;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held by the test that is running.
static TURN: Mutex<()> = Mutex::const_new(());
