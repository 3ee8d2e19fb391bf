//! What nodes and swarms take of memory, whoever does what. In a program of their own, one test at a time: memory is counted for the whole process.
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

/// Held by whichever test runs.
static TURN: Mutex<()> = Mutex::const_new(());
