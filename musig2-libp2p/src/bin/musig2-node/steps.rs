//! What happens on a node, in the words and fields of the JSON lines.

use crate::demo::Transport;
use crate::report::{text, texts};
use crate::result::{Hex, ResultItem, ResultTweak, ResultTweakKind, SessionResult};
use musig2_libp2p::NodeEvent;
use musig2_libp2p::musig2_proto::{
    AbortCause, AbortReason, Event, Manifest, OutputKey, Phase, PublicKey, SessionId, SessionView, Signature,
    SignerIndex, TweakKind,
};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// Something that happened on a node.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Step {
    PeerConnected {
        peer: String,
        /// Which of the demonstration's nodes.
        #[serde(skip_serializing_if = "Option::is_none")]
        met: Option<usize>,
    },
    PeerDisconnected {
        peer: String,
    },
    DialFailed {
        peer: Option<String>,
        error: String,
    },
    ListenFailed {
        address: Option<String>,
        error: String,
    },
    Offence {
        peer: String,
        offence: String,
    },
    Missed {
        events: u64,
    },
    SessionCreated(Box<Terms>),
    SessionDiscovered(Box<Terms>),
    /// This node joined.
    SessionJoined(Session),
    /// This node did not.
    SessionDeclined {
        #[serde(flatten)]
        session: Session,
        reason: String,
    },
    SignerJoined {
        #[serde(flatten)]
        session: Session,
        signer: u16,
    },
    SessionReady(Session),
    NonceReceived {
        #[serde(flatten)]
        session: Session,
        signer: u16,
    },
    NoncesComplete(Session),
    PartialSigReceived {
        #[serde(flatten)]
        session: Session,
        signer: u16,
    },
    PartialSigsComplete(Session),
    SessionComplete(Session),
    SessionAborted(Box<Ending>),
    SessionError {
        #[serde(flatten)]
        session: Session,
        error: String,
    },
    Stalled {
        #[serde(flatten)]
        session: Session,
        phase: &'static str,
        awaiting: Vec<Signer>,
    },
    AttemptRestarted {
        #[serde(flatten)]
        session: Session,
        attempt: u32,
    },
    LateSignature(Session),
    DemoStarted {
        signers: usize,
        items: usize,
        transport: Transport,
    },
    /// Every signature was checked by `verify`'s code.
    VerifiedIndependently {
        items: usize,
    },
    /// Something that this version of the command has no words for.
    Other {
        description: String,
    },
}

/// Which session something happened in.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Session {
    #[serde(serialize_with = "text")]
    pub(crate) session: SessionId,
}

/// Everything that a join consents to.
#[derive(Debug, Serialize)]
pub(crate) struct Terms {
    #[serde(serialize_with = "text")]
    pub(crate) session: SessionId,
    /// In aggregation order.
    #[serde(serialize_with = "texts")]
    pub(crate) signers: Vec<PublicKey>,
    /// Which of them proposed it.
    pub(crate) coordinator: u16,
    /// Which of them this node is.
    pub(crate) me: u16,
    pub(crate) items: Vec<ItemTerms>,
    /// In hex.
    pub(crate) memo: String,
    /// Milliseconds since the Unix epoch.
    pub(crate) expires_at_ms: u64,
    /// For people, who get the tweaks by what they mean.
    #[serde(skip)]
    pub(crate) manifest: Arc<Manifest>,
}

/// What one item of a session would sign.
#[derive(Debug, Serialize)]
pub(crate) struct ItemTerms {
    pub(crate) message: Hex<32>,
    pub(crate) tweaks: Vec<ResultTweak>,
    pub(crate) aggregate_key: Hex<32>,
}

/// A signer, for whoever has to find out who that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Signer {
    /// Place among the signers, from 0.
    pub(crate) signer: u16,
    #[serde(serialize_with = "text")]
    pub(crate) public_key: PublicKey,
}

/// How a session ended without signatures.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Ending {
    #[serde(serialize_with = "text")]
    pub(crate) session: SessionId,
    /// A word for programs.
    pub(crate) cause: &'static str,
    /// What happened, for people; the signers are named apart.
    #[serde(skip)]
    pub(crate) what: String,
    /// Who was waited for. Silence proves nothing: they may be honest.
    pub(crate) awaiting: Vec<Signer>,
    /// Who ended it, or spoiled it.
    pub(crate) blamed: Vec<Signer>,
    /// Whether this node's partial signatures are out, so that the others may still finish.
    pub(crate) released: bool,
}

impl Step {
    /// What a session's event says, with the session as it stands.
    pub(crate) fn of(event: &Event, view: &SessionView) -> Self {
        let session = Session { session: event.session() };
        match event {
            Event::SessionCreated { .. } => Self::SessionCreated(Box::new(Terms::of(view))),
            Event::SessionDiscovered { .. } => Self::SessionDiscovered(Box::new(Terms::of(view))),
            Event::SessionReady { .. } => Self::SessionReady(session),
            Event::NonceReceived { signer, .. } => Self::NonceReceived { session, signer: signer.get() },
            Event::NoncesComplete { .. } => Self::NoncesComplete(session),
            Event::PartialSigReceived { signer, .. } => {
                Self::PartialSigReceived { session, signer: signer.get() }
            }
            Event::PartialSigsComplete { .. } => Self::PartialSigsComplete(session),
            Event::SessionComplete { .. } => Self::SessionComplete(session),
            Event::SessionAborted { cause, released, .. } => {
                Self::SessionAborted(Box::new(Ending::of(view, cause, *released)))
            }
            Event::SessionError { error, .. } => Self::SessionError { session, error: error.to_string() },
            Event::SignerJoined { signer, .. } => Self::SignerJoined { session, signer: signer.get() },
            Event::Stalled { phase, awaiting, .. } => Self::Stalled {
                session,
                phase: phase_name(*phase),
                awaiting: signers(&view.manifest, awaiting),
            },
            Event::AttemptRestarted { attempt, .. } => Self::AttemptRestarted { session, attempt: *attempt },
            Event::LateSignature { .. } => Self::LateSignature(session),
            other => Self::Other { description: format!("{other:?}") },
        }
    }

    /// What happened on the network, not in a session.
    pub(crate) fn of_network(event: &NodeEvent) -> Self {
        match event {
            NodeEvent::PeerConnected { peer } => Self::PeerConnected { peer: peer.to_string(), met: None },
            NodeEvent::PeerDisconnected { peer } => Self::PeerDisconnected { peer: peer.to_string() },
            NodeEvent::DialFailed { peer, error } => {
                Self::DialFailed { peer: peer.map(|peer| peer.to_string()), error: error.clone() }
            }
            NodeEvent::ListenFailed { address, error } => Self::ListenFailed {
                address: address.as_ref().map(ToString::to_string),
                error: error.clone(),
            },
            NodeEvent::Offence { peer, offence } => {
                Self::Offence { peer: peer.to_string(), offence: offence.to_string() }
            }
            NodeEvent::Missed { events } => Self::Missed { events: *events },
            other => Self::Other { description: format!("{other:?}") },
        }
    }
}

impl Terms {
    fn of(view: &SessionView) -> Self {
        let manifest = &view.manifest;
        Self {
            session: view.id,
            signers: manifest.signers().to_vec(),
            coordinator: manifest.coordinator().get(),
            me: view.me.get(),
            items: (manifest.items().iter().zip(&view.output_keys))
                .map(|(item, key)| ItemTerms {
                    message: Hex(item.message().to_bytes()),
                    tweaks: tweaks(key),
                    aggregate_key: Hex(key.key.to_bytes()),
                })
                .collect(),
            memo: hex::encode(manifest.memo()),
            expires_at_ms: manifest.expires_at().as_millis(),
            manifest: Arc::clone(manifest),
        }
    }
}

impl Ending {
    /// What the core says, with the signers by name.
    pub(crate) fn of(view: &SessionView, cause: &AbortCause, released: bool) -> Self {
        let name = |indices: &[SignerIndex]| signers(&view.manifest, indices);
        let (cause, what, awaiting, blamed) = match cause {
            AbortCause::BySigner { signer, reason } => {
                let AbortReason::Requested(note) = reason else {
                    return Self::other(view, cause, released);
                };
                let who = if *signer == view.me { "this node" } else { "a signer" };
                // As quoted text: the words may come from a stranger and go to a terminal.
                let what = format!("{who} ended its part, saying {:?}", note.as_str());
                ("aborted_by_signer", what, Vec::new(), name(&[*signer]))
            }
            AbortCause::TimedOut { phase, awaiting } => {
                ("timed_out", format!("no time left {}", phase_words(*phase)), name(awaiting), Vec::new())
            }
            AbortCause::Expired { awaiting } => {
                ("expired", "the session expired".into(), name(awaiting), Vec::new())
            }
            AbortCause::InvalidPartialSignature { signers } => (
                "invalid_partial_signature",
                "a partial signature does not verify".into(),
                Vec::new(),
                name(signers),
            ),
            AbortCause::InvalidNonce { signers } => {
                ("invalid_nonce", "a nonce is not on the curve".into(), Vec::new(), name(signers))
            }
            AbortCause::RestartLimit { signer } => {
                ("restart_limit", "a signer restarted too often".into(), Vec::new(), name(&[*signer]))
            }
            other => return Self::other(view, other, released),
        };
        Self { session: view.id, cause, what, awaiting, blamed, released }
    }

    /// This node's user had no more patience.
    pub(crate) fn gave_up(view: &SessionView, what: String) -> Self {
        Self {
            session: view.id,
            cause: "timed_out",
            what: format!("{what} {}", phase_words(view.phase)),
            awaiting: signers(&view.manifest, &view.awaiting),
            blamed: Vec::new(),
            released: view.released,
        }
    }

    fn other(view: &SessionView, cause: &AbortCause, released: bool) -> Self {
        let what = format!("{cause:?}");
        Self { session: view.id, cause: "other", what, awaiting: Vec::new(), blamed: Vec::new(), released }
    }
}

impl SessionResult {
    /// What a finished session leaves.
    pub(crate) fn of(view: &SessionView, signatures: &[Signature]) -> Self {
        let items = view.manifest.items().iter().zip(&view.output_keys).zip(signatures);
        Self {
            session: Hex(view.id.to_bytes()),
            signers: view.manifest.signers().iter().map(|key| Hex(key.to_bytes())).collect(),
            items: items
                .map(|((item, key), signature)| ResultItem {
                    message: Hex(item.message().to_bytes()),
                    tweaks: tweaks(key),
                    aggregate_key: Hex(key.key.to_bytes()),
                    signature: Hex(signature.to_bytes()),
                })
                .collect(),
        }
    }
}

impl fmt::Display for Ending {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for (title, signers) in [("waited for", &self.awaiting), ("because of", &self.blamed)] {
            for (place, signer) in signers.iter().enumerate() {
                let start = if place == 0 { format!("; {title} signer") } else { ",".into() };
                write!(f, "{start} {}", signer.signer)?;
            }
        }
        Ok(())
    }
}

fn tweaks(key: &OutputKey) -> Vec<ResultTweak> {
    let kind = |kind| match kind {
        TweakKind::Plain => ResultTweakKind::Plain,
        TweakKind::XOnly => ResultTweakKind::XOnly,
    };
    key.tweaks
        .iter()
        .map(|step| ResultTweak { kind: kind(step.kind), tweak: Hex(step.scalar.to_bytes()) })
        .collect()
}

fn signers(manifest: &Manifest, indices: &[SignerIndex]) -> Vec<Signer> {
    let named = |index: &SignerIndex| {
        manifest.signer(*index).map(|key| Signer { signer: index.get(), public_key: *key })
    };
    indices.iter().filter_map(named).collect()
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Proposed => "proposed",
        Phase::Joining => "joining",
        Phase::Nonces => "nonces",
        Phase::PartialSignatures => "partial_signatures",
        Phase::Finalizing => "finalizing",
        Phase::Complete => "complete",
        Phase::Aborted => "aborted",
        _ => "other",
    }
}

fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Joining => "while waiting for signers to join",
        Phase::Nonces => "while waiting for nonces",
        Phase::PartialSignatures => "while waiting for partial signatures",
        _ => "before the end",
    }
}
