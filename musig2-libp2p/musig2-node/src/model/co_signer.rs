//! Co-signers, and what is known of each.

use super::labels::{Label, Labels};
use crate::text::Text;
use crate::text::fields::{from_text, text};
use crate::text::names::{name, named, names};
use musig2_libp2p::musig2_proto::PublicKey;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A co-signer, for `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CoSigner {
    #[serde(serialize_with = "text", deserialize_with = "from_text")]
    pub(crate) public_key: PublicKey,
    pub(crate) label: Option<Text<Label>>,
    /// `None` if nobody can tell, because it has not said yet which peer it is.
    pub(crate) connected: Option<bool>,
    /// When it was connected or lost, by this machine's clock, in UTC (RFC 3339); `None` if it was
    /// never connected.
    pub(crate) since: Option<String>,
    /// The peer that it claims to be.
    pub(crate) peer_id: Option<String>,
    /// Where the connection leads, or where it claims to be reachable.
    pub(crate) addresses: Vec<String>,
    /// Whether it is connected only through a relay.
    pub(crate) relayed: Option<bool>,
    /// The round-trip time of the last ping.
    pub(crate) round_trip_ms: Option<u64>,
    /// How far its clock is ahead of this node's, at least; if negative, how far it is behind, at
    /// most.
    pub(crate) clock_ahead_ms: Option<i64>,
    pub(crate) last_session: Option<LastSession>,
    pub(crate) last_error: Option<LastError>,
}

/// The session in which something last happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastSession {
    pub(crate) session: String,
    pub(crate) phase: String,
    pub(crate) at: String,
}

/// What last went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastError {
    pub(crate) error: String,
    pub(crate) at: String,
}

/// A signer that claims to be at a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AtPeer {
    #[serde(serialize_with = "text", deserialize_with = "from_text")]
    pub(crate) public_key: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<Text<Label>>,
}

impl CoSigner {
    /// Returns in a sentence why this signer keeps others waiting, as far as this node knows.
    /// `None` if it is connected.
    pub(crate) fn why_missing(&self) -> Option<String> {
        let who = format!("signer {}", named(&self.public_key, self.label.as_ref()));
        let since = self.since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
        let why =
            self.last_error.as_ref().map(|last| format!(" ({})", last.error)).unwrap_or_default();
        match self.connected {
            Some(true) => None,
            Some(false) => Some(format!("{who} is not connected{since}{why}")),
            None => {
                Some(format!("{who} has not announced its address since this node started{why}"))
            }
        }
    }
}

impl AtPeer {
    /// Adds their labels.
    pub(crate) fn of(signers: &[PublicKey], labels: &Labels) -> Vec<Self> {
        let at_peer =
            |signer: &PublicKey| Self { public_key: *signer, label: labels.of(signer).map(Text) };
        signers.iter().map(at_peer).collect()
    }
}

/// Returns ` (signer alice 02a1b3c4)`, to stand after a peer; nothing if no signer claims to be
/// there.
pub(crate) fn beside(signers: &[AtPeer]) -> String {
    if signers.is_empty() { String::new() } else { format!(" ({})", names(signers)) }
}

/// Writes `alice 02a1b3c4`.
impl fmt::Display for AtPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(&self.public_key, self.label.as_ref(), false))
    }
}
