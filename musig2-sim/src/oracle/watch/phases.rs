//! No node gives up on a phase too early. A phase begins when the node says so, and again with each
//! attempt. Its length is measured by the node's own clock; setting that clock back does not change
//! how old the phase is.

use super::{Call, Host, Watch};
use crate::engine::Engine;
use crate::oracle::Violation;
use core::time::Duration;
use musig2_proto::{AbortCause, Config, Event, Phase, Timestamp};

impl Host {
    /// Records what its clock shows. If it was set back, the beginnings of phases move with it, so
    /// that phases keep their age.
    pub(super) fn notice_time(&mut self, clock: Timestamp) {
        let back = self.clock.saturating_since(clock);
        self.clock = clock;
        if !back.is_zero() {
            for part in &mut self.parts {
                part.since = part.since.saturating_sub(back);
            }
        }
    }
}

impl Watch {
    /// Records that a phase begins, and checks that none ends too early.
    pub(super) fn check_phase<C: Engine>(
        &mut self,
        call: &Call<'_, C>,
        session: usize,
        event: &Event,
    ) -> Result<(), Violation> {
        let expiry = self.sessions[session].manifest.expires_at();
        let part = self.part(call.node, session);
        let (phase, share) = match event {
            Event::SessionDiscovered { .. }
            | Event::SessionCreated { .. }
            | Event::SessionReady { .. }
            | Event::AttemptRestarted { .. }
            | Event::NoncesComplete { .. }
            | Event::PartialSigsComplete { .. } => {
                part.since = call.clock;
                return Ok(());
            }
            Event::Stalled { phase, .. } => (*phase, 2),
            Event::SessionAborted { cause: AbortCause::TimedOut { phase, .. }, .. } => (*phase, 1),
            _ => return Ok(()),
        };
        let config = call.state.config();
        let time = length(phase, config).min(expiry.saturating_since(part.since));
        // Inactivity may end a session in any phase.
        let time = if share == 1 { time.min(config.inactivity_timeout) } else { time };
        let elapsed = call.clock.saturating_since(part.since);
        let violation = || Violation::TooSoon { node: call.node, event: event.clone(), elapsed };
        // Clocks show whole milliseconds.
        if elapsed.as_millis() < (time / share).as_millis() { Err(violation()) } else { Ok(()) }
    }
}

/// Returns how long a phase may last, if the session does not end before.
fn length(phase: Phase, config: &Config) -> Duration {
    match phase {
        Phase::Proposed | Phase::Joining => config.announcement_ttl,
        Phase::Nonces => config.nonce_timeout,
        Phase::PartialSignatures => config.partial_sig_timeout,
        // These last as long as the session.
        _ => Duration::MAX,
    }
}
