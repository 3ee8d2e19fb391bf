//! What happens on a node, in the names and fields of the JSON lines.

use crate::model::co_signer::AtPeer;
use crate::model::ending::{Declined, Ending, Signer};
use crate::model::labels::{Label, Labels};
use crate::model::terms::Terms;
use crate::model::transport::Transport;
use crate::text::Text;
use crate::text::fields::text;
use crate::text::time::until;
use musig2_libp2p::NodeEvent;
use musig2_libp2p::musig2_proto::{Event, PublicKey, SessionId, SessionView, SignerIndex};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

/// Something that happened on a node.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Step {
    PeerConnected {
        peer: String,
        /// Signers that claim to be there.
        signers: Vec<AtPeer>,
        /// The number of the demonstration's node.
        #[serde(skip_serializing_if = "Option::is_none")]
        peer_node: Option<usize>,
    },
    PeerDisconnected {
        peer: String,
        /// Signers that claim to be there.
        signers: Vec<AtPeer>,
    },
    DialFailed {
        peer: Option<String>,
        /// Signers that claim to be there.
        signers: Vec<AtPeer>,
        /// The bootstrap address that was dialled.
        #[serde(skip_serializing_if = "Option::is_none")]
        bootstrap: Option<String>,
        error: String,
    },
    BootstrapIsOwn {
        address: String,
        only: bool,
    },
    ListenFailed {
        address: Option<String>,
        error: String,
    },
    NotListening {
        address: String,
    },
    ListensNowhere,
    AcceptFailed {
        error: String,
    },
    AcceptsAgain,
    PeerReachedDirectly {
        peer: String,
        /// Signers that claim to be there.
        signers: Vec<AtPeer>,
    },
    Reachable {
        address: String,
    },
    Offence {
        peer: String,
        /// Signers that claim to be there.
        signers: Vec<AtPeer>,
        offence: String,
        consequence: String,
    },
    Missed {
        events: u64,
    },
    SessionCreated(Box<Terms>),
    SessionDiscovered(Box<Terms>),
    /// This node had joined the session before it was restarted.
    SessionResumed(Box<Terms>),
    /// This node had joined the session before it was restarted, and cannot continue.
    SessionNotResumed {
        #[serde(flatten)]
        session: InSession,
        error: String,
    },
    /// This node joined.
    SessionJoined(InSession),
    /// This node declined.
    SessionDeclined {
        #[serde(flatten)]
        session: InSession,
        reason: String,
    },
    SignerJoined {
        #[serde(flatten)]
        session: InSession,
        #[serde(flatten)]
        signer: Signer,
        #[serde(flatten)]
        progress: RoundProgress,
    },
    /// Another signer does not take part.
    SignerDeclined {
        #[serde(flatten)]
        session: InSession,
        #[serde(flatten)]
        declined: Declined,
    },
    /// The session is approved, and waits for other sessions of its proposer to end.
    SessionQueued(InSession),
    SessionReady(InSession),
    NonceReceived {
        #[serde(flatten)]
        session: InSession,
        #[serde(flatten)]
        signer: Signer,
        #[serde(flatten)]
        progress: RoundProgress,
    },
    NoncesComplete(InSession),
    PartialSigReceived {
        #[serde(flatten)]
        session: InSession,
        #[serde(flatten)]
        signer: Signer,
        #[serde(flatten)]
        progress: RoundProgress,
    },
    PartialSigsComplete(InSession),
    SessionComplete(InSession),
    SessionAborted(Box<Ending>),
    /// The session no longer needs a decision.
    SessionWithdrawn(Box<Ending>),
    SessionError {
        #[serde(flatten)]
        session: InSession,
        error: String,
    },
    Stalled {
        #[serde(flatten)]
        session: InSession,
        phase: &'static str,
        awaiting: Vec<Signer>,
    },
    AttemptRestarted {
        #[serde(flatten)]
        session: InSession,
        restarts: u32,
        /// The signers that lost their memory, or run twice.
        signers: Vec<Signer>,
    },
    /// This node cannot take part in the session.
    SessionRefused {
        #[serde(flatten)]
        session: InSession,
        #[serde(serialize_with = "text")]
        public_key: PublicKey,
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<Text<Label>>,
        /// A word for programs.
        reason: &'static str,
        error: String,
    },
    /// Another process signs with this node's key.
    KeyInUseElsewhere {
        #[serde(flatten)]
        session: InSession,
        #[serde(flatten)]
        signer: Signer,
    },
    LateSignature(InSession),
    /// A proof against a signer has been written to a file.
    EvidenceKept {
        #[serde(flatten)]
        session: InSession,
        file: String,
    },
    /// A daemon has read its policy and labels again.
    Reloaded(Reloaded),
    /// A daemon failed to read its policy and labels again, so the former ones still apply.
    NotReloaded {
        error: String,
    },
    DemoStarted {
        signers: usize,
        items: usize,
        transport: Transport,
    },
    /// The code of `verify` has checked every signature.
    VerifiedIndependently {
        items: usize,
    },
    /// An event that this version of the command has no name for.
    Other {
        description: String,
    },
}

/// What a daemon reports after reading its policy again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reloaded {
    /// What may surprise: a sentence for each.
    pub(crate) notes: Vec<String>,
    /// Other settings that have changed, and apply only from the next start.
    pub(crate) needs_restart: Vec<Cow<'static, str>>,
}

/// The session that an event belongs to.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct InSession {
    #[serde(serialize_with = "text")]
    pub(crate) session: SessionId,
}

/// How far a round has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RoundProgress {
    /// How many signers have done their part in it.
    pub(crate) done: usize,
    /// How many there are.
    pub(crate) of: usize,
    /// The signers that have not.
    #[serde(serialize_with = "places")]
    pub(crate) awaiting: Vec<Signer>,
    /// Milliseconds until the current phase runs out of time; zero if the session has ended.
    pub(crate) left_ms: u64,
}

impl RoundProgress {
    fn of(view: &SessionView, done: &[SignerIndex], labels: &Labels) -> Self {
        let left = view.deadline.map(until).unwrap_or_default();
        let missing: Vec<_> =
            view.manifest.indices().filter(|index| !done.contains(index)).collect();
        Self {
            done: done.len(),
            of: view.manifest.signer_count(),
            awaiting: Signer::of(view, &missing, labels),
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Step {
    /// Describes a session's event, given the session as it stands.
    pub(crate) fn of(event: &Event, view: &SessionView, labels: &Labels) -> Self {
        Self::in_words(event, view, labels)
            .unwrap_or_else(|| Self::Other { description: format!("{event:?}") })
    }

    fn in_words(event: &Event, view: &SessionView, labels: &Labels) -> Option<Self> {
        let session = InSession { session: event.session() };
        let at = |signer: SignerIndex, done| {
            Some((Signer::at(view, signer, labels)?, RoundProgress::of(view, done, labels)))
        };
        Some(match event {
            Event::SessionCreated { .. } => Self::SessionCreated(Box::new(Terms::of(view, labels))),
            Event::SessionDiscovered { .. } => {
                Self::SessionDiscovered(Box::new(Terms::of(view, labels)))
            }
            Event::SessionQueued { .. } => Self::SessionQueued(session),
            Event::SessionReady { .. } => Self::SessionReady(session),
            Event::NonceReceived { signer, .. } => {
                let (signer, progress) = at(*signer, &view.nonces)?;
                Self::NonceReceived { session, signer, progress }
            }
            Event::NoncesComplete { .. } => Self::NoncesComplete(session),
            Event::PartialSigReceived { signer, .. } => {
                let (signer, progress) = at(*signer, &view.partials)?;
                Self::PartialSigReceived { session, signer, progress }
            }
            Event::PartialSigsComplete { .. } => Self::PartialSigsComplete(session),
            Event::SessionComplete { .. } => Self::SessionComplete(session),
            Event::SessionAborted { cause, released, .. } => {
                Self::SessionAborted(Box::new(Ending::of(view, cause, *released, labels)))
            }
            Event::SessionWithdrawn { cause, .. } => {
                Self::SessionWithdrawn(Box::new(Ending::of(view, cause, false, labels)))
            }
            Event::SessionError { error, .. } => {
                Self::SessionError { session, error: error.to_string() }
            }
            Event::SignerJoined { signer, .. } => {
                let (signer, progress) = at(*signer, &view.joined)?;
                Self::SignerJoined { session, signer, progress }
            }
            Event::SignerDeclined { signer, reason, .. } => Self::SignerDeclined {
                session,
                declined: Declined::at(view, *signer, *reason, labels)?,
            },
            Event::Stalled { phase, awaiting, .. } => Self::Stalled {
                session,
                phase: phase.as_str(),
                awaiting: Signer::of(view, awaiting, labels),
            },
            Event::AttemptRestarted { restarts, signers, .. } => Self::AttemptRestarted {
                session,
                restarts: *restarts,
                signers: Signer::of(view, signers, labels),
            },
            Event::KeyInUseElsewhere { .. } => {
                Self::KeyInUseElsewhere { session, signer: Signer::at(view, view.me, labels)? }
            }
            Event::LateSignature { .. } => Self::LateSignature(session),
            // There is no view of it: whoever takes the event describes it.
            Event::SessionRefused { .. } => return None,
            // Names every Event.
            _ => return None,
        })
    }

    /// Describes an event on the network, outside any session.
    pub(crate) fn of_network(event: &NodeEvent, labels: &Labels) -> Self {
        let at_peer = |signers: &[PublicKey]| AtPeer::of(signers, labels);
        match event {
            NodeEvent::PeerConnected { peer, signers, .. } => Self::PeerConnected {
                peer: peer.to_string(),
                signers: at_peer(signers),
                peer_node: None,
            },
            NodeEvent::PeerDisconnected { peer, signers } => {
                Self::PeerDisconnected { peer: peer.to_string(), signers: at_peer(signers) }
            }
            NodeEvent::DialFailed { peer, signers, bootstrap, error } => Self::DialFailed {
                peer: peer.map(|peer| peer.to_string()),
                signers: at_peer(signers),
                bootstrap: bootstrap.as_ref().map(ToString::to_string),
                error: error.clone(),
            },
            NodeEvent::BootstrapIsOwn { address, only } => {
                Self::BootstrapIsOwn { address: address.to_string(), only: *only }
            }
            NodeEvent::ListenFailed { address, error, .. } => Self::ListenFailed {
                address: address.as_ref().map(ToString::to_string),
                error: error.clone(),
            },
            NodeEvent::NotListening { address } => {
                Self::NotListening { address: address.to_string() }
            }
            NodeEvent::ListensNowhere => Self::ListensNowhere,
            NodeEvent::AcceptFailed { error } => Self::AcceptFailed { error: error.clone() },
            NodeEvent::AcceptsAgain => Self::AcceptsAgain,
            NodeEvent::PeerReachedDirectly { peer, signers } => {
                Self::PeerReachedDirectly { peer: peer.to_string(), signers: at_peer(signers) }
            }
            NodeEvent::Reachable { address } => Self::Reachable { address: address.to_string() },
            NodeEvent::Offence { peer, signers, offence, consequence } => Self::Offence {
                peer: peer.to_string(),
                signers: at_peer(signers),
                offence: offence.to_string(),
                consequence: consequence.to_string(),
            },
            NodeEvent::NotResumed { session, error } => Self::SessionNotResumed {
                session: InSession { session: *session },
                error: error.clone(),
            },
            NodeEvent::Missed { events } => Self::Missed { events: *events },
            other => Self::Other { description: format!("{other:?}") },
        }
    }
}

/// Lists signers by their places, by which programs know them.
fn places<S: Serializer>(signers: &[Signer], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(signers.iter().map(|signer| signer.signer))
}
