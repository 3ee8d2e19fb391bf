//! A session that ended here without signatures, after this node's partial signatures had left: the others may have finished it, or may yet. This node
//! asks them for the signatures, ever more seldom, until the session expires.

use crate::api::output::Destination;
use crate::api::view::SessionView;
use crate::base::ids::{Contact, SignerIndex};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::env::context::{Context, jitter};
use crate::session::footprint::{Heap, block};
use crate::session::outgoing::{Parcel, send};
use crate::wire::frame::{Have, Request};
use core::time::Duration;
use rand_core::CryptoRng;

/// In a hub, this many times only the coordinator is asked.
const THROUGH_HUB: u32 = 2;

/// Every so many requests are followed by a hello: those who have the signatures may not know where this node is, or it may not know where they are.
const ASKED_PER_HELLO: u32 = 3;

/// What is asked of whom, and when.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Asking {
    at: Timestamp,
    pause: Duration,
    asked: u32,
    /// What this node held when the session ended; it takes no further part.
    have: Have,
    /// Where the others are.
    routes: Vec<(SignerIndex, Destination)>,
    /// In a hub, who passes everything on.
    hub: Option<SignerIndex>,
}

impl Asking {
    /// Of a session that ends now. What ends by expiry asks once, at once.
    pub(crate) fn new(
        now: Timestamp,
        expires_at: Timestamp,
        config: &Config,
        have: Have,
        routes: Vec<(SignerIndex, Destination)>,
        hub: Option<SignerIndex>,
    ) -> Self {
        let pause = config.poll_interval;
        let at = now.saturating_add(pause).min(expires_at.max(now));
        Self { at, pause, asked: 0, have, routes, hub }
    }

    /// When it asks next.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Where a signer is now, by its own word.
    pub(crate) fn relocate(&mut self, signer: SignerIndex, contact: &Contact) {
        self.routes.retain(|(of, _)| *of != signer);
        self.routes.push((signer, Destination::Contact(contact.clone())));
    }

    /// Asks. Says whether a hello is due as well, and `None` when this was the last time.
    pub(crate) fn ask<R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        view: &SessionView,
    ) -> (bool, Option<Timestamp>) {
        let hub = self.hub.filter(|_| self.asked < THROUGH_HUB);
        for (signer, to) in &self.routes {
            if hub.is_none_or(|hub| hub == *signer) {
                self.have.sequence += 1;
                let have = Some(self.have.clone());
                send(cx, to, Parcel { request: Request::Statements, ..Parcel::new(view.id, have) });
            }
        }
        self.asked += 1;
        let expires_at = view.manifest.expires_at();
        let next = (cx.now < expires_at).then(|| {
            self.pause = self.pause.saturating_mul(2).min(cx.config.max_join_poll_interval);
            cx.now.saturating_add(self.pause + jitter(cx, self.pause)).min(expires_at)
        });
        self.at = next.unwrap_or(self.at);
        (self.asked.is_multiple_of(ASKED_PER_HELLO), next)
    }

    /// The caller's clock was set back.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.at = self.at.saturating_sub(by);
    }
}

impl Heap for Asking {
    fn heap(&self) -> usize {
        let contacts = block(Contact::MAX_SIZE) * self.routes.len();
        self.have.heap()
            + block(self.routes.capacity() * size_of::<(SignerIndex, Destination)>())
            + contacts
    }
}
