//! What a node knows of a signer, and its connection to that signer.

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
    /// The signer's peer and addresses, from its own signed statement or from the application,
    /// whichever came last. `None` until there is one; until then nobody can tell whether the
    /// signer is connected. It may be false, because a signer can name another signer's peer.
    pub contact: Option<PeerContact>,
    /// The connection to that peer, if there is one.
    pub connection: Option<PeerConnection>,
    /// What is known of its clock.
    pub clock: Option<ClockReading>,
}

/// A connection to a peer. If there are several, this is the one in use: one without a relay if
/// there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerConnection {
    /// When it was opened, by this machine's clock.
    pub since: SystemTime,
    /// Where the other end is. If the peer dialled, this is the port that it dialled from.
    pub address: Multiaddr,
    /// Whether it leads through a relay.
    pub relayed: bool,
    /// The round-trip time of the last ping; `None` until the first one was answered.
    pub round_trip: Option<Duration>,
}
