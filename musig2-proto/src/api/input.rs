//! Inputs: what an adapter tells a node.

use crate::base::ids::Source;

/// Something that happened outside the node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A frame that another node sent to this one.
    Frame {
        /// The peer that it came from, as the transport says.
        from: Source,
        /// The bytes of the frame.
        bytes: Vec<u8>,
    },
    /// A publication on the announcement topic.
    Announcement {
        /// The peer that it came from, as the transport says. This is the last hop, not the author.
        from: Source,
        /// The bytes of the publication.
        bytes: Vec<u8>,
    },
    /// A peer became reachable, perhaps again. What was sent to it before may be lost.
    PeerConnected(Source),
    /// A peer is no longer reachable.
    PeerLost(Source),
    /// Somebody began to listen on the announcement topic, and has missed what was published
    /// before.
    AudienceGrew,
    /// Nothing but time has passed.
    Tick,
}
