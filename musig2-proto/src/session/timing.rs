//! Deadlines, stalls, polls and announcements.

use super::haste::Haste;
use super::{Outcome, Session};
use crate::api::abort::AbortCause;
use crate::api::event::Event;
use crate::api::view::Phase;
use crate::base::ids::{AttemptId, Source};
use crate::base::time::Timestamp;
use crate::config::{Config, PhaseTimeout};
use crate::crypto::Crypto;
use crate::env::context::{Context, jitter};
use crate::wire::announcement::Announcement;
use core::time::Duration;
use rand_core::CryptoRng;

/// Every third poll in vain is followed by a hello.
pub(super) const POLLS_PER_HELLO: u32 = 3;

/// Deadlines and retry state of a session.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Timing {
    /// The phase and attempt that the other fields are about, and since when.
    phase: Option<(Phase, AttemptId)>,
    since: Timestamp,
    stalled: bool,
    timed_out: bool,
    poll_at: Option<Timestamp>,
    poll_interval: Duration,
    /// Polls since phase or attempt last changed.
    pub(super) fruitless: u32,
    announce_at: Option<Timestamp>,
    announce_interval: Duration,
    /// When to announce to new listeners.
    audience: Haste,
    pub(super) relay_at: Option<Timestamp>,
    /// Counts the frames of this life.
    pub(super) sequence: u64,
}

impl Timing {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            phase: None,
            since: now,
            stalled: false,
            timed_out: false,
            poll_at: None,
            poll_interval: Duration::ZERO,
            fruitless: 0,
            announce_at: None,
            announce_interval: Duration::ZERO,
            audience: Haste::default(),
            relay_at: None,
            sequence: 0,
        }
    }

    /// Moves times back when the clock was set back, so that pauses stay as long as they were.
    fn set_back(&mut self, by: Duration) {
        self.since = self.since.saturating_sub(by);
        self.audience.set_back(by);
        for at in [&mut self.poll_at, &mut self.announce_at, &mut self.relay_at] {
            *at = at.map(|at| at.saturating_sub(by));
        }
    }

    pub(super) fn relay_by(&mut self, due: Timestamp) {
        self.relay_at = Some(self.relay_at.map_or(due, |at| at.min(due)));
    }
}

impl<C: Crypto> Session<C> {
    /// Moves pauses back when the caller's clock was set back.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.timing.set_back(by);
        self.links.iter_mut().for_each(|link| link.back.set_back(by));
        self.last_activity = self.last_activity.saturating_sub(by);
        self.spare.set_back(by);
    }

    /// Restarts the clocks of a phase if the phase or the attempt has changed.
    pub(super) fn keep_time<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let phase = (self.phase(), self.board.attempt());
        if self.timing.phase == Some(phase) {
            return;
        }
        let timing = &mut self.timing;
        timing.phase = Some(phase);
        timing.since = cx.now;
        timing.stalled = false;
        timing.timed_out = false;
        timing.fruitless = 0;
        timing.poll_interval = cx.env.config.poll_interval;
        if phase.0 != Phase::Joining {
            timing.announce_at = None;
            timing.audience.forget();
        } else if timing.announce_at.is_none() {
            self.wait_to_announce(cx);
        }
        let pause = cx.env.config.poll_interval + jitter(cx, cx.env.config.poll_interval);
        self.timing.poll_at = Some(cx.now.saturating_add(pause));
        self.last_activity = cx.now;
    }

    /// Returns when the phase runs out of time, which is never after the session does.
    pub(crate) fn phase_deadline(&self, config: &Config) -> Timestamp {
        let since = self.timing.since;
        let manifest = &self.agreement.manifest;
        let deadline = match self.phase() {
            // A session that waits for its turn may wait until it expires.
            Phase::Proposed if self.is_queued() => manifest.expires_at(),
            Phase::Proposed | Phase::Joining => since.saturating_add(config.announcement_ttl),
            Phase::Nonces => since.saturating_add(config.nonce_timeout),
            Phase::PartialSignatures => since.saturating_add(config.partial_sig_timeout),
            Phase::Finalizing | Phase::Complete | Phase::Aborted => manifest.expires_at(),
        };
        deadline.min(manifest.expires_at())
    }

    /// Returns when half of the phase's time is over.
    fn stall_at(&self, config: &Config) -> Timestamp {
        let since = self.timing.since;
        since.saturating_add(self.phase_deadline(config).saturating_since(since) / 2)
    }

    /// Returns when [`Session::tick`] has something to do next.
    pub(crate) fn next_deadline(&self, config: &Config) -> Option<Timestamp> {
        if self.outcome.is_some() {
            return None;
        }
        let expiry = self.agreement.manifest.expires_at();
        let phase = (!self.timing.timed_out).then(|| self.phase_deadline(config));
        let Timing { poll_at, announce_at, relay_at, stalled, .. } = self.timing;
        let stall = (!stalled && self.is_active()).then(|| self.stall_at(config));
        let back = self.links.iter().filter_map(|link| link.back.at()).min();
        let active = [poll_at, announce_at, self.timing.audience.at(), relay_at, back];
        let active = active.map(|at| at.filter(|_| self.is_active()));
        let inactive = self.last_activity.saturating_add(config.inactivity_timeout);
        [Some(expiry), Some(inactive), phase, stall].into_iter().chain(active).flatten().min()
    }

    /// Does everything that is due by now.
    pub(crate) fn tick<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let due = |at: Option<Timestamp>| at.is_some_and(|at| cx.now >= at);
        if self.outcome.is_some() || !due(self.next_deadline(&cx.env.config)) {
            return;
        }
        let (poll, announce, relay) =
            (due(self.timing.poll_at), due(self.timing.announce_at), due(self.timing.relay_at));
        if cx.now >= self.agreement.manifest.expires_at() {
            let awaiting = self.awaiting();
            return self.end(cx, Outcome::Aborted(AbortCause::Expired { awaiting }));
        }
        if cx.now >= self.last_activity.saturating_add(cx.env.config.inactivity_timeout) {
            let (phase, awaiting) = (self.phase(), self.awaiting());
            return self.end(cx, Outcome::Aborted(AbortCause::TimedOut { phase, awaiting }));
        }
        if cx.now >= self.phase_deadline(&cx.env.config) {
            self.time_out(cx);
        }
        if self.outcome.is_some() || !self.is_active() {
            return;
        }
        if !self.timing.stalled && cx.now >= self.stall_at(&cx.env.config) {
            self.timing.stalled = true;
            self.say_stalled(cx);
        }
        if poll {
            self.poll_now(cx);
        }
        self.ask_again(cx);
        if announce {
            self.announce_now(cx);
        }
        if self.timing.audience.is_due(cx.now) {
            self.announce_to_newcomers(cx);
        }
        if relay {
            self.flush(cx);
        }
    }

    fn time_out<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if self.timing.timed_out {
            return;
        }
        self.timing.timed_out = true;
        let phase = self.phase();
        // A session that is still proposed can no longer be joined, so it ends in any case.
        if cx.env.config.phase_timeout == PhaseTimeout::End || phase == Phase::Proposed {
            let awaiting = self.awaiting();
            self.end(cx, Outcome::Aborted(AbortCause::TimedOut { phase, awaiting }));
        } else {
            self.say_stalled(cx);
        }
    }

    fn say_stalled<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        cx.emit(Event::Stalled {
            session: self.id(),
            phase: self.phase(),
            awaiting: self.awaiting(),
        });
    }

    fn poll_now<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        self.poll(cx);
        if self.timing.fruitless % POLLS_PER_HELLO == POLLS_PER_HELLO - 1 {
            self.say_hello(cx);
        }
        // Joins may have to wait for people, so these polls may become rarer than others.
        let longest = match self.phase() {
            Phase::Joining => cx.env.config.max_join_poll_interval,
            _ => cx.env.config.max_poll_interval,
        };
        let jitter = jitter(cx, self.timing.poll_interval);
        let timing = &mut self.timing;
        timing.fruitless = timing.fruitless.saturating_add(1);
        timing.poll_interval = timing.poll_interval.saturating_mul(2).min(longest);
        timing.poll_at = Some(cx.now.saturating_add(timing.poll_interval + jitter));
    }

    /// Says hello after polls in vain: the signers that should answer may not know where this node
    /// is.
    fn say_hello<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if self.announcement.as_ref().is_none_or(|announcement| announcement.content.private) {
            return;
        }
        cx.say_hello::<C>(&self.keypair, self.agreement.manifest.created_at());
    }

    /// Notes that a peer came back: signers whose statements came from there are asked again, at
    /// once or as soon as `Haste` allows. This is not a poll, so without an answer it does not
    /// count as one in vain.
    pub(crate) fn hasten<R>(&mut self, cx: &Context<'_, R>, peer: &Source) {
        if self.is_active() {
            let back = self.links.iter_mut().filter(|link| link.is_at(peer));
            back.for_each(|link| link.back.bring_forward(cx.now));
        }
    }

    /// Announces a session that was made here: at once, or when it is joined.
    pub(crate) fn announce<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        announcement: Announcement,
    ) {
        self.announcement = Some(announcement);
        if self.is_joined() {
            self.announce_now(cx);
        }
    }

    /// Publishes the announcement, and repeats it with growing pauses until all have joined.
    pub(crate) fn announce_now<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        self.timing.announce_at = None;
        if self.announcement.as_ref().is_some_and(|announcement| cx.publish(announcement)) {
            self.wait_to_announce(cx);
        }
    }

    /// Schedules the next announcement. The coordinator repeats its own soon; other signers do so
    /// only if nobody else does.
    pub(crate) fn wait_to_announce<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if !matches!(self.phase(), Phase::Joining) {
            return;
        }
        let first = if self.is_coordinator() {
            cx.env.config.announce_interval
        } else {
            cx.env.config.announce_instead
        };
        let interval = &mut self.timing.announce_interval;
        *interval = if interval.is_zero() { first } else { interval.saturating_mul(2) };
        *interval = (*interval).min(cx.env.config.max_announce_interval.max(first));
        let pause = *interval;
        let pause = pause + jitter(cx, pause);
        self.timing.announce_at = Some(cx.now.saturating_add(pause));
    }

    /// Whether this node repeats the announcement for new listeners.
    pub(crate) fn seeks_audience(&self) -> bool {
        self.is_coordinator() && self.is_active() && self.timing.announce_at.is_some()
    }

    /// Brings the next announcement forward because somebody new listens. All newcomers within a
    /// quarter of the first interval share one announcement. Without a join in between, the pauses
    /// double: somebody may come and go all the time.
    pub(crate) fn announce_sooner<R>(&mut self, cx: &Context<'_, R>) {
        if self.seeks_audience() {
            self.timing
                .audience
                .bring_forward(cx.now.saturating_add(cx.env.config.announce_interval / 4));
        }
    }

    fn announce_to_newcomers<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        self.timing.audience.done(cx.now, cx.env.config.max_announce_interval);
        if let Some(announcement) = &self.announcement {
            cx.publish(announcement);
        }
    }

    /// Makes these pauses short again: a signer joined, so announcing to newcomers was worth it.
    pub(super) fn note_join<R>(&mut self, cx: &Context<'_, R>) {
        self.timing.audience.reward(cx.now);
    }

    /// Puts off this node's next announcement because someone else has just announced the session.
    pub(crate) fn heard_announcement<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        if self.timing.announce_at.is_some() && !self.is_coordinator() {
            self.timing.announce_interval = Duration::ZERO;
            self.wait_to_announce(cx);
        }
    }
}
