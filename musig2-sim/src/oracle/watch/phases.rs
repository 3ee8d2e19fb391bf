//! Nobody gives a phase up before its time: a phase begins with what the node says of it, and anew with each attempt. Its time is the
//! node's own, and goes on where it was when the clock is set back.

use super::{Call, Host, Watch};
use crate::oracle::{Engine, Violation};
use core::time::Duration;
use musig2_proto::{AbortCause, Config, Event, Phase, Timestamp};

impl Host {
    /// Its clock shows this. Where it was set back, phases are as old as before.
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
    /// Notes that a phase begins, and looks whether one ends too soon.
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
        // A session in which nothing happens ends in any phase.
        let time = if share == 1 { time.min(config.inactivity_timeout) } else { time };
        let elapsed = call.clock.saturating_since(part.since);
        let violation = || Violation::TooSoon { node: call.node, event: event.clone(), elapsed };
        // Clocks show whole milliseconds.
        if elapsed.as_millis() < (time / share).as_millis() { Err(violation()) } else { Ok(()) }
    }
}

/// How long a phase may last, where the session does not end before.
fn length(phase: Phase, config: &Config) -> Duration {
    match phase {
        Phase::Proposed | Phase::Joining => config.announcement_ttl,
        Phase::Nonces => config.nonce_timeout,
        Phase::PartialSignatures => config.partial_sig_timeout,
        // As long as the session.
        _ => Duration::MAX,
    }
}
