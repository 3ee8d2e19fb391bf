//! What comes from outside. Cheap checks come first, and nothing is kept that was not checked.

use super::admission::Claim;
use super::refused::Way;
use super::undecided::{Origin, Room};
use super::{Node, Place};
use crate::api::abort::AbortCause;
use crate::api::event::Event;
use crate::api::input::Input;
use crate::api::offence::{Offence, Report};
use crate::api::output::{Destination, Output};
use crate::api::view::ClockReading;
use crate::base::bytes::PublicKey;
use crate::base::codec::decode_message;
use crate::base::ids::{SessionId, Source};
use crate::base::time::Timestamp;
use crate::crypto::Crypto;
use crate::env::context::{Call, Environment};
use crate::env::sources::Work;
use crate::node::memory::stash::Stashed;
use crate::rules::agreement::{
    Agreement, ManifestError, check_shape, check_time, join_deadline, tweak_steps,
};
use crate::session::outgoing::{Parcel, send};
use crate::session::{Outcome, Session};
use crate::terms::manifest::Manifest;
use crate::wire::announcement::{Announcement, Publication};
use crate::wire::frame::{Frame, Request};
use crate::wire::statement::Body;
use rand_core::CryptoRng;

impl<C: Crypto> Node<C> {
    pub(super) fn take<R: CryptoRng>(&mut self, call: &mut Call<'_, R>, input: Input) {
        let (from, taken) = match input {
            Input::Frame { from, bytes } => {
                let frame =
                    decode_message(&bytes, self.env.config.max_frame_size).map_err(Offence::from);
                let taken = frame.and_then(|frame| self.take_frame(call, &from, &frame, bytes));
                (from, taken)
            }
            Input::Announcement { from, bytes } => {
                let publication =
                    decode_message(&bytes, self.env.config.max_frame_size).map_err(Offence::from);
                let taken = publication.and_then(|publication| match publication {
                    Publication::Announcement { announcement, .. } => {
                        self.take_announcement(call, &from, announcement)
                    }
                    Publication::Hello { hello, .. } => self.take_hello(call, &from, &hello),
                });
                (from, taken)
            }
            Input::PeerConnected(peer) => {
                for id in self.sessions.at(&peer) {
                    self.with_session(call, &id, |session, cx| session.hasten(cx, &peer));
                }
                return;
            }
            Input::AudienceGrew => {
                for id in self.sessions.announced() {
                    self.with_session(call, &id, |session, cx| session.announce_sooner(cx));
                }
                return;
            }
            // Nothing to do. Timers ask for what is missing, and a peer is asked when it comes
            // back.
            Input::PeerLost(_) | Input::Tick => return,
        };
        if let Err(offence) = taken {
            call.out.push(Output::Report(Report { source: from, offence }));
        }
    }

    /// Does everything that is due by now.
    pub(super) fn tick<R: CryptoRng>(&mut self, call: &mut Call<'_, R>) {
        let now = call.now;
        for id in self.sessions.due(now, &self.env.config) {
            self.with_session(call, &id, Session::tick);
        }
        self.admit(call);
        self.ask_for_signatures(call);
        self.hello_if_due(call);
        self.tell_signers(call);
        self.stash.forget(now);
        if self.next_cleanup().is_some_and(|at| now >= at) {
            self.clean_up(now);
        }
        // A caller that waits for a deadline in the past would never rest.
        debug_assert!(self.next_deadline().is_none_or(|at| at >= now), "left undone");
        debug_assert!(self.admission.agrees_with(self.sessions.values().filter_map(|session| {
            let claim = Claim::of(session).filter(|_| session.is_approved())?;
            Some((claim, session.is_joined()))
        })));
    }

    /// Asks for the signatures of sessions that ended without them after this node's partial
    /// signatures had left.
    fn ask_for_signatures<R: CryptoRng>(&mut self, call: &mut Call<'_, R>) {
        for id in self.ended.to_ask(call.now) {
            let Some(tombstone) = self.ended.get_mut(&id) else { continue };
            let mut cx = call.within(&mut self.env);
            if tombstone.ask(&mut cx)
                && let Some(key) = tombstone.view().manifest.signer(tombstone.view().me)
                && let Some(keypair) =
                    self.keys.iter().find(|keypair| C::public_key(keypair) == *key)
            {
                cx.say_hello::<C>(keypair, tombstone.view().manifest.created_at());
            }
            self.ended.schedule(&id);
        }
    }

    /// Returns when to clean up ended sessions; `None` if there are none or auto-cleanup is off.
    pub(super) fn next_cleanup(&self) -> Option<Timestamp> {
        if !self.env.config.enable_auto_cleanup {
            return None;
        }
        let first = self.ended.next_to_forget()?;
        let pause = self.cleaned_at.map(|at| at.saturating_add(self.env.config.cleanup_interval));
        Some(pause.map_or(first, |pause| pause.max(first)))
    }

    /// Forgets the ended sessions that no laggard can ask for any more.
    pub(super) fn clean_up(&mut self, now: Timestamp) {
        self.cleaned_at = Some(now);
        self.ended.forget(now);
        self.joined.forget(now);
        self.declined.forget(now);
        self.own_declines.forget(now);
    }

    fn take_frame<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        frame: &Frame,
        bytes: Vec<u8>,
    ) -> Result<(), Offence> {
        let id = frame.session;
        // An announcement must be of its frame's session. The known one is, so only another one is
        // hashed.
        let open = self.sessions.get(&id);
        let known = open.and_then(Session::announcement);
        let new = frame.announcement.as_ref().filter(|announcement| known != Some(*announcement));
        if new.is_some_and(|announcement| announcement.content.manifest.id() != id) {
            return Err(Offence::Misfit);
        }
        if open.is_some() {
            return self.receive(call, from, frame);
        }
        // This node may have declined the session, and its coordinator may not have heard that.
        self.repeat_decline(call, from, frame)?;
        if let Some(tombstone) = self.ended.get_mut(&id) {
            let mut cx = call.within(&mut self.env);
            let received = tombstone.receive::<C, R>(&mut cx, from, frame);
            self.ended.schedule(&id);
            return received;
        }
        match &frame.announcement {
            // Only the session's name is left here, and nothing to answer with.
            _ if self.has_ended(&id) => Ok(()),
            Some(announcement) => {
                self.vet_new(call, from, Way::InFrame(frame), announcement)?;
                // Charged before `has_joined`, which may verify a join.
                let checks = opening(&announcement.content.manifest);
                call.within(&mut self.env).charge_for(from, checks)?;
                let origin = self.origin(announcement, from)?;
                let crowded =
                    self.check_discovered(&origin, || self.has_joined(frame, announcement))?;
                let known = self.discover(call, id, announcement.clone(), origin, crowded)?;
                // The rest of the frame that brought the announcement is received like any other
                // frame.
                if known { self.receive(call, from, frame) } else { Err(Offence::UnknownSession) }
            }
            None if self.own_declines.contains(&id) => Ok(()),
            // The sender asks for the announcement, so it does not have it: asking back is
            // pointless.
            None if frame.request == Request::Announcement => Err(Offence::UnknownSession),
            None => self.stash(call, from, id, bytes),
        }
    }

    /// Receives a frame of an open session, and answers it.
    fn receive<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        frame: &Frame,
    ) -> Result<(), Offence> {
        let received = self.with_session_then(
            call,
            &frame.session,
            |session, cx| session.receive(cx, from, frame),
            // After the session was advanced, so that the answer holds what followed from the
            // frame.
            |session, cx, received| {
                if received.is_ok() {
                    session.answer(cx, from, frame.request, frame.have.as_ref());
                }
            },
        );
        received.unwrap_or(Ok(()))
    }

    /// Keeps a frame of an unknown session for a moment, and asks its sender for the announcement.
    fn stash<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        session: SessionId,
        frame: Vec<u8>,
    ) -> Result<(), Offence> {
        match self.stash.keep(call.now, from, session, frame) {
            Stashed::Wait => Ok(()),
            Stashed::NoRoom => Err(Offence::NoRoom),
            Stashed::Ask => {
                let mut cx = call.within(&mut self.env);
                let parcel =
                    Parcel { request: Request::Announcement, ..Parcel::new(session, None) };
                send(&mut cx, &Destination::Source(from.clone()), parcel);
                Ok(())
            }
        }
    }

    fn take_announcement<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        announcement: Announcement,
    ) -> Result<(), Offence> {
        if announcement.content.private {
            return Err(Offence::Misfit);
        }
        let (id, deadline) = {
            let manifest = &announcement.content.manifest;
            (manifest.id(), join_deadline(manifest, &self.env.config))
        };
        let is_known = self.is_known(&id);
        if call.now >= deadline {
            let error = ManifestError::Over(call.now.saturating_since(deadline));
            if !is_known {
                self.refuse(call, from, Way::Published, &announcement, &error);
            }
            return Err(error.into());
        }
        if is_known {
            return self.take_known_announcement(call, from, id, &announcement);
        }
        self.vet_new(call, from, Way::Published, &announcement)?;
        let own = self.own_place(&announcement.content.manifest)?.is_some();
        let origin = self.origin(&announcement, from)?;
        // Before the charge: a session that has no room here must not use up what its source may
        // spend on other announcements.
        let crowded = if own { self.check_discovered(&origin, || false)? } else { None };
        let checks = if own { opening(&announcement.content.manifest) } else { 1 };
        call.charge_publication(&mut self.env, from, Work::Announcements { own }, checks)?;
        self.discover(call, id, announcement, origin, crowded).map(|_| ())
    }

    /// Whether a session is open here, or was.
    pub(super) fn is_known(&self, id: &SessionId) -> bool {
        self.sessions.contains_key(id) || self.has_ended(id)
    }

    /// Whether a session has ended here. Whatever is left of it, it is not opened again.
    pub(super) fn has_ended(&self, id: &SessionId) -> bool {
        self.ended.contains(id) || self.joined.contains(id) || self.declined.contains(id)
    }

    /// Takes an announcement of a known session. Accepting it means that the transport relays it,
    /// so identical copies are rate-limited, or anybody could flood the topic with them. One that
    /// differs from the known one is verified, or peers would blame this node for relaying a
    /// forgery.
    fn take_known_announcement<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        id: SessionId,
        announcement: &Announcement,
    ) -> Result<(), Offence> {
        let known = self.sessions.get(&id).and_then(Session::announcement);
        let was_known =
            || self.ended.get(&id).is_some_and(|ended| ended.was_announced_by(announcement));
        if known == Some(announcement) || was_known() {
            self.with_session(call, &id, Session::heard_announcement);
            let Environment { repeats, echoes, .. } = &mut self.env;
            let repeated = if self.sessions.contains_key(&id) { repeats } else { echoes };
            let is_rare = repeated.allows(call.now, &id, 1);
            return if is_rare { Ok(()) } else { Err(Offence::Busy) };
        }
        if !announcement.fits() {
            return Err(Offence::Misfit);
        }
        call.charge_publication(&mut self.env, from, Work::Announcements { own: true }, 1)?;
        if announcement.verify::<C>() { Ok(()) } else { Err(Offence::BadSignature) }
    }

    /// Opens an announced session and tells the application of it, if the announcement is valid and
    /// one of this node's keys is to sign. Returns whether it did. The session `crowded` ends to
    /// make room.
    fn discover<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
        announcement: Announcement,
        origin: Origin,
        crowded: Option<SessionId>,
    ) -> Result<bool, Offence> {
        let author = origin.author;
        let manifest = &announcement.content.manifest;
        let contact = announcement.contact(manifest.coordinator()).cloned();
        let clock = ClockReading { said: manifest.created_at(), arrived: call.now };
        if self.open(call.now, id, announcement, Some(origin))?.is_none() {
            return Ok(false);
        }
        // Only a verified signature counts against its author: otherwise anyone could use up an
        // author's allowance by forging announcements.
        if !self.env.authors.allows(call.now, &author, 1) {
            self.sessions.remove(&id);
            return Err(Offence::Busy);
        }
        self.env.contacts.hear(&author, contact.as_ref(), clock);
        if let Some(crowded) = crowded {
            let made_room = Outcome::Aborted(AbortCause::MadeRoom);
            self.with_session(call, &crowded, |session, cx| session.end(cx, made_room));
        }
        call.out.push(Output::Event(Event::SessionDiscovered { session: id }));
        self.replay(call, &id);
        Ok(true)
    }

    /// Whether one of this node's keys had joined the session in an earlier life: its signed join
    /// came back in the same frame as the announcement.
    pub(super) fn has_joined(&self, frame: &Frame, announcement: &Announcement) -> bool {
        let manifest = &announcement.content.manifest;
        let joins =
            frame.statements.iter().filter(|statement| matches!(statement.body, Body::Join(_)));
        let mut own = joins
            .filter_map(|join| Some((join, manifest.signer(join.author)?)))
            .filter(|(_, signer)| self.public_keys().any(|own| own == **signer));
        // Only the first one is verified: the source was charged for one check, however many it
        // sends.
        own.next().is_some_and(|(join, key)| join.verify::<C>(&join.hash(&frame.session), key))
    }

    /// Checks an announcement's shape, size and time. That costs next to nothing, so no source is
    /// charged.
    pub(super) fn vet(&self, now: Timestamp, announcement: &Announcement) -> Result<(), Offence> {
        let config = &self.env.config;
        if !announcement.fits() {
            return Err(Offence::Misfit);
        }
        let (size, max) =
            (announcement.size_in_frame(config.envelope_size()), config.max_frame_size);
        if size > max {
            return Err(ManifestError::TooLarge { size, max }.into());
        }
        check_time(&announcement.content.manifest, now, config)?;
        check_shape(&announcement.content.manifest, config)?;
        Ok(())
    }

    /// Opens an announced session if its announcement is valid; `None` if no key of this node is to
    /// sign.
    pub(super) fn open(
        &mut self,
        now: Timestamp,
        id: SessionId,
        announcement: Announcement,
        origin: Option<Origin>,
    ) -> Result<Option<()>, Offence> {
        self.vet(now, &announcement)?;
        let manifest = &announcement.content.manifest;
        if !announcement.verify::<C>() {
            return Err(Offence::BadSignature);
        }
        let Some(Place { me, keypair }) = self.own_place(manifest)? else { return Ok(None) };
        let agreement = Agreement::new(id, manifest.clone(), &self.env.config)?;
        let config = &self.env.config;
        let session = Session::new(agreement, me, keypair, Some(announcement), config, now);
        self.sessions.insert(id, session, origin, config);
        // A session that was refused here, with its coordinator told so, may be opened once its
        // time has come. Then the decline no longer holds.
        self.own_declines.remove(&id);
        Ok(Some(()))
    }

    /// Receives the frames that were stashed for a session that is open now.
    pub(super) fn replay<R: CryptoRng>(&mut self, call: &mut Call<'_, R>, id: &SessionId) {
        for (source, bytes) in self.stash.take(id) {
            let frame =
                decode_message(&bytes, self.env.config.max_frame_size).map_err(Offence::from);
            if let Err(offence) = frame.and_then(|frame| self.receive(call, &source, &frame)) {
                call.out.push(Output::Report(Report { source, offence }));
            }
        }
    }

    /// Returns which session must make room for this one, if one must; an offence if there is no
    /// place for it. `has_joined` says whether a key of this node had joined it in an earlier life.
    fn check_discovered(
        &self,
        origin: &Origin,
        has_joined: impl FnOnce() -> bool,
    ) -> Result<Option<SessionId>, Offence> {
        let (undecided, config) = (self.sessions.undecided(), &self.env.config);
        match undecided.room(origin, config) {
            Room::Free => Ok(None),
            _ if undecided.has_room_for_joined(config) && has_joined() => Ok(None),
            Room::Of(session) => Ok(Some(session)),
            Room::None => Err(Offence::NoRoom),
        }
    }

    fn origin(&self, announcement: &Announcement, source: &Source) -> Result<Origin, Offence> {
        let manifest = &announcement.content.manifest;
        let author = *manifest.signer(manifest.coordinator()).ok_or(Offence::Misfit)?;
        Ok(Origin { author, is_known: self.knows(&author), source: source.clone() })
    }

    /// Whether a signer is not a stranger: its key is this node's, the application named it, or
    /// this node met it in a session.
    pub(super) fn knows(&self, signer: &PublicKey) -> bool {
        self.public_keys().any(|own| own == *signer) || self.env.contacts.knows(signer)
    }
}

/// What opening a session costs, in signature checks: one for the announcement, one for a join of
/// this node's own key, and about half of one for each key to aggregate and each tweak step to
/// apply.
fn opening(manifest: &Manifest) -> usize {
    2 + (manifest.signer_count() + tweak_steps(manifest)) / 2
}
