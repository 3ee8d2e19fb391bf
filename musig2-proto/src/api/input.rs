//! What a node is told.

use crate::base::ids::Source;

/// Something from outside the node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A frame that another node sent to this one.
    Frame {
        /// Whom the transport says it came from.
        from: Source,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A publication on the announcement topic.
    Announcement {
        /// Whom the transport says it came from: the last hop, not the author.
        from: Source,
        /// The publication.
        bytes: Vec<u8>,
    },
    /// A peer became reachable, perhaps again: what was sent to it before may be lost.
    PeerConnected(Source),
    /// A peer is no longer reachable.
    PeerLost(Source),
    /// Somebody began to listen on the announcement topic, who has missed what was published before.
    AudienceGrew,
    /// Only time has passed.
    Tick,
}
