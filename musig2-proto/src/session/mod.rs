//! One session on one node.
//!
//! | file | what it does |
//! | --- | --- |
//! | `mod.rs` | what a session holds, and what follows from it: phase, awaited signers |
//! | `board.rs` | the verified statements of all signers |
//! | `life.rs` | this node's signing state: its boot, its secret nonces, its own statements |
//! | `round.rs` | an attempt with all its nonces: transcript, signing, aggregation |
//! | `advance.rs` | takes every step that the board allows |
//! | `receive.rs` | what a frame brings |
//! | `link.rs` | where the other signers are, and what each is known to hold |
//! | `converge.rs` | what is sent to whom: push once, relay, poll, answer |
//! | `outgoing.rs` | splits what is sent into frames |
//! | `decline.rs` | signers that do not take part, this one or others |
//! | `asking.rs` | asks for the signatures after the session ended without them |
//! | `haste.rs` | what others can bring forward, and how often |
//! | `timing.rs` | deadlines, stalls, polls, announcements |
//! | `footprint.rs` | how much memory values take |

mod advance;
pub(crate) mod asking;
pub(crate) mod board;
mod converge;
mod decline;
pub(crate) mod footprint;
mod haste;
mod life;
mod link;
pub(crate) mod outgoing;
mod receive;
mod round;
mod timing;

pub(crate) use life::Step;

use crate::api::abort::AbortCause;
use crate::api::event::{Event, SessionError};
use crate::api::view::Phase;
use crate::api::view::SessionView;
use crate::base::bytes::Signature;
use crate::base::ids::{SessionId, SignerIndex};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::Crypto;
use crate::env::buckets::{Bucket, Limit};
use crate::env::context::Context;
use crate::rules::agreement::Agreement;
use crate::rules::conviction::Conviction;
use crate::session::board::Board;
use crate::wire::announcement::Announcement;
use crate::wire::proof::Proof;
use advance::Milestones;
use core::hash::{Hash, Hasher};
use life::Life;
use link::Link;
use rand_core::CryptoRng;
use round::Round;
use std::sync::Arc;
use timing::Timing;

/// How a session ended on this node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Complete(Vec<Signature>),
    Aborted(AbortCause),
}

/// A session that this node created, discovered or joined, until it ends.
pub(crate) struct Session<C: Crypto> {
    agreement: Arc<Agreement<C>>,
    me: SignerIndex,
    keypair: Arc<C::Keypair>,
    /// `None` until a session that was made here is announced.
    announcement: Option<Announcement>,
    board: Board,
    /// The application consented, and the session waits for its turn to be joined.
    is_queued: bool,
    /// `Some` once this node has joined.
    life: Option<Life<C>>,
    /// The application says that an earlier life of this node joined it.
    is_recalled: bool,
    /// The application says that it approved the session in an earlier life of this node.
    is_resumed: bool,
    /// The current attempt's round once all its nonces are there, and earlier ones in which this
    /// node released.
    rounds: Vec<Arc<Round<C>>>,
    links: Vec<Link>,
    /// The proof of a signer's fault, from its discovery to the end of the same call.
    proof: Option<Proof>,
    /// Whom the proof that stands on the board convicts. Kept because checking a proof is expensive
    /// and a session that the application has not decided outlives one.
    shown: Option<Conviction>,
    milestones: Milestones,
    timing: Timing,
    outcome: Option<Outcome>,
    last_activity: Timestamp,
    /// Pays for statements from sources that have no bucket of their own.
    spare: Bucket,
}

/// Only for engines whose secret nonces can be cloned, which only the simulator's can.
impl<C: Crypto> Clone for Session<C>
where
    C::SecretNonce: Clone,
{
    fn clone(&self) -> Self {
        Self {
            agreement: Arc::clone(&self.agreement),
            me: self.me,
            keypair: Arc::clone(&self.keypair),
            announcement: self.announcement.clone(),
            board: self.board.clone(),
            is_queued: self.is_queued,
            life: self.life.clone(),
            is_recalled: self.is_recalled,
            is_resumed: self.is_resumed,
            rounds: self.rounds.clone(),
            links: self.links.clone(),
            proof: self.proof.clone(),
            shown: self.shown,
            milestones: self.milestones.clone(),
            timing: self.timing.clone(),
            outcome: self.outcome.clone(),
            last_activity: self.last_activity,
            spare: self.spare,
        }
    }
}

impl<C: Crypto> Hash for Session<C>
where
    C::SecretNonce: Hash,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The keys follow from the manifest, whose hash is the session id.
        let Self { agreement, me, announcement, board, life, rounds, links, .. } = self;
        (agreement.id, me, announcement, board, life, rounds, links).hash(state);
        let Self { is_queued, is_recalled, is_resumed, proof, shown, milestones, timing, .. } =
            self;
        (is_queued, is_recalled, is_resumed, proof, shown, milestones, timing).hash(state);
        let Self { outcome, last_activity, spare, .. } = self;
        (outcome, last_activity, spare).hash(state);
    }
}

impl<C: Crypto> Session<C> {
    pub(crate) fn new(
        agreement: Agreement<C>,
        me: SignerIndex,
        keypair: Arc<C::Keypair>,
        announcement: Option<Announcement>,
        config: &Config,
        now: Timestamp,
    ) -> Self {
        let signers = agreement.manifest.signer_count();
        Self {
            board: Board::new(agreement.id, signers, me),
            me,
            keypair,
            announcement,
            is_queued: false,
            life: None,
            is_recalled: false,
            is_resumed: false,
            rounds: Vec::new(),
            links: (0..signers).map(|_| Link::default()).collect(),
            proof: None,
            shown: None,
            milestones: Milestones::default(),
            timing: Timing::new(now),
            outcome: None,
            last_activity: now,
            spare: Bucket::new(Limit::of_source(config), now),
            agreement: Arc::new(agreement),
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.agreement.id
    }

    pub(crate) fn agreement(&self) -> &Agreement<C> {
        &self.agreement
    }

    pub(crate) fn announcement(&self) -> Option<&Announcement> {
        self.announcement.as_ref()
    }

    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    pub(crate) fn keypair(&self) -> &C::Keypair {
        &self.keypair
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.life.is_some()
    }

    /// Whether it waits for its turn to be joined.
    pub(crate) fn is_queued(&self) -> bool {
        self.is_queued
    }

    /// Whether the application consented to it.
    pub(crate) fn is_approved(&self) -> bool {
        self.is_joined() || self.is_queued
    }

    /// Lets it wait for its turn, until it is joined or ends.
    pub(crate) fn queue(&mut self) {
        self.is_queued = true;
    }

    pub(crate) fn is_coordinator(&self) -> bool {
        self.agreement.manifest.coordinator() == self.me
    }

    /// Whether this node takes part: it has joined, and the session has been announced to others.
    fn is_active(&self) -> bool {
        self.life.is_some() && self.announcement.is_some()
    }

    /// Whether this node's partial signatures have left.
    pub(crate) fn released(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.released)
    }

    /// Returns the round of the current attempt, once all its nonces are there.
    fn current_round(&self) -> Option<&Round<C>> {
        let attempt = self.board.attempt();
        self.rounds.iter().map(AsRef::as_ref).find(|round| round.attempt == attempt)
    }

    pub(crate) fn phase(&self) -> Phase {
        match &self.outcome {
            Some(Outcome::Complete(_)) => Phase::Complete,
            Some(Outcome::Aborted(_)) => Phase::Aborted,
            None if !self.is_active() => Phase::Proposed,
            None if self.missing_joins().next().is_some() => Phase::Joining,
            None if self.current_round().is_none() => Phase::Nonces,
            None if self.missing_partials().next().is_some() => Phase::PartialSignatures,
            None => Phase::Finalizing,
        }
    }

    /// Returns the signers that the current phase waits for.
    pub(crate) fn awaiting(&self) -> Vec<SignerIndex> {
        match self.phase() {
            Phase::Proposed | Phase::Finalizing => vec![self.me],
            Phase::Joining => self.missing_joins().collect(),
            Phase::Nonces => self.missing_nonces().collect(),
            Phase::PartialSignatures => self.missing_partials().collect(),
            Phase::Complete | Phase::Aborted => Vec::new(),
        }
    }

    fn missing_joins(&self) -> impl Iterator<Item = SignerIndex> {
        self.agreement.manifest.indices().filter(|&signer| !self.board.has_joined(signer))
    }

    fn with_nonces(&self) -> impl Iterator<Item = SignerIndex> {
        self.agreement.manifest.indices().filter(|&signer| self.has_nonces(signer))
    }

    fn missing_nonces(&self) -> impl Iterator<Item = SignerIndex> {
        self.agreement.manifest.indices().filter(|&signer| !self.has_nonces(signer))
    }

    /// Returns the signers whose partial signatures under the current transcript are there.
    fn with_partials(&self) -> impl Iterator<Item = SignerIndex> {
        self.agreement.manifest.indices().filter(|&signer| self.has_partials(signer))
    }

    fn missing_partials(&self) -> impl Iterator<Item = SignerIndex> {
        self.agreement.manifest.indices().filter(|&signer| !self.has_partials(signer))
    }

    fn has_nonces(&self, signer: SignerIndex) -> bool {
        self.board.nonces(signer, self.board.attempt()).is_some()
    }

    fn has_partials(&self, signer: SignerIndex) -> bool {
        self.current_round().is_some_and(|round| round.partials(&self.board, signer).is_some())
    }

    pub(crate) fn view(&self, config: &Config) -> SessionView {
        SessionView {
            id: self.id(),
            manifest: Arc::clone(&self.agreement.manifest),
            output_keys: Arc::clone(&self.agreement.outputs),
            me: self.me,
            phase: self.phase(),
            is_queued: self.is_queued && self.outcome.is_none(),
            restarts: self.board.restarts(),
            joined: self.board.joined().collect(),
            declined: self.declined().collect(),
            nonces: self.with_nonces().collect(),
            partials: self.with_partials().collect(),
            awaiting: self.awaiting(),
            last_activity: self.last_activity,
            deadline: self.outcome.is_none().then(|| self.phase_deadline(config)),
            statements: self.board.len(),
            released: self.released(),
            signatures: None,
            cause: None,
        }
    }

    /// Whether this node's key joined it, in this life or in an earlier one. Without that, not even
    /// final signatures show that anyone here consented: they may be those of another session of
    /// the same signers over the same messages.
    pub(crate) fn was_joined(&self) -> bool {
        self.is_recalled || self.board.has_joined(self.me)
    }

    /// Notes that the application approved it before this node lost its memory.
    pub(crate) fn resume(&mut self) {
        self.is_resumed = true;
    }

    /// Ends it with signatures that it had before this node lost its memory.
    pub(crate) fn recall<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        signatures: Vec<Signature>,
    ) {
        self.is_recalled = true;
        self.end(cx, Outcome::Complete(signatures));
    }

    fn error<R: CryptoRng>(&self, cx: &mut Context<'_, R>, error: SessionError) {
        cx.emit(Event::SessionError { session: self.id(), error });
    }

    /// Ends this node's part, once: the first outcome stands.
    pub(crate) fn end<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, outcome: Outcome) {
        if self.outcome.is_some() {
            return;
        }
        let session = self.id();
        let released = self.released();
        // Nothing is signed after the end, so the secret nonces are destroyed now.
        if let Some(life) = &mut self.life {
            life.forget_nonces();
        }
        cx.emit(match &outcome {
            Outcome::Complete(signatures) => {
                Event::SessionComplete { session, signatures: signatures.clone() }
            }
            Outcome::Aborted(cause) => {
                Event::SessionAborted { session, cause: cause.clone(), released }
            }
        });
        self.outcome = Some(outcome);
        self.last_activity = cx.now;
    }
}
