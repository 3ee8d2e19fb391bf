//! The application's commands.

use super::admission::Claim;
use super::{Node, Place};
use crate::api::command::{Audience, Command, CommandError, Proposal};
use crate::api::event::Event;
use crate::api::output::Output;
use crate::api::view::Phase;
use crate::base::bounded::{Bytes, List};
use crate::base::bytes::Signature;
use crate::base::codec::decode_message;
use crate::base::ids::{SessionId, SignerIndex};
use crate::base::time::Timestamp;
use crate::config::{Config, Stepping};
use crate::crypto::Crypto;
use crate::env::context::{Call, random};
use crate::rules::agreement::{Agreement, ManifestError, check_time};
use crate::session::{Session, Step};
use crate::terms::manifest::{Manifest, Salt};
use crate::wire::announcement::{Announcement, AnnouncementContent, KnownContact};
use rand_core::CryptoRng;

impl<C: Crypto> Node<C> {
    pub(super) fn order<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        command: Command,
    ) -> Result<(), CommandError> {
        match command {
            Command::SetContact(contact) => self.env.contact = contact,
            Command::AddContact { signer, contact } => {
                self.env.contacts.tell(call.now, signer, contact);
            }
            Command::CreateSession(proposal) => self.create(call, proposal).map(drop)?,
            Command::AnnounceSession { session, audience } => {
                self.announce(call, session, audience)?;
            }
            Command::JoinSession { session } => self.join(call, session)?,
            Command::ResumeSession { announcement } => self.resume(call, &announcement)?,
            Command::TellSignatures { announcement, signatures } => {
                self.recall(call, &announcement, signatures)?;
            }
            Command::SayHello => self.start_hello(call.now),
            Command::DeclineSession { session, reason } => self.decline(call, session, reason)?,
            Command::ShareNonces { session } => self.step(call, session, Step::ShareNonces)?,
            Command::SharePartialSignatures { session } => {
                self.step(call, session, Step::SharePartialSignatures)?;
            }
            Command::FinalizeSession { session } => self.step(call, session, Step::Finalize)?,
            Command::AbortSession { session, reason } => {
                if !self.live(&session)?.is_approved() {
                    return Err(CommandError::NotJoined(session));
                }
                self.with_session(call, &session, |session, cx| session.abort(cx, reason));
            }
            Command::GiveUp { session } => {
                if !self.live(&session)?.is_approved() {
                    return Err(CommandError::NotJoined(session));
                }
                self.with_session(call, &session, Session::give_up);
            }
            Command::Cleanup => self.clean_up(call.now),
        }
        Ok(())
    }

    pub(super) fn live(&self, id: &SessionId) -> Result<&Session<C>, CommandError> {
        self.sessions.get(id).ok_or_else(|| match self.has_ended(id) {
            true => CommandError::Ended(*id),
            false => CommandError::UnknownSession(*id),
        })
    }

    /// Checks that there is room for the name of one more joined session, which this one will be
    /// now or when its turn comes. Names are kept until they expire, so that no session is joined
    /// twice.
    fn check_room(&mut self, now: Timestamp) -> Result<(), CommandError> {
        self.joined.forget(now);
        let joined = self.joined.len().saturating_add(self.admission.approved());
        if joined >= self.env.config.max_joined_names {
            return Err(CommandError::TooManyJoined(joined));
        }
        Ok(())
    }

    /// Joins a session that the application approved, or queues it until its turn comes.
    fn approve<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
    ) -> Result<(), CommandError> {
        let config = &self.env.config;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Err(CommandError::UnknownSession(id));
        };
        let Some(claim) = Claim::of(session) else { return Err(CommandError::UnknownSession(id)) };
        if self.admission.admits(&claim, config) {
            let joined = self.with_session(call, &id, Session::join).flatten();
            return joined.map(|()| self.note_joined(&claim, id)).ok_or(CommandError::CannotSign);
        }
        if !self.admission.has_room_to_wait(&claim, config) {
            return Err(CommandError::QueueFull(self.admission.waiting()));
        }
        session.queue();
        self.sessions.schedule(&id, &self.env.config);
        self.admission.wait(&claim);
        call.out.push(Output::Event(Event::SessionQueued { session: id }));
        Ok(())
    }

    /// Takes a place for a session that was joined, unless the join ended it at once: the board may
    /// already hold what ends it.
    fn note_joined(&mut self, claim: &Claim, id: SessionId) {
        if self.sessions.contains_key(&id) {
            self.admission.join(claim);
        }
    }

    /// Joins the sessions whose turn has come.
    pub(super) fn admit<R: CryptoRng>(&mut self, call: &mut Call<'_, R>) {
        while let Some(id) = self.admission.next(&self.env.config) {
            let Some(claim) = self.sessions.get(&id).and_then(Claim::of) else { return };
            let joined = self.with_session(call, &id, |session, cx| {
                // Joins by earlier lives of this key may have arrived while the session waited. One
                // too many would convict it.
                let joined = session.may_join().then(|| session.join(cx)).flatten();
                match joined {
                    Some(()) if session.is_coordinator() => session.announce_now(cx),
                    Some(()) => {}
                    None => session.fail_to_join(cx),
                }
                joined
            });
            match joined.flatten() {
                Some(()) => self.note_joined(&claim, id),
                None => self.admission.leave(&claim, &self.env.config),
            }
        }
    }

    pub(super) fn create<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        proposal: Proposal,
    ) -> Result<SessionId, CommandError> {
        self.check_room(call.now)?;
        let salt = Salt::new(random(call.rng));
        let mut manifest = self.manifest(call.now, proposal, salt)?;
        let Place { me, keypair } = self.own_place(&manifest)?.ok_or(CommandError::NotASigner)?;
        manifest.coordinator = me;
        check_time(&manifest, call.now, &self.env.config)?;
        let id = manifest.id();
        let agreement = Agreement::new(id, manifest, &self.env.config)?;
        // The same id means the same salt: the random generator repeats itself.
        if self.is_known(&id) {
            return Err(CommandError::CannotSign);
        }
        let config = &self.env.config;
        let session = Session::new(agreement, me, keypair, None, config, call.now);
        self.sessions.insert(id, session, None, config);
        call.out.push(Output::Event(Event::SessionCreated { session: id }));
        self.approve(call, id).inspect_err(|_| {
            // A session that can neither be joined nor queued leaves no trace. (A command that
            // fails gives no outputs, so the application never hears of it.)
            self.sessions.remove(&id);
        })?;
        Ok(id)
    }

    fn manifest(
        &self,
        now: Timestamp,
        proposal: Proposal,
        salt: Salt,
    ) -> Result<Manifest, CommandError> {
        let Proposal { mut signers, items, duration, memo, keep_order } = proposal;
        if !keep_order {
            signers.sort_unstable();
        }
        let duration = duration.unwrap_or(self.env.config.max_session_duration);
        let Config { max_signers, max_items, max_memo, .. } = self.env.config;
        Ok(Manifest {
            signers: List::new(signers).map_err(|error| ManifestError::TooManySigners {
                got: error.got,
                max: max_signers,
            })?,
            coordinator: SignerIndex::new(0),
            identities: List::empty(),
            items: List::new(items)
                .map_err(|error| ManifestError::TooManyItems { got: error.got, max: max_items })?,
            extractor: None,
            created_at: now,
            expires_at: now.saturating_add(duration),
            salt,
            memo: Bytes::new(memo)
                .map_err(|error| ManifestError::MemoTooLong { got: error.got, max: max_memo })?,
        })
    }

    fn announce<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
        audience: Audience,
    ) -> Result<(), CommandError> {
        let session = self.live(&id)?;
        if !session.is_approved() || session.announcement().is_some() {
            return Err(CommandError::NotToAnnounce(id));
        }
        let announcement = self.sign_announcement(call.rng, session, audience)?;
        self.with_session(call, &id, |session, cx| session.announce(cx, announcement));
        Ok(())
    }

    /// Signs what the others are told: the manifest, and where signers can be reached.
    fn sign_announcement<R: CryptoRng>(
        &self,
        rng: &mut R,
        session: &Session<C>,
        audience: Audience,
    ) -> Result<Announcement, CommandError> {
        let manifest = &session.agreement().manifest;
        let contacts = manifest.indices().zip(manifest.signers()).filter_map(|(signer, key)| {
            let own = (signer == manifest.coordinator()).then_some(&self.env.contact);
            let contact = own.or_else(|| self.env.contacts.contact(key))?.clone();
            (!contact.is_empty()).then_some(KnownContact { signer, contact })
        });
        let content = AnnouncementContent {
            manifest: Manifest::clone(manifest),
            private: audience == Audience::KnownContacts,
            contacts: List::new(contacts.collect()).unwrap_or_else(|_| List::empty()),
        };
        let announcement = Announcement::sign::<C>(content, session.keypair(), &random(rng))
            .ok_or(CommandError::CannotSign)?;
        let (size, max) = (
            announcement.size_in_frame(self.env.config.envelope_size()),
            self.env.config.max_frame_size,
        );
        if size > max { Err(CommandError::TooLarge { size, max }) } else { Ok(announcement) }
    }

    fn join<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
    ) -> Result<(), CommandError> {
        let session = self.live(&id)?;
        if session.is_approved() {
            return Err(CommandError::AlreadyJoined(id));
        }
        check_time(&session.agreement().manifest, call.now, &self.env.config)?;
        if !session.may_join() {
            return Err(CommandError::RestartLimit(id));
        }
        self.check_room(call.now)?;
        self.approve(call, id)
    }

    fn resume<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        bytes: &[u8],
    ) -> Result<(), CommandError> {
        let announcement = self.read(bytes)?;
        let id = announcement.content.manifest.id();
        let is_new = !self.is_known(&id);
        if is_new {
            self.open_again(call.now, id, announcement)?;
        }
        if let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.is_approved()) {
            session.resume();
        }
        if let Err(error) = self.join(call, id) {
            if is_new {
                self.sessions.remove(&id);
            }
            return Err(error);
        }
        self.replay(call, &id);
        Ok(())
    }

    /// Decodes an announcement that the application kept.
    fn read(&self, bytes: &[u8]) -> Result<Announcement, CommandError> {
        decode_message(bytes, self.env.config.max_frame_size)
            .map_err(|error| CommandError::Announcement(error.into()))
    }

    /// Opens the session of an announcement that the application kept.
    fn open_again(
        &mut self,
        now: Timestamp,
        id: SessionId,
        announcement: Announcement,
    ) -> Result<(), CommandError> {
        self.check_room(now)?;
        let opened = self.open(now, id, announcement, None).map_err(CommandError::Announcement)?;
        opened.ok_or(CommandError::NotASigner)
    }

    /// Ends a session with the signatures that it had before this node lost its memory. Others may
    /// have spoken of it since, so it may be open here already, or have ended otherwise.
    fn recall<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        bytes: &[u8],
        signatures: Vec<Signature>,
    ) -> Result<(), CommandError> {
        let announcement = self.read(bytes)?;
        let id = announcement.content.manifest.id();
        if self.ended.contains(&id) {
            return self.complete_ended(call, id, &signatures);
        }
        if self.joined.contains(&id) {
            return Err(CommandError::Ended(id));
        }
        let is_new = !self.sessions.contains_key(&id);
        if is_new {
            self.open_again(call.now, id, announcement)?;
        }
        if !self.live(&id)?.agreement().verifies(&signatures) {
            if is_new {
                self.sessions.remove(&id);
            }
            return Err(CommandError::FalseSignatures(id));
        }
        self.declined.remove(&id);
        // Stashed frames are dropped: their senders will ask again.
        drop(self.stash.take(&id));
        self.with_session(call, &id, |session, cx| session.recall(cx, signatures));
        Ok(())
    }

    fn complete_ended<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
        signatures: &[Signature],
    ) -> Result<(), CommandError> {
        let tombstone =
            self.ended.get_mut(&id).filter(|tombstone| tombstone.view().signatures.is_none());
        let tombstone = tombstone.ok_or(CommandError::Ended(id))?;
        let mut cx = call.within(&mut self.env);
        if !tombstone.complete::<C, R>(&mut cx, signatures) {
            return Err(CommandError::FalseSignatures(id));
        }
        self.ended.schedule(&id);
        Ok(())
    }

    /// Permits a step by the application's command. With automatic stepping there is nothing to
    /// permit: the step was taken already, or waits for others.
    fn step<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        id: SessionId,
        step: Step,
    ) -> Result<(), CommandError> {
        let session = self.live(&id)?;
        if !session.is_joined() {
            return Err(CommandError::NotJoined(id));
        }
        if session.phase() == Phase::Proposed {
            return Err(CommandError::NotAnnounced(id));
        }
        session.check_step(step).map_err(CommandError::NotReady)?;
        if self.env.config.stepping == Stepping::Manual {
            self.with_session(call, &id, |session, _| session.permit(step));
        }
        Ok(())
    }
}
