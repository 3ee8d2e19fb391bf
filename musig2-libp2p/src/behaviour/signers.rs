//! Which signers claim to be at which peer.

use crate::contact::PeerContact;
use libp2p::PeerId;
use musig2_proto::{Crypto, Node, PublicKey};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The most signers listed for one peer: anyone may claim to be there.
const MAX_AT_ONE: usize = 4;

/// How old an answer may be. Each refresh looks through all signers that the core knows, and peers
/// can cause questions as often as they like.
const FRESH: Duration = Duration::from_secs(1);

/// The signers at each peer, as the core knew them a moment ago.
#[derive(Debug, Default)]
pub(super) struct SignersByPeer {
    signers: HashMap<PeerId, Vec<PublicKey>>,
    as_of: Option<Instant>,
}

impl SignersByPeer {
    /// Forces a fresh answer next time, because something happened in a session.
    pub(super) fn forget(&mut self) {
        self.as_of = None;
    }

    /// Returns the signers that claim to be at this peer.
    pub(super) fn at<C: Crypto>(&mut self, peer: &PeerId, core: &Node<C>) -> Vec<PublicKey> {
        let now = Instant::now();
        if self.as_of.is_none_or(|at| now >= at + FRESH) {
            self.as_of = Some(now);
            self.signers.clear();
            for known in core.signers() {
                let contact =
                    known.contact.as_ref().and_then(|contact| PeerContact::decode(contact).ok());
                let Some(contact) = contact else { continue };
                let at_peer = self.signers.entry(contact.peer()).or_default();
                if at_peer.len() < MAX_AT_ONE {
                    at_peer.push(known.signer);
                }
            }
        }
        self.signers.get(peer).cloned().unwrap_or_default()
    }
}
