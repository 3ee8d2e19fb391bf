//! What a node knows of a signer, and how it is connected to it.

use crate::PeerContact;
use libp2p::Multiaddr;
use musig2_proto::{ClockReading, PublicKey};
use std::time::{Duration, SystemTime};

/// A signer, as a node sees it on the network: see [`Handle::signers`](crate::Handle::signers).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignerState {
    /// Its key.
    pub signer: PublicKey,
    /// Which peer it is, and where, by its own signed word or the application's, whichever came last. `None` until there is one: then nobody can tell whether
    /// the signer is connected. It may be false, as a signer can name another one's peer.
    pub contact: Option<PeerContact>,
    /// The connection to that peer, if there is one.
    pub connection: Option<PeerConnection>,
    /// What is known of its clock.
    pub clock: Option<ClockReading>,
}

/// A connection to a peer: of several the one that is used, which leads through no relay if there is such a one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerConnection {
    /// Since when it is open, by this machine's clock.
    pub since: SystemTime,
    /// Where the other end is; if the peer dialled, a port that it dials from.
    pub address: Multiaddr,
    /// Whether it leads through a relay.
    pub relayed: bool,
    /// How long the last ping took there and back; `None` until the first was answered.
    pub round_trip: Option<Duration>,
}
