//! Ends the wait of a proposer that has run out of time, in the same way whether `propose` runs the
//! node or a daemon does.

use crate::failure::Failure;
use crate::model::ending::Ending;
use crate::model::labels::Labels;
use crate::order::MARGIN;
use crate::text::time::until;
use musig2_libp2p::musig2_proto::{Command, CommandError, Note, PublicKey, SessionId, SessionView};
use musig2_libp2p::{Handle, HandleError};
use std::time::Duration;

/// Ends this node's part in a session that it proposed, because it has waited this long; the others
/// are told. Returns `None` if the session has just ended anyway.
pub(crate) async fn give_up(
    handle: &Handle,
    session: SessionId,
    waited: Duration,
    labels: &Labels,
) -> Result<Option<Ending>, Failure> {
    let view = handle.session(session).await?.ok_or(Failure::Forgotten(session))?;
    if has_ended(&view) || !order(handle, session, Command::GiveUp { session }).await? {
        return Ok(None);
    }
    Ok(Some(Ending::gave_up(
        &view,
        &format!("not finished within {} seconds,", waited.as_secs()),
        labels,
    )))
}

/// Applies the same limit to a session that this node proposed before it was restarted. The limit
/// follows from the manifest.
pub(crate) fn resume(handle: &Handle, view: &SessionView, labels: &Labels) {
    let manifest = &view.manifest;
    if manifest.coordinator() != view.me {
        return;
    }
    let waited =
        manifest.expires_at().saturating_since(manifest.created_at()).saturating_sub(MARGIN);
    let left = until(manifest.expires_at()).saturating_sub(MARGIN);
    let (handle, session, labels) = (handle.clone(), view.id, labels.clone());
    tokio::spawn(async move {
        tokio::time::sleep(left).await;
        // An error means that the node has stopped, or that the session is over and forgotten.
        let _ = give_up(&handle, session, waited, &labels).await;
    });
}

/// Aborts a session, so that the others do not wait in vain. Returns whether it was open until now.
pub(crate) async fn abort(
    handle: &Handle,
    session: SessionId,
    reason: &str,
) -> Result<bool, Failure> {
    order(handle, session, Command::AbortSession { session, reason: Note::new(reason) }).await
}

async fn order(handle: &Handle, session: SessionId, command: Command) -> Result<bool, Failure> {
    match handle.execute(command).await {
        Ok(()) => Ok(true),
        Err(HandleError::Command(CommandError::Ended(_))) => Ok(false),
        Err(error) => Err(Failure::of_ending(session, error)),
    }
}

impl Ending {
    /// The keys of the other signers that were waited for.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = PublicKey> {
        self.awaiting.iter().filter(|signer| !signer.you).map(|signer| signer.public_key)
    }
}

/// Returns whether the session has ended, with or without signatures.
pub(crate) fn has_ended(view: &SessionView) -> bool {
    view.signatures.is_some() || view.cause.is_some()
}
