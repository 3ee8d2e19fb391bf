//! The ready-made node: a swarm in a tokio task, a handle that gives it orders, a stream of events.

mod addresses;
mod announcements;
mod bootstrap;
mod check;
mod config;
mod disk;
mod durable;
mod event;
mod handle;
mod identity;
mod names;
mod network;
mod outward;
mod parting;
mod places;
#[cfg(feature = "nat")]
mod relays;
#[cfg(feature = "nat")]
mod seen;
mod signer_state;
mod start;
mod store;
mod task;
mod transport;

pub use check::SettingError;
pub use config::{Goodbye, Identity, NodeConfig, SignerNames};
pub use event::{Events, NodeEvent};
pub use handle::{Handle, HandleError};
pub use identity::IdentityError;
pub use signer_state::{PeerConnection, SignerState};
pub use start::{Node, StartError};
pub use store::StoreError;
