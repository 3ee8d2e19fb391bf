//! Goes silent at some point.

use super::letters::{edit_frames, edit_own, edit_statements};
use super::{Adversary, Means};
use crate::engine::Engine;
use crate::plan::Withheld;
use musig2_proto::Output;
use musig2_proto::wire::frame::Request;
use musig2_proto::wire::statement::Body;

/// Withholds something, no matter who asks.
pub(super) struct Withhold(pub(super) Withheld);

impl<C: Engine> Adversary<C> for Withhold {
    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let withheld = self.0;
        let outputs = edit_own(means, outputs, |_, _, _, statement| {
            let kept = match withheld {
                Withheld::Joins => matches!(statement.body, Body::Join(_)),
                Withheld::Nonces => matches!(statement.body, Body::Nonces(_)),
                Withheld::Partials => matches!(statement.body, Body::Partials(_)),
                Withheld::EverythingElse => !matches!(statement.body, Body::Join(_)),
            };
            (!kept).then_some(statement)
        });
        edit_frames(outputs, |_, frame| {
            if withheld == Withheld::EverythingElse {
                edit_statements(frame, |statement| {
                    matches!(statement.body, Body::Join(_)).then_some(statement)
                });
                (frame.request, frame.have, frame.signatures) = (Request::Nothing, None, None);
                return !frame.statements.is_empty() || frame.announcement.is_some();
            }
            frame.signatures = frame.signatures.take().filter(|_| withheld != Withheld::Partials);
            true
        })
    }
}
