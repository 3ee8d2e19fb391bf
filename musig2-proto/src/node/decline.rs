//! Declining a session. The application decides, and may have the coordinator told why. A decline
//! shows that this node has one of the session's keys, and where it is. So only the coordinator is
//! told, and nothing that others send makes this node state one.

use super::Node;
use super::refused::Refusal;
use crate::api::command::CommandError;
use crate::api::offence::Offence;
use crate::api::output::Destination;
use crate::base::ids::{SessionId, Source};
use crate::base::time::Timestamp;
use crate::crypto::Crypto;
use crate::env::context::{Call, random};
use crate::node::memory::own_declines::OwnDecline;
use crate::session::board::Filed;
use crate::session::outgoing::{Parcel, send};
use crate::wire::frame::{Frame, Request};
use crate::wire::statement::{Body, Decline, DeclineReason, Statement};
use rand_core::CryptoRng;
use std::sync::Arc;

impl<C: Crypto> Node<C> {
    pub(super) fn decline<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
        reason: Option<DeclineReason>,
    ) -> Result<(), CommandError> {
        if !self.is_known(&id)
            && let Some(refusal) = self.refused.get(&id).cloned()
        {
            let (to, expires_at) = (refusal.to.clone(), refusal.expires_at);
            let statement =
                reason.and_then(|reason| self.state_refusal(call, &id, &refusal, reason));
            self.tell_declined(call, id, to.zip(statement), expires_at);
            return Ok(());
        }
        let session = self.live(&id)?;
        if session.is_joined() {
            return Err(CommandError::AlreadyJoined(id));
        }
        let expires_at = session.agreement().manifest.expires_at();
        let told =
            self.with_session(call, &id, |session, cx| session.decline(cx, reason)).flatten();
        self.tell_declined(call, id, told, expires_at);
        Ok(())
    }

    /// Signs the decline of a session that was never opened here.
    fn state_refusal<R: CryptoRng>(
        &self,
        call: &mut Call<'_, R>,
        id: &SessionId,
        refusal: &Refusal,
        reason: DeclineReason,
    ) -> Option<Arc<Filed>> {
        let keypair = self.keys.iter().find(|keypair| C::public_key(keypair) == refusal.key)?;
        let body = Body::Decline(Decline { reason });
        let (statement, hash) =
            Statement::sign::<C>(id, refusal.me, body, keypair, &random(call.rng))?;
        Some(Arc::new(Filed { statement, hash, arrived: call.now }))
    }

    /// Tells a coordinator that its session is declined, now and again when somebody asks.
    fn tell_declined<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
        told: Option<(Destination, Arc<Filed>)>,
        forget_at: Timestamp,
    ) {
        let Some((to, statement)) = told else { return };
        let decline = OwnDecline {
            statement: Arc::clone(&statement),
            to: to.clone(),
            sent_at: call.now,
            forget_at,
        };
        self.own_declines.keep(id, decline);
        self.send_decline(call, id, &to, statement);
    }

    /// Sends a decline to the coordinator again when somebody asks about the session, whoever it
    /// is: the coordinator may not have heard. The peer that asks pays for one check.
    pub(super) fn repeat_decline<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        frame: &Frame,
    ) -> Result<(), Offence> {
        if frame.request != Request::Statements || !self.own_declines.contains(&frame.session) {
            return Ok(());
        }
        call.within(&mut self.env).charge(from)?;
        if let Some((to, statement)) = self.own_declines.repeat(call.now, &frame.session) {
            self.send_decline(call, frame.session, &to, statement);
        }
        Ok(())
    }

    fn send_decline<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
        to: &Destination,
        statement: Arc<Filed>,
    ) {
        let parcel = Parcel { statements: vec![statement], ..Parcel::new(id, None) };
        send(&mut call.within(&mut self.env), to, parcel);
    }
}
