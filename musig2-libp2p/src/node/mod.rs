//! The ready-made node: a swarm in a tokio task, a handle to give it orders, a stream of what happens.

mod config;
mod event;
mod handle;
mod start;

pub use config::NodeConfig;
pub use event::{Events, NodeEvent};
pub use handle::{Handle, HandleError};
pub use start::{Node, StartError};
