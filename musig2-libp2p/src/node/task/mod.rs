//! The node's task, which is the only owner of the swarm.
//!
//! | file | what it does |
//! | --- | --- |
//! | `mod.rs` | runs the node from its start to its end |
//! | `orders.rs` | carries out orders of the application, and stores approvals and signatures |
//! | `connections.rs` | handles events of the swarm: connections and dials |
//! | `listening.rs` | keeps track of where the node listens |
//! | `network.rs` | handles events of the behaviours |

mod connections;
mod listening;
mod network;
mod orders;

use super::addresses::OwnAddresses;
use super::announcements::Announcements;
use super::bootstrap::Bootstrap;
use super::config::{Goodbye, NodeConfig};
use super::disk::Disk;
use super::event::EventSender;
use super::handle::Order;
use super::network::NodeBehaviour;
#[cfg(feature = "nat")]
use super::relays::Relays;
use super::store::Approval;
use crate::metrics::Metrics;
use connections::Remote;
use futures::StreamExt;
use futures::future::{Either, pending};
use libp2p::core::transport::ListenerId;
use libp2p::swarm::ConnectionId;
use libp2p::{PeerId, Swarm, kad};
use listening::Listeners;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};

/// How long the first orders wait for listeners to report their addresses.
const LISTENING: Duration = Duration::from_secs(1);
/// How long a stopping node waits for its peers to read what it sent, and then again for
/// connections to close.
const CLOSING: Duration = Duration::from_secs(1);

pub(super) struct Task {
    swarm: Swarm<NodeBehaviour>,
    events: EventSender,
    metrics: Metrics,
    disk: Option<Disk>,
    goodbye: Goodbye,
    announcements: Announcements,
    bootstrap: Bootstrap,
    own: OwnAddresses,
    listeners: Listeners,
    #[cfg(feature = "nat")]
    relays: Option<Relays>,
    #[cfg(feature = "relay-server")]
    is_relay: bool,
    connections: HashMap<ConnectionId, Remote>,
    /// Dials to peers that this node has heard of and that nothing waits for yet.
    acquaintances: HashSet<ConnectionId>,
    lookups: HashMap<kad::QueryId, PeerId>,
    /// Nobody has subscribed to announcements since this node last had no connection at all.
    unheard: bool,
    /// After [`crate::Behaviour::finish`]: everything sent has been read.
    finished: bool,
}

impl Task {
    pub(super) fn new(
        swarm: Swarm<NodeBehaviour>,
        config: &NodeConfig,
        listeners: HashSet<ListenerId>,
        disk: Option<Disk>,
        events: EventSender,
    ) -> Self {
        let mut own = OwnAddresses::new(*swarm.local_peer_id());
        config.external_addresses.iter().cloned().for_each(|address| own.add_confirmed(address));
        Self {
            disk,
            metrics: config.metrics(),
            goodbye: config.goodbye,
            announcements: Announcements::new(&config.protocol),
            bootstrap: Bootstrap::new(&config.bootstrap_peers, Instant::now()),
            own,
            listeners: Listeners::new(listeners),
            #[cfg(feature = "nat")]
            relays: config.enable_relay_client.then(Relays::default),
            #[cfg(feature = "relay-server")]
            is_relay: config.relay_server,
            connections: HashMap::new(),
            acquaintances: HashSet::new(),
            lookups: HashMap::new(),
            unheard: true,
            finished: false,
            swarm,
            events,
        }
    }

    pub(super) async fn run(mut self, approvals: Vec<Approval>, mut orders: mpsc::Receiver<Order>) {
        // Set the contact first: a session announced before this node knows its own addresses would
        // not include them.
        self.update_contact();
        // Restore signed sessions before any peer is heard, so that the application is not asked
        // again about one that is announced meanwhile.
        let (signed, open) =
            approvals.into_iter().partition(|approval| approval.signatures.is_some());
        self.resume(signed);
        self.drive_until(LISTENING, |task| task.listeners.have_spoken()).await;
        self.check_listens();
        self.resume(open);

        let reply = self.serve(&mut orders).await;

        if self.goodbye == Goodbye::Abort {
            self.abort_all();
        }
        self.swarm.behaviour_mut().signing.finish();
        self.drive_until(CLOSING, |task| task.finished).await;
        for peer in self.swarm.connected_peers().copied().collect::<Vec<_>>() {
            // An error means that the connection has already closed.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        self.drive_until(CLOSING, |task| task.connections.is_empty()).await;
        // Reply only once the store's lock is released: the caller may start another node at once.
        let disk = self.disk.take();
        drop(self);
        if let Some(disk) = disk {
            disk.close().await;
        }
        if let Some(reply) = reply {
            // An error means that the caller did not wait.
            let _ = reply.send(());
        }
    }

    /// Runs until told to stop. Returns where to report that the node has stopped, unless nobody
    /// waits for it.
    async fn serve(&mut self, orders: &mut mpsc::Receiver<Order>) -> Option<oneshot::Sender<()>> {
        loop {
            self.dial_bootstrap_peers();
            self.close_silent();
            self.accept_again();
            let due = [self.bootstrap.next_due(), self.next_silence(), self.listeners.next_calm()];
            let due = match due.into_iter().flatten().min() {
                Some(at) => Either::Left(sleep_until(at.into())),
                None => Either::Right(pending()),
            };
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Stop { reply }) => return Some(reply),
                    Some(order) => self.on_order(order).await,
                    None => return None,
                },
                event = self.swarm.select_next_some() => self.on_event(event),
                () = due => {}
            }
        }
    }

    async fn drive_until(&mut self, at_most: Duration, is_done: impl Fn(&Self) -> bool) {
        let done = async {
            while !is_done(self) {
                let event = self.swarm.select_next_some().await;
                self.on_event(event);
            }
        };
        if timeout(at_most, done).await.is_err() {
            tracing::debug!("stopped waiting");
        }
    }
}
