//! What is left of an ended session, to answer signers that have not heard how it ended.

use crate::api::event::Event;
use crate::api::offence::Offence;
use crate::api::output::Destination;
use crate::api::view::{Decliner, SessionView};
use crate::base::bounded::List;
use crate::base::bytes::Signature;
use crate::base::ids::{SignerIndex, Source};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::Crypto;
use crate::env::contacts::ContactBook;
use crate::env::context::Context;
use crate::node::index::BYTES_PER_SIGNER;
use crate::rules::agreement::verifies;
use crate::session::asking::Asking;
use crate::session::board::Filed;
use crate::session::footprint::{Heap, block};
use crate::session::outgoing::{Parcel, send};
use crate::session::{Outcome, Session};
use crate::terms::manifest::{MAX_SIGNERS, Manifest};
use crate::wire::announcement::{Announcement, AnnouncementContent, KnownContact};
use crate::wire::frame::{Frame, Request};
use crate::wire::hello::HelloContent;
use crate::wire::statement::Body;
use core::time::Duration;
use rand_core::CryptoRng;
use std::sync::Arc;

/// An ended session that this node joined, or that waited for its turn. While its tombstone stands,
/// the session is not opened again.
#[derive(Clone, Hash)]
pub(crate) struct Tombstone {
    view: SessionView,
    introduction: Option<Introduction>,
    /// The aborts that ended it, with their joins. If there are none and this node has released:
    /// its own joins, nonces and partial signatures.
    last_words: Vec<Arc<Filed>>,
    /// If the session is complete, a join of each signer: its own join shows a signer without
    /// memory that it had consented.
    joins: Vec<Arc<Filed>>,
    /// Set if the session ended without signatures after this node's partial signatures left: how
    /// this node asks the others for the signatures.
    asking: Option<Asking>,
    /// When to forget it: at the session's expiry plus twice the clock skew. Laggards may ask until
    /// then.
    forget_at: Timestamp,
    /// How many bytes it takes. Follows from the rest, and is kept because it is needed often.
    size: usize,
}

/// An announcement without its manifest, which is in the view.
#[derive(Clone, Hash)]
struct Introduction {
    private: bool,
    contacts: List<KnownContact, MAX_SIGNERS>,
    signature: Signature,
}

/// Bytes that a tombstone takes beyond what is counted item by item: itself, and its places in the
/// trees by which it is found.
const OVERHEAD: usize = 2 * size_of::<Tombstone>() + 512;

/// Bytes that it takes for each signer beyond the manifest: the signer's places in the view's lists
/// and in an index.
const SIGNER_OVERHEAD: usize =
    4 * size_of::<SignerIndex>() + size_of::<Decliner>() + BYTES_PER_SIGNER;

impl Tombstone {
    /// Builds what is left of `session`, which ended with `outcome`.
    pub(crate) fn new<C: Crypto>(
        session: &Session<C>,
        outcome: &Outcome,
        config: &Config,
        contacts: &ContactBook,
        now: Timestamp,
    ) -> Self {
        let mut view = session.view(config);
        let mut joins = Vec::new();
        match outcome {
            Outcome::Complete(signatures) => {
                view.signatures = Some(signatures.clone());
                joins = session.one_join_each();
            }
            Outcome::Aborted(cause) => view.cause = Some(cause.clone()),
        }
        let introduction = session.announcement().map(|announcement| Introduction {
            private: announcement.content.private,
            contacts: announcement.content.contacts.clone(),
            signature: announcement.signature,
        });
        let forget_at =
            view.manifest.expires_at().saturating_add(config.clock_skew.saturating_mul(2));
        let last_words = session.last_words(now);
        let asking = session.asking(config, contacts, now);
        let mut tombstone =
            Self { view, introduction, last_words, joins, asking, forget_at, size: 0 };
        tombstone.size = tombstone.memory();
        tombstone
    }

    fn memory(&self) -> usize {
        let Self { view, introduction, last_words, joins, asking, .. } = self;
        let manifest = &view.manifest;
        OVERHEAD
            + SIGNER_OVERHEAD * manifest.signer_count()
            + manifest.heap()
            + view.output_keys.heap()
            + view.cause.heap()
            // Late signatures may still come.
            + block(size_of::<Signature>() * manifest.items().len())
            + introduction.as_ref().map_or(0, |introduction| introduction.contacts.heap())
            + last_words.heap()
            + joins.heap()
            + asking.heap()
    }

    /// Returns how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn view(&self) -> &SessionView {
        &self.view
    }

    pub(crate) fn forget_at(&self) -> Timestamp {
        self.forget_at
    }

    pub(crate) fn announcement(&self) -> Option<Announcement> {
        let Introduction { private, contacts, signature } = self.introduction.clone()?;
        let manifest = Manifest::clone(&self.view.manifest);
        Some(Announcement {
            content: AnnouncementContent { manifest, private, contacts },
            signature,
        })
    }

    /// Whether the session was announced with exactly this announcement.
    pub(crate) fn was_announced_by(&self, announcement: &Announcement) -> bool {
        let Announcement {
            content: AnnouncementContent { manifest, private, contacts },
            signature,
        } = announcement;
        self.introduction.as_ref().is_some_and(|known| {
            (known.private, &known.contacts, &known.signature) == (*private, contacts, signature)
                && *self.view.manifest == *manifest
        })
    }

    /// Returns when it asks for the signatures next.
    pub(crate) fn asks_at(&self) -> Option<Timestamp> {
        self.asking.as_ref().map(Asking::at)
    }

    /// Asks the others for the signatures. Returns whether this node should say hello as well, so
    /// that they learn where it is.
    pub(crate) fn ask<R: CryptoRng>(&mut self, cx: &mut Context<'_, R>) -> bool {
        let Some(asking) = &mut self.asking else { return false };
        let (says_hello, next) = asking.ask(cx, &self.view);
        if next.is_none() {
            self.asking = None;
        }
        says_hello && self.introduction.as_ref().is_some_and(|introduction| !introduction.private)
    }

    /// Notes where a signer that said hello can be reached.
    pub(crate) fn relocate(&mut self, hello: &HelloContent) {
        if let (Some(asking), true) = (&mut self.asking, hello.has_contact())
            && let Some(signer) = self.view.manifest.index_of(&hello.signer)
        {
            asking.relocate(signer, &hello.contact);
        }
    }

    /// Moves pauses back when the caller's clock was set back.
    pub(crate) fn set_back(&mut self, by: Duration) {
        if let Some(asking) = &mut self.asking {
            asking.set_back(by);
        }
    }

    /// Tells a signer that may have forgotten this session how it ended. Returns `false` if the
    /// signer's allowance is used up for now.
    pub(crate) fn greet<R: CryptoRng>(
        &self,
        cx: &mut Context<'_, R>,
        hello: &HelloContent,
    ) -> bool {
        let Some(signer) = self.view.manifest.index_of(&hello.signer) else { return true };
        // After the session's expiry, a signer that forgot it can no longer join it.
        if cx.now >= self.view.manifest.expires_at() || !self.has_answer(cx.now) {
            return true;
        }
        if !hello.has_contact() {
            // A signer without a contact can only listen. From the announcement it joins, asks, and
            // is answered. If there are no signatures, there is nothing to join for.
            let announcement = self.view.signatures.as_ref().and_then(|_| self.announcement());
            announcement.into_iter().for_each(|known| cx.publish_to(&hello.signer, &known));
            return true;
        }
        // Charge before any work is done for the answer.
        if !cx.charge_greeting(&hello.signer, 1) {
            return false;
        }
        let Some(mut parcel) = self.answer(cx.now, true) else { return true };
        parcel
            .statements
            .extend(self.joins.iter().filter(|join| join.statement.author == signer).cloned());
        // An answer that costs more than the signer has left comes with a later hello. Waiting for
        // it would hold up everything else that the signer is to be told.
        if cx.charge_greeting(&hello.signer, parcel.price()) {
            send(cx, &Destination::Contact(hello.contact.clone()), parcel);
        }
        true
    }

    /// Accepts late signatures and answers requests. If it has the signatures, it also answers a
    /// frame that brings an abort: the sender gave up a session that is signed.
    pub(crate) fn receive<C: Crypto, R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        from: &Source,
        frame: &Frame,
    ) -> Result<(), Offence> {
        if let (Some(signatures), None) = (&frame.signatures, &self.view.signatures) {
            self.receive_signatures::<C, R>(cx, from, signatures)?;
        }
        // A node that takes no further part asks for the final signatures only.
        let has_ended = frame.have.as_ref().is_some_and(|have| have.ended);
        let asks =
            frame.request != Request::Nothing && (!has_ended || self.view.signatures.is_some());
        let aborts =
            || frame.statements.iter().any(|statement| matches!(statement.body, Body::Abort(_)));
        if !self.has_answer(cx.now) || !(asks || (self.view.signatures.is_some() && aborts())) {
            return Ok(());
        }
        // Charge before any work is done for the answer.
        cx.charge(from)?;
        let introduce = frame.request == Request::Announcement && !has_ended;
        if let Some(mut parcel) = self.answer(cx.now, introduce) {
            if introduce {
                parcel.statements.extend(self.joins.iter().cloned());
            }
            cx.charge_for(from, parcel.price())?;
            send(cx, &Destination::Source(from.clone()), parcel);
        }
        Ok(())
    }

    /// Builds an answer: the signatures, or else the last words; `None` if there is neither.
    fn answer(&self, now: Timestamp, introduce: bool) -> Option<Parcel> {
        let signatures = self.view.signatures.clone();
        let statements =
            if signatures.is_none() { self.words(now).cloned().collect() } else { Vec::new() };
        (signatures.is_some() || !statements.is_empty()).then(|| {
            let announcement = introduce.then(|| self.announcement()).flatten();
            Parcel { announcement, statements, signatures, ..Parcel::new(self.view.id, None) }
        })
    }

    fn has_answer(&self, now: Timestamp) -> bool {
        self.view.signatures.is_some() || self.words(now).next().is_some()
    }

    /// Returns the last words. After expiry it leaves out partial signatures, which must not leave
    /// this node then. They may not have left before: perhaps nobody was in reach when it released
    /// them.
    fn words(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Filed>> {
        let in_time = now < self.view.manifest.expires_at();
        let is_partials = |filed: &Arc<Filed>| matches!(filed.statement.body, Body::Partials(_));
        self.last_words.iter().filter(move |filed| in_time || !is_partials(filed))
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
        if self.complete::<C, R>(cx, signatures) { Ok(()) } else { Err(Offence::FalseSignatures) }
    }

    /// Takes late signatures if they verify. Returns whether they do.
    pub(crate) fn complete<C: Crypto, R: CryptoRng>(
        &mut self,
        cx: &mut Context<'_, R>,
        signatures: &[Signature],
    ) -> bool {
        if !verifies::<C>(&self.view.manifest, &self.view.output_keys, signatures) {
            return false;
        }
        self.view.signatures = Some(signatures.to_vec());
        self.asking = None;
        cx.emit(Event::LateSignature { session: self.view.id, signatures: signatures.to_vec() });
        true
    }
}
