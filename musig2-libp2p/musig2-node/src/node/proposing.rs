//! Carries out an order.

use crate::failure::Failure;
use crate::order::{Order, Usage};
use musig2_libp2p::Handle;
use musig2_libp2p::musig2_proto::{Audience, Command, SessionId};

impl Order {
    /// Makes the session, calls `made`, and then announces it.
    pub(crate) async fn carry_out(
        &self,
        handle: &Handle,
        made: impl AsyncFnOnce(SessionId),
    ) -> Result<SessionId, Failure> {
        let own = handle.public_keys().first().copied();
        let proposal = self.proposal(own.ok_or_else(|| Usage("the node has no key".into()))?)?;
        for (signer, contact) in self.contacts()? {
            handle.execute(Command::AddContact { signer, contact: contact.encode() }).await?;
        }
        let session = handle.create_session(proposal).await?;
        made(session).await;
        let audience = if self.is_private() { Audience::KnownContacts } else { Audience::Everyone };
        handle.execute(Command::AnnounceSession { session, audience }).await?;
        Ok(session)
    }
}
