//! The end of a proposer's patience: the same whether `propose` runs the node or a daemon does.

use crate::ending::Ending;
use crate::failure::Failure;
use musig2_libp2p::musig2_proto::{Command, CommandError, Note, SessionId, SessionView};
use musig2_libp2p::{Handle, HandleError};
use std::time::Duration;

/// Ends this node's part in a session that it proposed, because it has waited so long; the others are told. `None` where the session has
/// ended by itself in the same moment.
pub(crate) async fn give_up(
    handle: &Handle,
    session: SessionId,
    waited: Duration,
) -> Result<Option<Ending>, Failure> {
    let view = handle.session(session).await?.ok_or(Failure::Forgotten(session))?;
    if has_ended(&view) || !abort(handle, session, "the proposer's timeout is over").await? {
        return Ok(None);
    }
    Ok(Some(Ending::gave_up(&view, &format!("not finished within {} seconds,", waited.as_secs()))))
}

/// Tells the others, who would wait in vain. Says whether it was open until now.
pub(crate) async fn abort(handle: &Handle, session: SessionId, reason: &str) -> Result<bool, Failure> {
    match handle.execute(Command::AbortSession { session, reason: Note::new(reason) }).await {
        Err(HandleError::Command(CommandError::Ended(_))) => Ok(false),
        outcome => Ok(outcome.map(|()| true)?),
    }
}

/// With signatures or without.
pub(crate) fn has_ended(view: &SessionView) -> bool {
    view.signatures.is_some() || view.cause.is_some()
}
