//! The ready-made node: a swarm in a tokio task, a handle to give it orders, a stream of what happens.

mod addresses;
mod announcements;
mod bootstrap;
mod config;
mod event;
mod handle;
mod network;
mod start;
mod task;
mod transport;

pub use config::NodeConfig;
pub use event::{Events, NodeEvent};
pub use handle::{Handle, HandleError};
pub use start::{Node, StartError};
