//! Which signers say that they are at which peer.

use crate::contact::PeerContact;
use libp2p::PeerId;
use musig2_proto::{Crypto, Node, PublicKey};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many signers are told of one peer: whoever likes may say that it is there.
const MAX_AT_ONE: usize = 4;

/// How old an answer may be. All signers that the core knows are looked through for it, however often anybody gives reason to ask.
const FRESH: Duration = Duration::from_secs(1);

/// As the core knew it a moment ago.
#[derive(Debug, Default)]
pub(super) struct SignersByPeer {
    signers: HashMap<PeerId, Vec<PublicKey>>,
    as_of: Option<Instant>,
}

impl SignersByPeer {
    /// Something happened in a session: the next answer is a new one.
    pub(super) fn forget(&mut self) {
        self.as_of = None;
    }

    /// Those at this peer.
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
