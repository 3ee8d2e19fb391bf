//! How many outputs a call may give out and how many signatures it may check, given the size of its
//! input. Without such a bound a small message could make a node work hard.

use super::{Call, Cause, State, Watch};
use crate::engine::Engine;
use crate::oracle::Violation;
use musig2_proto::{Command, Event, Output};

/// The fewest bytes that a signature to be checked takes on the wire.
const SIGNATURE: usize = 64;

/// How many frames of a session that it does not know yet a node keeps.
const STASHED: usize = 16;

impl Watch {
    pub(super) fn check_bounds<C: Engine>(
        &self,
        call: &Call<'_, C>,
        checks: u64,
    ) -> Result<(), Violation> {
        let node = call.node;
        let host = &self.hosts[node.as_usize()];
        let facts = self.sessions.iter().zip(&host.parts);
        let known = facts.filter(|(_, part)| part.state != State::Unknown);
        // The extra one is for a session that this call brought, which is not among the known ones
        // yet.
        let (mut sessions, mut items) = (1, 1);
        for (session, _) in known {
            sessions += 1;
            items = items.max(session.manifest.items().len());
        }
        let signers = self.hosts.len();
        // For each session: an event for each signer's join, nonces and partial signatures and a
        // few more, and for each signer a pushed frame, a relayed one and one that asks.
        let most = sessions * (6 * signers + 12) + 2 * STASHED;
        if call.outputs.len() > most {
            return Err(Violation::TooManyOutputs { node, outputs: call.outputs.len(), most });
        }
        let opens =
            |output: &Output| matches!(output, Output::Event(Event::SessionDiscovered { .. }));
        let heard = match call.cause {
            // This is when the frames that were kept for the unknown session are read.
            Cause::Ordered(Command::ResumeSession { .. }) => (STASHED + 1) * host.largest,
            _ if call.outputs.iter().any(opens) => (STASHED + 1) * host.largest,
            Cause::Heard { size, .. } => size,
            Cause::Ordered(_) => 0,
        };
        // Each session may also make its own partial signatures and search everybody's for a bad
        // one, in two attempts.
        let most = heard / SIGNATURE + sessions * (2 * items * (signers + 1) + 8);
        if checks > most as u64 {
            return Err(Violation::TooManyChecks { node, checks, most });
        }
        Ok(())
    }
}
