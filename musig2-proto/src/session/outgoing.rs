//! Splits what is sent to a peer into frames of the allowed size.

use crate::api::output::{Destination, Output};
use crate::base::bounded::List;
use crate::base::bytes::Signature;
use crate::base::codec::{encode_message, encoded_size};
use crate::base::ids::SessionId;
use crate::env::context::{BYTES_PER_CHECK, Context};
use crate::session::board::Filed;
use crate::wire::announcement::Announcement;
use crate::wire::frame::{Frame, Have, MAX_STATEMENTS, Request};
use crate::wire::statement::Statement;
use std::sync::Arc;

/// What is sent to one peer at once.
pub(crate) struct Parcel {
    pub(crate) session: SessionId,
    pub(crate) request: Request,
    pub(crate) have: Option<Have>,
    pub(crate) announcement: Option<Announcement>,
    pub(crate) statements: Vec<Arc<Filed>>,
    pub(crate) signatures: Option<Vec<Signature>>,
}

impl Parcel {
    pub(crate) fn new(session: SessionId, have: Option<Have>) -> Self {
        let (statements, signatures) = (Vec::new(), None);
        Self {
            session,
            request: Request::Nothing,
            have,
            announcement: None,
            statements,
            signatures,
        }
    }

    /// Returns what sending it costs the peer that asked for it, in signature checks, beyond the
    /// one that it pays for asking.
    pub(crate) fn price(&self) -> usize {
        let statements: usize =
            self.statements.iter().map(|filed| encoded_size(&filed.statement)).sum();
        let announcement = self.announcement.as_ref().map_or(0, encoded_size);
        let signatures = self.signatures.as_ref().map_or(0, |signatures| 64 * signatures.len());
        (statements + announcement + signatures) / BYTES_PER_CHECK
    }
}

/// Sends it in as few frames as `max_frame_size` allows. The request, the announcement and the
/// signatures go with the first frame; the statements follow in order.
pub(crate) fn send<R>(cx: &mut Context<'_, R>, to: &Destination, parcel: Parcel) {
    let Parcel { session, request, have, announcement, statements, signatures } = parcel;
    let signatures = signatures.and_then(|signatures| List::new(signatures).ok());
    let mut frame =
        Frame { session, request, have, announcement, statements: List::empty(), signatures };
    let mut size = message_size(&frame);
    let mut batch: Vec<Statement> = Vec::new();
    for filed in statements {
        let more = encoded_size(&filed.statement);
        // Three bytes are for the number of statements. A frame with nothing else in it is not
        // closed: a statement that is too large for any frame goes alone.
        let full = size + more + 3 > cx.env.config.max_frame_size || batch.len() == MAX_STATEMENTS;
        if full && (!batch.is_empty() || frame.announcement.is_some() || frame.signatures.is_some())
        {
            let rest = Frame {
                session,
                request: Request::Nothing,
                have: frame.have.clone(),
                announcement: None,
                statements: List::empty(),
                signatures: None,
            };
            let first = core::mem::replace(&mut frame, rest);
            emit(cx, to, first, core::mem::take(&mut batch));
            size = message_size(&frame);
        }
        size += more;
        batch.push(filed.statement.clone());
    }
    emit(cx, to, frame, batch);
}

/// Returns the size with the version byte.
fn message_size(frame: &Frame) -> usize {
    1 + encoded_size(frame)
}

fn emit<R>(
    cx: &mut Context<'_, R>,
    to: &Destination,
    mut frame: Frame,
    statements: Vec<Statement>,
) {
    // `send` never batches more than `MAX_STATEMENTS`, so they always fit.
    frame.statements = List::new(statements).unwrap_or_else(|_| List::empty());
    cx.out.push(Output::Send { to: to.clone(), bytes: encode_message(&frame) });
}

#[cfg(test)]
mod tests;
