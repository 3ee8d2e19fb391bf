//! Asking for signatures. If a session ended here without them after this node's partial signatures
//! had left, the others may have finished it, or may still do so. This node asks them for the
//! signatures, more and more rarely, until the session expires.

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

/// In a hub, a signer asks only the coordinator this many times.
const THROUGH_HUB: u32 = 2;

/// Every third request is followed by a hello: the signers that have the signatures may not know
/// where this node is, or this node may not know where they are.
const ASKED_PER_HELLO: u32 = 3;

/// What is asked of whom, and when.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Asking {
    at: Timestamp,
    pause: Duration,
    asked: u32,
    /// What this node held when the session ended, with `ended` set: it takes no further part.
    have: Have,
    /// Where to reach the other signers.
    routes: Vec<(SignerIndex, Destination)>,
    /// In a hub, the coordinator, which relays everything. `None` on the coordinator itself.
    hub: Option<SignerIndex>,
}

impl Asking {
    /// Schedules the first request, for a session that ends now. One that ends by its expiry is
    /// asked for once, at once.
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

    /// Returns when it asks next.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// Notes where a signer says that it can be reached now.
    pub(crate) fn relocate(&mut self, signer: SignerIndex, contact: &Contact) {
        self.routes.retain(|(of, _)| *of != signer);
        self.routes.push((signer, Destination::Contact(contact.clone())));
    }

    /// Asks. Returns whether a hello is due as well, and when it asks next: `None` if this was the
    /// last time.
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
            self.pause = self.pause.saturating_mul(2).min(cx.env.config.max_join_poll_interval);
            cx.now.saturating_add(self.pause + jitter(cx, self.pause)).min(expires_at)
        });
        self.at = next.unwrap_or(self.at);
        (self.asked.is_multiple_of(ASKED_PER_HELLO), next)
    }

    /// Moves pauses back when the caller's clock was set back.
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
