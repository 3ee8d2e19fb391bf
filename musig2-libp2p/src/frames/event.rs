//! What happens on the links.

use libp2p::PeerId;

/// An event on the connections to peers.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    Connected {
        peer: PeerId,
    },
    Disconnected {
        peer: PeerId,
    },
    Received {
        peer: PeerId,
        frame: Vec<u8>,
    },
    Oversize {
        peer: PeerId,
        size: usize,
    },
    Churn {
        peer: PeerId,
    },
    DialFailed {
        peer: PeerId,
        error: String,
    },
    Undelivered {
        peer: PeerId,
        frames: usize,
        reason: Undelivered,
    },
    /// All that was sent before [`Links::finish`](super::Links::finish) has been read, or is lost.
    Finished,
}

/// Why frames were not delivered. The core resends what still matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undelivered {
    /// The peer could not be reached in time.
    #[error("the peer could not be reached in time")]
    Unreachable,
    /// As many frames wait for the peer as are allowed: it reads too slowly, or cannot be reached.
    #[error("too many frames wait for the peer")]
    QueueFull,
    /// The peer does not take frames.
    #[error("the peer does not speak {}", super::PROTOCOL)]
    Unsupported,
    /// The connection broke, or is being closed.
    #[error("the connection to the peer is lost")]
    ConnectionLost,
    /// The peer read nothing for too long; the connection is closed.
    #[error("the peer read nothing for too long")]
    Stalled,
    /// The peer is banned.
    #[error("the peer is banned")]
    Banned,
}
