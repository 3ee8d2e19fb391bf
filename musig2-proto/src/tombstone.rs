//! What is left of an ended session, to answer those who have not heard.

use crate::agreement::verifies;
use crate::board::Filed;
use crate::bytes::Signature;
use crate::config::Config;
use crate::context::Context;
use crate::crypto::Crypto;
use crate::event::{AbortCause, Destination, Event, Offence};
use crate::ids::{SignerIndex, Source};
use crate::outgoing::{Parcel, send};
use crate::session::{Outcome, Session};
use crate::time::Timestamp;
use crate::view::SessionView;
use crate::wire::announcement::Announcement;
use crate::wire::encoded_size;
use crate::wire::frame::{Frame, Request};
use crate::wire::hello::HelloContent;
use crate::wire::statement::Body;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An ended session. A manifest whose tombstone stands is not opened again.
#[derive(Clone, Hash)]
pub(crate) struct Tombstone {
    view: SessionView,
    announcement: Option<Announcement>,
    /// The aborts that ended it, with their joins.
    last_words: Vec<Arc<Filed>>,
    /// Which signers' hellos were answered, and what time they told.
    greeted: BTreeMap<SignerIndex, Timestamp>,
    /// About how many bytes it takes: follows from the rest, and is asked for often.
    size: usize,
}

/// What a tombstone takes beside what is counted one by one, in bytes.
const OVERHEAD: usize = 1024;

/// What it takes for each item beside the manifest: its output key, and a signature that may yet come.
const ITEM_OVERHEAD: usize = 256;

impl Tombstone {
    /// What is left of `session`, which ended with `outcome`.
    pub(crate) fn new<C: Crypto>(
        session: &Session<C>,
        outcome: &Outcome,
        config: &Config,
        now: Timestamp,
    ) -> Self {
        let mut view = session.view(config);
        match outcome {
            Outcome::Complete(signatures) => view.signatures = Some(signatures.clone()),
            Outcome::Aborted(cause) => view.cause = Some(cause.clone()),
        }
        let announcement = session.announcement().cloned();
        let last_words = session.last_words(now);
        let evidence = match &view.cause {
            Some(AbortCause::Convicted { evidence, .. }) => encoded_size(evidence.as_ref()),
            _ => 0,
        };
        let size = OVERHEAD
            + ITEM_OVERHEAD * view.manifest.items().len()
            + encoded_size(view.manifest.as_ref())
            + announcement.as_ref().map_or(0, encoded_size)
            + last_words.iter().map(|filed| encoded_size(&filed.statement)).sum::<usize>()
            + evidence;
        Self { view, announcement, last_words, greeted: BTreeMap::new(), size }
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn view(&self) -> &SessionView {
        &self.view
    }

    pub(crate) fn announcement(&self) -> Option<&Announcement> {
        self.announcement.as_ref()
    }

    /// Tells a signer that may have forgotten how it ended.
    pub(crate) fn greet<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>, hello: &HelloContent) {
        let Some(signer) = self.view.manifest.index_of(&hello.signer) else { return };
        // Who forgot it can no longer take it up.
        if cx.now >= self.view.manifest.expires_at() {
            return;
        }
        if !hello.is_after(self.greeted.get(&signer)) {
            return;
        }
        self.greeted.insert(signer, hello.time);
        if !hello.has_contact() {
            // It hears of the session, joins, asks, and is answered. Without signatures there is nothing to join for.
            let announcement = self.announcement.as_ref().filter(|_| self.view.signatures.is_some());
            return announcement.into_iter().for_each(|known| cx.publish_to(&hello.signer, known));
        }
        if let Some(parcel) = self.answer(cx, true)
            && cx.charge_greeting(&hello.signer, 1 + parcel.price())
        {
            send(cx, &Destination::Contact(hello.contact.clone()), parcel);
        }
    }

    /// Until when laggards may ask: the session's end, and twice what clocks may differ.
    pub(crate) fn forget_at(&self, config: &Config) -> Timestamp {
        self.view.manifest.expires_at().saturating_add(config.clock_skew.saturating_mul(2))
    }

    /// Takes late signatures, and answers who asks, or gives up on what was signed.
    pub(crate) fn receive<C: Crypto, R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        from: &Source,
        frame: &Frame,
    ) -> Result<(), Offence> {
        if let (Some(signatures), None) = (&frame.signatures, &self.view.signatures) {
            self.receive_signatures::<C, R>(cx, from, signatures)?;
        }
        let asks = frame.request != Request::Nothing && !frame.have.as_ref().is_some_and(|have| have.ended);
        let aborts = frame.statements.iter().any(|statement| matches!(statement.body, Body::Abort(_)));
        if asks || (aborts && self.view.signatures.is_some()) {
            let introduce = frame.request == Request::Announcement;
            if let Some(parcel) = self.answer(cx, introduce) {
                cx.charge_for(from, 1 + parcel.price())?;
                send(cx, &Destination::Source(from.clone()), parcel);
            }
        }
        Ok(())
    }

    /// The signatures, or who ended it and why; nothing where it ended in silence.
    fn answer<R>(&self, cx: &Context<'_, R>, introduce: bool) -> Option<Parcel> {
        let signatures = self.view.signatures.clone();
        let mut statements = if signatures.is_none() { self.last_words.clone() } else { Vec::new() };
        // They may never have left before: a release that nobody was there to hear. After expiry there is none.
        if cx.now >= self.view.manifest.expires_at() {
            statements.retain(|filed| !matches!(filed.statement.body, Body::Partials(_)));
        }
        (signatures.is_some() || !statements.is_empty()).then(|| {
            let announcement = self.announcement.clone().filter(|_| introduce);
            Parcel { announcement, statements, signatures, ..Parcel::new(self.view.id, None) }
        })
    }

    fn receive_signatures<C: Crypto, R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        from: &Source,
        signatures: &[Signature],
    ) -> Result<(), Offence> {
        if signatures.len() != self.view.manifest.items().len() {
            return Err(Offence::Misfit);
        }
        cx.charge_for(from, signatures.len())?;
        if !verifies::<C>(&self.view.manifest, self.view.output_keys.iter(), signatures) {
            return Err(Offence::FalseSignatures);
        }
        self.view.signatures = Some(signatures.to_vec());
        cx.emit(Event::LateSignature { session: self.view.id, signatures: signatures.to_vec() });
        Ok(())
    }
}
