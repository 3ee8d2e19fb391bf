//! Hearing a message again changes nothing. A copy of the node hears each message a second time;
//! and when a session ends, the copy hears the last messages from before once more.

use super::{Call, Cause, State, Watch};
use crate::engine::Engine;
use crate::oracle::Violation;
use musig2_proto::{Event, Input, ManifestError, Node, Offence, Output, SessionId, SessionView};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// How many of a node's last messages are kept.
const KEPT: usize = 32;

impl Watch {
    pub(super) fn probe<C: Engine>(&mut self, call: &Call<'_, C>) -> Result<(), Violation> {
        let Cause::Heard { input: Some(input), .. } = call.cause else { return Ok(()) };
        // A message that was dropped for lack of time or room is not known yet, so hearing it again
        // may change something.
        let put_off = |output: &Output| matches!(output, Output::Report(report) if matches!(report.offence, Offence::TooMany | Offence::Busy | Offence::NoRoom));
        let Some(mut copy) = C::copy(call.state).filter(|_| !call.outputs.iter().any(put_off))
        else {
            return Ok(());
        };
        let views: Vec<_> = copy.sessions().collect();
        self.hear_again(call, &mut copy, input, |_| true, &views)?;
        let over: Vec<_> = call.outputs.iter().filter_map(ended).collect();
        for id in over {
            let part = self
                .names
                .get(id)
                .and_then(|&session| self.hosts[call.node.as_usize()].parts.get(session));
            if part.is_some_and(|part| part.state == State::Ended { joined: true }) {
                let view: Vec<_> = call.state.session(id).into_iter().collect();
                let heard =
                    self.close.iter().filter_map(|close| close.heard.get(&call.node)).flatten();
                for input in heard {
                    self.hear_again(call, &mut copy, input, |session| session == *id, &view)?;
                }
            }
        }
        if let (Some(close), Input::Frame { .. } | Input::Announcement { .. }) =
            (&mut self.close, input)
        {
            let heard = close.heard.entry(call.node).or_default();
            if heard.len() == KEPT {
                heard.pop_front();
            }
            heard.push_back(input.clone());
        }
        Ok(())
    }

    /// Lets a copy hear something that the node has already heard. The sessions concerned must not
    /// report an event, and their views must stay the same.
    fn hear_again<C: Engine>(
        &self,
        call: &Call<'_, C>,
        copy: &mut Node<C>,
        input: &Input,
        concerns: impl Fn(SessionId) -> bool,
        views: &[SessionView],
    ) -> Result<(), Violation> {
        let node = call.node;
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let outputs = C::unrecorded(|| copy.handle(call.clock, &mut rng, input.clone()));
        let said = outputs.iter().find_map(|output| match output {
            // The same call may have forgotten an expired session, and then refuse it.
            Output::Event(Event::SessionRefused { error, .. })
                if matches!(**error, ManifestError::Over(_)) =>
            {
                None
            }
            Output::Event(event) if concerns(event.session()) => Some(event),
            _ => None,
        });
        if let Some(event) = said {
            return Err(Violation::HeardAgain { node, what: format!("says {event:?}") });
        }
        let changed = views.iter().find(|view| copy.session(&view.id).as_ref() != Some(view));
        changed.map_or(Ok(()), |view| {
            Err(Violation::HeardAgain { node, what: format!("session {} changes", view.id) })
        })
    }
}

/// Returns the session that this output ends.
fn ended(output: &Output) -> Option<&SessionId> {
    match output {
        Output::Event(
            Event::SessionComplete { session, .. } | Event::SessionAborted { session, .. },
        ) => Some(session),
        _ => None,
    }
}
