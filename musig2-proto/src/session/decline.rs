//! Signers that do not take part in a session: this one, or others.

use super::timing::POLLS_PER_HELLO;
use super::{Outcome, Session};
use crate::api::abort::AbortCause;
use crate::api::event::Event;
use crate::api::output::Destination;
use crate::api::view::Decliner;
use crate::base::time::Timestamp;
use crate::config::OnDecline;
use crate::crypto::Crypto;
use crate::env::context::Context;
use crate::session::board::Filed;
use crate::wire::statement::{AbortReason, Body, Decline, DeclineReason, Statement};
use core::time::Duration;
use rand_core::CryptoRng;
use std::sync::Arc;

/// How many times a coordinator that lost its memory polls the others before a decline ends its
/// session. The decline's author may have joined since, and anyone who holds the old decline can
/// repeat it to a coordinator that no longer holds the join. So it asks honest signers first. The
/// last of these polls follows a hello, so that it also hears from signers that it could no longer
/// find.
const POLLS_BEFORE_DECLINE: u32 = POLLS_PER_HELLO + 1;

impl<C: Crypto> Session<C> {
    /// Ends the session here because the application says so. Returns what the coordinator is to be
    /// told and where to send it, if there is a reason to tell.
    pub(crate) fn decline<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        reason: Option<DeclineReason>,
    ) -> Option<(Destination, Arc<Filed>)> {
        let told = reason.and_then(|reason| self.state_decline(cx, reason));
        self.end(cx, Outcome::Aborted(AbortCause::Declined));
        told
    }

    fn state_decline<R: CryptoRng>(
        &self,
        cx: &mut Context<'_, R>,
        reason: DeclineReason,
    ) -> Option<(Destination, Arc<Filed>)> {
        // If an earlier life of this key has joined, its join stands. A coordinator tells nobody.
        if self.was_joined() || self.is_coordinator() {
            return None;
        }
        let to = self.route(&cx.env.contacts, self.agreement.manifest.coordinator())?;
        let (body, auxiliary) = (Body::Decline(Decline { reason }), cx.random());
        let (statement, hash) =
            Statement::sign::<C>(&self.agreement.id, self.me, body, &self.keypair, &auxiliary)?;
        Some((to, Arc::new(Filed { statement, hash, arrived: cx.now })))
    }

    /// Returns the signers that have declined and not joined.
    pub(super) fn declined(&self) -> impl Iterator<Item = Decliner> {
        self.board.declines().map(|(signer, decline, filed)| Decliner {
            signer,
            reason: decline.reason,
            heard_at: filed.arrived,
        })
    }

    pub(super) fn tell_declines<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        for (signer, &Decline { reason }, _) in self.board.declines() {
            if self.milestones.declined.insert(signer, reason) != Some(reason) {
                cx.emit(Event::SignerDeclined { session: self.agreement.id, signer, reason });
            }
        }
    }

    /// Ends a session that this node proposed and another signer declined: without that signer it
    /// cannot be signed. The abort tells the others which signer it was.
    pub(super) fn step_declined<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let ends = self.is_coordinator() && cx.env.config.on_decline == OnDecline::End;
        if !ends || self.outcome.is_some() {
            return;
        }
        if self.is_resumed && self.timing.fruitless < POLLS_BEFORE_DECLINE {
            return;
        }
        let deadline = self.phase_deadline(&cx.env.config);
        let is_final = |one: &Decliner| !self.may_join_by(deadline, cx.env.config.clock_skew, one);
        let Some(Decliner { signer, reason, .. }) = self.declined().find(is_final) else { return };
        self.say_over(cx, AbortReason::Declined { signer, reason }, None);
        self.end(cx, Outcome::Aborted(AbortCause::SignerDeclined { signer, reason }));
    }

    /// Whether a signer that has declined may still join before a deadline. If its clock is behind,
    /// it will take the session up once that clock is within `clock_skew` of the session's
    /// creation.
    fn may_join_by(&self, deadline: Timestamp, clock_skew: Duration, decliner: &Decliner) -> bool {
        let DeclineReason::Clock { time } = decliner.reason else { return false };
        let wait =
            self.agreement.manifest.created_at().saturating_sub(clock_skew).saturating_since(time);
        !wait.is_zero() && decliner.heard_at.saturating_add(wait) < deadline
    }
}
