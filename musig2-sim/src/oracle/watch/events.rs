//! In each life of a node a session begins once, progresses while it is open, and ends once.

use super::{Call, Cause, Session, State, Watch};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::oracle::Violation;
use core::time::Duration;
use musig2_proto::{AbortCause, Command, Event, ManifestError};

impl Watch {
    pub(super) fn take_event<C: Engine>(
        &mut self,
        call: &Call<'_, C>,
        event: &Event,
    ) -> Result<(), Violation> {
        let (node, id) = (call.node, event.session());
        // No other node need know the session.
        let out_of_place = || Violation::OutOfPlace { node, event: event.clone() };
        if let Event::SessionRefused { error, .. } = event {
            let is_near = |ahead: Duration| ahead <= call.state.config().clock_skew;
            let is_wrong = matches!(**error, ManifestError::InFuture(ahead) if is_near(ahead));
            return if is_wrong { Err(out_of_place()) } else { Ok(()) };
        }
        let session = self.session(call, &id).ok_or_else(out_of_place)?;
        let may_begin = self.may_begin(node, session, call);
        let was_set_back = self.hosts.get(node.as_usize()).is_some_and(|host| host.was_set_back);
        let part = self.part(node, session);
        let fits = match event {
            Event::SessionCreated { .. } => {
                part.approvals += 1;
                core::mem::replace(&mut part.state, State::Approved) == State::Unknown
                    && matches!(call.cause, Cause::Ordered(Command::CreateSession(_)))
            }
            Event::SessionDiscovered { .. } => {
                part.state = State::Discovered;
                may_begin
            }
            Event::SessionComplete { .. } | Event::SessionAborted { .. } => {
                let complete = matches!(event, Event::SessionComplete { .. });
                let joined = complete || part.state == State::Approved;
                let state = if made_room(event) { State::Unknown } else { State::Ended { joined } };
                let before = core::mem::replace(&mut part.state, state);
                // A node that convicts tells the others, with the proof. A node whose session is
                // declined tells them who declined. So both count as having aborted.
                part.gave_up |= is_told(event);
                matches!(before, State::Discovered | State::Approved)
            }
            Event::SessionWithdrawn { .. } => part.state == State::Discovered,
            // An honest signer has one life at a time. But a node whose clock was set back may take
            // its own earlier join for somebody else's.
            Event::KeyInUseElsewhere { .. } => was_set_back,
            Event::LateSignature { .. } => matches!(part.state, State::Ended { .. }),
            _ => part.state == State::Approved,
        };
        if !fits {
            return Err(out_of_place());
        }
        self.check_phase(call, session, event)?;
        match event {
            Event::SessionCreated { .. } => self.check_proposed(call, session),
            Event::SessionDiscovered { .. } => self.check_present(call, session),
            Event::SessionComplete { signatures, .. } | Event::LateSignature { signatures, .. } => {
                self.check_signatures::<C>(node, session, signatures)
            }
            Event::SessionAborted { cause, .. } | Event::SessionWithdrawn { cause, .. } => {
                self.check_blame::<C>(node, session, event, cause)
            }
            Event::SignerDeclined { signer, .. } => {
                self.check_decline(node, session, event, *signer)
            }
            _ => Ok(()),
        }
    }

    /// Checks that the session that a node made is the one that its application proposed.
    fn check_proposed<C: Engine>(
        &self,
        call: &Call<'_, C>,
        session: usize,
    ) -> Result<(), Violation> {
        let Cause::Ordered(Command::CreateSession(proposal)) = call.cause else { return Ok(()) };
        let Session { id, manifest, .. } = &self.sessions[session];
        let mut signers = proposal.signers().to_vec();
        signers.sort_unstable();
        let same = manifest.items() == proposal.items()
            && (manifest.signers() == signers || manifest.signers() == proposal.signers());
        if same { Ok(()) } else { Err(Violation::OtherManifest { session: *id, node: call.node }) }
    }

    /// Checks that a discovered session was not created in the future, except for as much as clocks
    /// may differ.
    fn check_present<C: Engine>(
        &self,
        call: &Call<'_, C>,
        session: usize,
    ) -> Result<(), Violation> {
        let Session { id, manifest, .. } = &self.sessions[session];
        let ahead = manifest.created_at().saturating_since(call.clock);
        let is_present = ahead <= call.state.config().clock_skew;
        let violation = Violation::FromTheFuture { session: *id, node: call.node, ahead };
        if is_present { Ok(()) } else { Err(violation) }
    }

    /// Returns whether a session can be discovered: it is unknown, or was forgotten.
    fn may_begin<C: Engine>(&self, node: NodeId, session: usize, call: &Call<'_, C>) -> bool {
        let host = &self.hosts[node.as_usize()];
        match host.parts.get(session).map(|part| part.state).unwrap_or_default() {
            State::Unknown => true,
            State::Discovered | State::Approved => false,
            State::Ended { joined } => {
                let over = self.sessions[session].manifest.expires_at();
                // Sessions that were never joined are remembered only by their ids, and only until
                // they expire.
                let pause =
                    if joined { call.state.config().clock_skew * 2 } else { Duration::ZERO };
                host.latest >= over.saturating_add(pause)
            }
        }
    }
}

/// Returns whether a session was dropped to make room. It can be discovered again.
fn made_room(event: &Event) -> bool {
    matches!(event, Event::SessionAborted { cause: AbortCause::MadeRoom, .. })
}

fn is_told(event: &Event) -> bool {
    let told = |cause: &AbortCause| {
        matches!(cause, AbortCause::Convicted { .. } | AbortCause::SignerDeclined { .. })
    };
    matches!(event, Event::SessionAborted { cause, .. } if told(cause))
}
