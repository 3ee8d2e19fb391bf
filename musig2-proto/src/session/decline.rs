//! Signers that do not take part in a session: this node, or others.

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

/// How often a coordinator that lost its memory asks the others before it ends its session because of a decline. Its author may have joined since:
/// whoever holds an old decline can repeat it to a coordinator that no longer holds the join, and honest signers are asked for that first. The last of
/// these polls follows a hello, so that those are heard, too, that this node no longer knew where to find.
const POLLS_BEFORE_DECLINE: u32 = POLLS_PER_HELLO + 1;

impl<C: Crypto> Session<C> {
    /// Ends the session here by the application's order. Gives what the proposer is to be told, and where it is, if there is a reason to give.
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
        // An earlier life that joined stands.
        if self.was_joined() || self.is_coordinator() {
            return None;
        }
        let to = self.route(cx.contacts, self.agreement.manifest.coordinator())?;
        let (body, auxiliary) = (Body::Decline(Decline { reason }), cx.random());
        let (statement, hash) =
            Statement::sign::<C>(&self.agreement.id, self.me, body, &self.keypair, &auxiliary)?;
        Some((to, Arc::new(Filed { statement, hash, arrived: cx.now })))
    }

    /// Who has declined, and has not joined.
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

    /// A session of this node's own cannot be signed without the signer that declined it. The others are told which that is.
    pub(super) fn step_declined<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) {
        let ends = self.is_coordinator() && cx.config.on_decline == OnDecline::End;
        if !ends || self.outcome.is_some() {
            return;
        }
        if self.is_resumed && self.timing.fruitless < POLLS_BEFORE_DECLINE {
            return;
        }
        let deadline = self.phase_deadline(cx.config);
        let is_final = |one: &Decliner| !self.may_join_by(deadline, cx.config.clock_skew, one);
        let Some(Decliner { signer, reason, .. }) = self.declined().find(is_final) else { return };
        self.say_over(cx, AbortReason::Declined { signer, reason }, None);
        self.end(cx, Outcome::Aborted(AbortCause::SignerDeclined { signer, reason }));
    }

    /// Whether a signer that has declined may still join before a deadline: one whose clock is behind takes the session up when its own clock has
    /// come near the time at which the session was made.
    fn may_join_by(&self, deadline: Timestamp, clock_skew: Duration, decliner: &Decliner) -> bool {
        let DeclineReason::Clock { time } = decliner.reason else { return false };
        let wait =
            self.agreement.manifest.created_at().saturating_sub(clock_skew).saturating_since(time);
        !wait.is_zero() && decliner.heard_at.saturating_add(wait) < deadline
    }
}
