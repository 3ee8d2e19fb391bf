//! What an operator sees: a span for each session, log lines in it, and metrics.

use super::conduct::Consequence;
use crate::frames::Undelivered;
use crate::metrics::Metrics;
use libp2p::PeerId;
use musig2_proto::{
    AbortCause, AbortReason, Event, Offence, Phase, PublicKey, SessionId, SessionView, SignerIndex,
};
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;
use tracing::{Span, debug, error, error_span, info, warn};

/// Returns what the log calls a signer.
pub(super) type Name = Arc<dyn Fn(&PublicKey) -> String + Send + Sync>;

/// Logs and counts what happens.
///
/// It logs only names, phases, counts, sizes and causes: no contents of frames, no orders, no
/// secret keys.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) metrics: Metrics,
    /// If absent, the log calls a signer by its key.
    pub(super) name: Option<Name>,
    open: HashMap<SessionId, Watched>,
}

#[derive(Debug)]
struct Watched {
    span: Span,
    known_since: Instant,
    phase_since: Instant,
}

impl Watched {
    fn new(session: &SessionId) -> Self {
        let now = Instant::now();
        Self { span: span(session), known_since: now, phase_since: now }
    }

    /// Counts the phase that is over; another begins.
    fn passed(&mut self, phase: Phase, metrics: &Metrics) {
        let now = Instant::now();
        metrics.phase_took(phase.as_str(), now.saturating_duration_since(self.phase_since));
        self.phase_since = now;
    }
}

impl Watch {
    /// The sessions that have not ended, as far as their events tell.
    pub(super) fn open(&self) -> impl Iterator<Item = &SessionId> {
        self.open.keys()
    }

    /// Counts how many open sessions are in each phase.
    pub(super) fn set_phases(&mut self, phases: &[(Phase, SessionId)]) {
        for phase in OPEN_PHASES {
            let count = phases.iter().filter(|(other, _)| *other == phase).count();
            self.metrics.sessions(phase.as_str(), count);
        }
    }

    /// Logs and counts an event of a session. `view` is there if the line names signers.
    pub(super) fn session(&mut self, event: &Event, view: Option<&SessionView>) {
        let session = event.session();
        if let Event::LateSignature { signatures, .. } = event {
            return span(&session)
                .in_scope(|| info!(signatures = signatures.len(), "signatures arrived late"));
        }
        // The node does not take this session up, so it must not become an open one.
        if let Event::SessionRefused { error, .. } = event {
            return span(&session).in_scope(|| debug!(%error, "session refused"));
        }
        // The application brought the signatures; the session was counted when it was signed.
        if matches!(event, Event::SessionComplete { .. }) && !self.open.contains_key(&session) {
            return span(&session).in_scope(|| info!("signed before this node started"));
        }
        let named = view.and_then(|view| self.names(&named_by(event, view)));
        let metrics = &self.metrics;
        let watched = self.open.entry(session).or_insert_with(|| Watched::new(&session));
        let _entered = watched.span.clone().entered();
        match event {
            Event::SessionCreated { .. } => info!("session created"),
            Event::SessionQueued { .. } => info!("waiting for its turn"),
            Event::SessionDiscovered { .. } => info!("session discovered"),
            Event::SignerJoined { signer, .. } => {
                debug!(signer = signer.as_usize(), "a signer joined");
            }
            Event::SignerDeclined { signer, reason, .. } => {
                info!(signer = signer.as_usize(), %reason, "a signer declined");
            }
            Event::SessionReady { .. } => {
                watched.passed(Phase::Joining, metrics);
                info!("all signers have joined");
            }
            Event::NonceReceived { signer, .. } => {
                debug!(signer = signer.as_usize(), "a signer's nonces arrived");
            }
            Event::NoncesComplete { .. } => {
                watched.passed(Phase::Nonces, metrics);
                info!("all nonces arrived");
            }
            Event::PartialSigReceived { signer, .. } => {
                debug!(signer = signer.as_usize(), "a signer's partial signatures arrived");
            }
            Event::PartialSigsComplete { .. } => {
                watched.passed(Phase::PartialSignatures, metrics);
                info!("all partial signatures arrived");
            }
            Event::SessionComplete { signatures, .. } => {
                metrics.ended("complete");
                metrics.session_took(watched.known_since.elapsed());
                info!(signatures = signatures.len(), "signed");
            }
            Event::SessionAborted { cause, released, .. } => {
                metrics.ended(outcome(cause));
                ended(cause, named, *released);
            }
            Event::SessionWithdrawn { cause, .. } => {
                info!(outcome = outcome(cause), "withdrawn before it was approved here");
            }
            Event::SessionError { error, .. } => {
                error!(%error, "an error occurred: the session continues");
            }
            Event::Stalled { phase, .. } => {
                metrics.stalled(phase.as_str());
                warn!(
                    phase = phase.as_str(),
                    awaiting = named,
                    "half of the phase's time has passed"
                );
            }
            Event::KeyInUseElsewhere { .. } => metrics.key_in_use_elsewhere(),
            Event::AttemptRestarted { restarts, .. } => {
                metrics.restarted();
                watched.phase_since = Instant::now();
                info!(
                    restarts,
                    signers = named,
                    "signers restarted, or run twice: beginning a new attempt"
                );
            }
            // Already logged above, or an event of a later version of the core.
            // Names every Event.
            _ => debug!("other event"),
        }
        if event.is_terminal() {
            self.open.remove(&session);
        }
    }

    /// Names the signers that claim to be at a peer, for a log line; `None`, which adds nothing to
    /// the line, if there are none.
    fn names(&self, signers: &[PublicKey]) -> Option<String> {
        let name = |signer| {
            self.name.as_ref().map_or_else(|| PublicKey::to_string(signer), |name| name(signer))
        };
        (!signers.is_empty()).then(|| signers.iter().map(name).collect::<Vec<_>>().join("; "))
    }

    /// Logs that a co-signer cannot be reached, in the span of each session that needs it.
    pub(super) fn dial_failed(
        &self,
        peer: &PeerId,
        signers: &[PublicKey],
        error: &str,
        sessions: &[SessionId],
    ) {
        self.metrics.dial_failed();
        let signer = self.names(signers);
        if sessions.is_empty() {
            info!(%peer, signer, %error, "a signer cannot be dialled");
        }
        self.within(sessions, || info!(%peer, signer, %error, "a co-signer cannot be dialled"));
    }

    pub(super) fn connection_lost(
        &self,
        peer: &PeerId,
        signers: &[PublicKey],
        sessions: &[SessionId],
    ) {
        let signer = self.names(signers);
        self.within(sessions, || info!(%peer, signer, "lost the connection to a co-signer"));
    }

    pub(super) fn undelivered(
        &self,
        peer: &PeerId,
        signers: &[PublicKey],
        frames: usize,
        reason: Undelivered,
    ) {
        self.metrics.undelivered(undelivered(reason), frames);
        debug!(%peer, signer = self.names(signers), frames, %reason, "frames were not delivered");
    }

    pub(super) fn sent(&self, peer: &PeerId, bytes: usize, again: bool) {
        self.metrics.frame("out", bytes);
        if again {
            self.metrics.resent();
        }
        debug!(%peer, bytes, again, "frame sent");
    }

    pub(super) fn received(&self, peer: &PeerId, bytes: usize) {
        self.metrics.frame("in", bytes);
        debug!(%peer, bytes, "frame received");
    }

    pub(super) fn published(&self, bytes: usize) {
        self.metrics.announcement("out");
        debug!(bytes, "publishing an announcement");
    }

    pub(super) fn heard(&self, peer: &PeerId, bytes: usize) {
        self.metrics.announcement("in");
        debug!(%peer, bytes, "announcement received");
    }

    pub(super) fn offence(
        &self,
        peer: &PeerId,
        signers: &[PublicKey],
        offence: &Offence,
        consequence: Consequence,
    ) {
        self.metrics.offence(offence.as_str());
        self.penalty(peer, signers, offence, consequence);
    }

    pub(super) fn churn(&self, peer: &PeerId, signers: &[PublicKey], consequence: Consequence) {
        self.metrics.offence("substreams");
        self.penalty(peer, signers, &"too many substreams", consequence);
    }

    pub(super) fn pardoned(&self, peer: &PeerId) {
        info!(%peer, "a ban ended");
    }

    fn penalty(
        &self,
        peer: &PeerId,
        signers: &[PublicKey],
        what: &dyn Display,
        consequence: Consequence,
    ) {
        let signer = self.names(signers);
        match consequence {
            // Honest peers do this now and then, or the last hop could not know better.
            Consequence::None => debug!(%peer, signer, offence = %what, "ignored a peer's message"),
            Consequence::Paused(time) => {
                self.metrics.penalty("paused");
                warn!(%peer, signer, offence = %what, ?time, "a peer misbehaved: pausing reads from it");
            }
            Consequence::Disconnected => {
                self.metrics.penalty("disconnected");
                warn!(%peer, signer, offence = %what, "a peer kept misbehaving: disconnected");
            }
            Consequence::Banned(time) => {
                self.metrics.penalty("banned");
                warn!(%peer, signer, offence = %what, ?time, "a peer came back and kept misbehaving: banned");
            }
        }
    }

    fn within(&self, sessions: &[SessionId], say: impl Fn()) {
        for watched in sessions.iter().filter_map(|session| self.open.get(session)) {
            watched.span.in_scope(&say);
        }
    }
}

/// The span has the highest level, so that it is present whichever level of lines is logged.
fn span(session: &SessionId) -> Span {
    error_span!("signing", %session)
}

/// Returns whether the log line of an event names signers.
pub(super) fn names_signers(event: &Event) -> bool {
    matches!(
        event,
        Event::Stalled { .. } | Event::AttemptRestarted { .. } | Event::SessionAborted { .. }
    )
}

fn named_by(event: &Event, view: &SessionView) -> Vec<PublicKey> {
    let places: Vec<SignerIndex> = match event {
        Event::Stalled { awaiting, .. } => awaiting.clone(),
        Event::AttemptRestarted { signers, .. } => signers.clone(),
        Event::SessionAborted { cause, .. } => match cause {
            AbortCause::TimedOut { awaiting, .. } | AbortCause::Expired { awaiting } => {
                awaiting.clone()
            }
            AbortCause::BySigner { reason: AbortReason::TimedOut, .. } => view.missing(),
            AbortCause::BySigner { signer, .. }
            | AbortCause::SignerDeclined { signer, .. }
            | AbortCause::Convicted { signer, .. } => vec![*signer],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    places.iter().filter_map(|place| view.manifest.signer(*place).copied()).collect()
}

/// Logs the end of a session. `signers` are the signers held responsible for it.
fn ended(cause: &AbortCause, signers: Option<String>, released: bool) {
    let outcome = outcome(cause);
    match cause {
        AbortCause::BySigner { reason: AbortReason::TimedOut, .. } => {
            warn!(outcome, awaiting = signers, released, "ended without signatures");
        }
        AbortCause::BySigner { .. } => {
            info!(outcome, signer = signers, released, "ended without signatures");
        }
        AbortCause::Declined | AbortCause::MadeRoom => {
            info!(outcome, released, "ended without signatures");
        }
        AbortCause::SignerDeclined { reason, .. } => {
            info!(outcome, signer = signers, %reason, released, "ended without signatures");
        }
        AbortCause::TimedOut { .. } | AbortCause::Expired { .. } => {
            warn!(outcome, awaiting = signers, released, "ended without signatures");
        }
        AbortCause::Convicted { fault, .. } => {
            warn!(outcome, signer = signers, ?fault, released, "ended without signatures");
        }
        _ => warn!(outcome, released, "ended without signatures"),
    }
}

const OPEN_PHASES: [Phase; 5] =
    [Phase::Proposed, Phase::Joining, Phase::Nonces, Phase::PartialSignatures, Phase::Finalizing];

/// A signer that aborts because it will wait no longer counts as a timeout, too.
fn outcome(cause: &AbortCause) -> &'static str {
    match cause {
        AbortCause::BySigner { reason: reason @ AbortReason::TimedOut, .. } => reason.as_str(),
        cause => cause.as_str(),
    }
}

fn undelivered(reason: Undelivered) -> &'static str {
    match reason {
        Undelivered::Unreachable => "unreachable",
        Undelivered::QueueFull => "queue_full",
        Undelivered::Unsupported => "unsupported",
        Undelivered::ConnectionLost => "connection_lost",
        Undelivered::Stalled => "stalled",
        Undelivered::Banned => "banned",
    }
}
