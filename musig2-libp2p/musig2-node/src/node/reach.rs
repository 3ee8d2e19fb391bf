//! A node's place on the network: its addresses, its peers, and what does not work.

use crate::model::co_signer::{AtPeer, beside};
use crate::model::labels::Labels;
use crate::render::{at, own_bootstrap};
use musig2_libp2p::NodeEvent;
use musig2_libp2p::libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::watch;

/// Names a problem with accepting connections.
const ACCEPT: &str = "accept";

/// A node's place on the network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    pub(crate) listening: BTreeSet<Multiaddr>,
    /// The connected peers: at most as many as connections are allowed.
    pub(crate) peers: BTreeSet<PeerId>,
    /// What does not work now and is tried again, by subject.
    pub(crate) problems: BTreeMap<&'static str, String>,
    /// Bootstrap addresses that are of no use now, and why: one sentence each.
    pub(crate) unreached: BTreeMap<Multiaddr, String>,
}

/// Notes in `reach` that something works again, or does not work, for this reason.
pub(crate) fn works(reach: &watch::Sender<Reach>, what: &'static str, problem: Option<String>) {
    reach.send_if_modified(|reach| match problem {
        Some(problem) => reach.problems.insert(what, problem.clone()).as_ref() != Some(&problem),
        None => reach.problems.remove(what).is_some(),
    });
}

impl Reach {
    pub(super) fn follow(&mut self, event: &NodeEvent, labels: &Labels) -> bool {
        match event {
            NodeEvent::Listening { address } => self.listening.insert(address.clone()),
            NodeEvent::NotListening { address } => self.listening.remove(address),
            NodeEvent::PeerConnected { peer, .. } => self.peers.insert(*peer),
            NodeEvent::PeerDisconnected { peer, .. } => self.peers.remove(peer),
            NodeEvent::BootstrapReached { address, .. } => self.unreached.remove(address).is_some(),
            NodeEvent::DialFailed { bootstrap: Some(address), signers, error, .. } => {
                let beside = beside(&AtPeer::of(signers, labels));
                let why = format!(
                    "cannot reach the bootstrap peer{beside} {}",
                    at(&address.to_string(), error)
                );
                self.unreached.insert(address.clone(), why.clone()) != Some(why)
            }
            NodeEvent::BootstrapIsOwn { address, only: true } => {
                self.unreached.insert(address.clone(), own_bootstrap(address)).is_none()
            }
            NodeEvent::AcceptFailed { error } => self
                .problems
                .insert(ACCEPT, format!("cannot accept connections: {error}"))
                .is_none(),
            NodeEvent::AcceptsAgain => self.problems.remove(ACCEPT).is_some(),
            _ => false,
        }
    }

    /// Returns what does not work now and is tried again: one sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.values().chain(self.unreached.values()).cloned().collect()
    }

    /// Returns what is wrong with a few of the bootstrap addresses, for a node that has met nobody.
    pub(crate) fn why_unreached(&self) -> Option<String> {
        let why: Vec<_> = self.unreached.values().take(3).map(String::as_str).collect();
        (!why.is_empty()).then(|| why.join("; "))
    }
}
