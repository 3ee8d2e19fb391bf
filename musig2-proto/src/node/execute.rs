//! The application's orders.

use super::Node;
use crate::agreement::{Agreement, ManifestError, check_time};
use crate::command::{Audience, Command, CommandError, Proposal};
use crate::config::{Config, Stepping};
use crate::crypto::Crypto;
use crate::event::{AbortCause, Event, Output, Phase};
use crate::ids::{SessionId, SignerIndex};
use crate::manifest::{Manifest, Salt};
use crate::session::{Outcome, Session, Step};
use crate::time::Timestamp;
use crate::wire::announcement::{Announcement, AnnouncementContent, KnownContact, Publication};
use crate::wire::bounded::{Bytes, List};
use crate::wire::encode_message;
use rand_core::CryptoRng;

impl<C: Crypto> Node<C> {
    pub(super) fn order<R: CryptoRng>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
        command: Command,
        out: &mut Vec<Output>,
    ) -> Result<(), CommandError> {
        match command {
            Command::SetContact(contact) => self.contact = contact,
            Command::AddContact { signer, contact } => self.contacts.tell(signer, contact),
            Command::CreateSession(proposal) => self.create(now, rng, out, proposal)?,
            Command::AnnounceSession { session, audience } => {
                self.announce(now, rng, out, session, audience)?
            }
            Command::JoinSession { session } => self.join(now, rng, out, session)?,
            Command::DeclineSession { session } => {
                if self.live(&session)?.is_joined() {
                    return Err(CommandError::AlreadyJoined(session));
                }
                self.with_session(now, rng, out, &session, |session, cx| {
                    session.end(cx, Outcome::Aborted(AbortCause::Declined));
                });
            }
            Command::ShareNonces { session } => self.step(now, rng, out, session, Step::ShareNonces)?,
            Command::SharePartialSignatures { session } => {
                self.step(now, rng, out, session, Step::SharePartialSignatures)?;
            }
            Command::FinalizeSession { session } => self.step(now, rng, out, session, Step::Finalize)?,
            Command::AbortSession { session, reason } => {
                if !self.live(&session)?.is_joined() {
                    return Err(CommandError::NotJoined(session));
                }
                self.with_session(now, rng, out, &session, |session, cx| session.abort(cx, reason));
            }
            Command::Cleanup => self.clean_up(now),
        }
        Ok(())
    }

    fn live(&self, id: &SessionId) -> Result<&Session<C>, CommandError> {
        self.sessions.get(id).ok_or_else(|| match self.tombstones.contains_key(id) {
            true => CommandError::Ended(*id),
            false => CommandError::UnknownSession(*id),
        })
    }

    fn check_room(&self) -> Result<(), CommandError> {
        let running = self.sessions.values().filter(|session| session.is_joined()).count();
        if running >= self.config.max_concurrent_sessions {
            return Err(CommandError::TooManySessions(running));
        }
        Ok(())
    }

    fn create<R: CryptoRng>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
        out: &mut Vec<Output>,
        proposal: Proposal,
    ) -> Result<(), CommandError> {
        self.check_room()?;
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let mut manifest = self.manifest(now, proposal, Salt::new(salt))?;
        let (me, keypair) = self.own_place(&manifest)?.ok_or(CommandError::NotASigner)?;
        manifest.coordinator = me;
        check_time(&manifest, now, &self.config)?;
        let agreement = Agreement::new(manifest, &self.config)?;
        let id = agreement.id;
        let session = Session::new(agreement, me, keypair, None, now, &self.config);
        self.sessions.insert(id, session);
        let joined = self.with_session(now, rng, out, &id, |session, cx| {
            session.join(cx)?;
            cx.emit(Event::SessionCreated { session: id });
            Some(())
        });
        self.keep_if(id, joined.flatten())
    }

    /// A session whose join could not be signed never was.
    fn keep_if(&mut self, id: SessionId, joined: Option<()>) -> Result<(), CommandError> {
        if joined.is_none() {
            self.sessions.remove(&id);
        }
        joined.ok_or(CommandError::CannotSign)
    }

    fn manifest(&self, now: Timestamp, proposal: Proposal, salt: Salt) -> Result<Manifest, CommandError> {
        let Proposal { mut signers, items, duration, memo, keep_order } = proposal;
        if !keep_order {
            signers.sort_unstable();
        }
        let duration = duration.unwrap_or(self.config.max_session_duration);
        let Config { max_signers, max_items, max_memo, .. } = self.config;
        Ok(Manifest {
            signers: List::new(signers)
                .map_err(|signers| ManifestError::TooManySigners { got: signers.len(), max: max_signers })?,
            coordinator: SignerIndex::new(0),
            identities: List::empty(),
            items: List::new(items)
                .map_err(|items| ManifestError::TooManyItems { got: items.len(), max: max_items })?,
            extractor: None,
            created_at: now,
            expires_at: now.saturating_add(duration),
            salt,
            memo: Bytes::new(memo)
                .map_err(|memo| ManifestError::MemoTooLong { got: memo.len(), max: max_memo })?,
        })
    }

    fn announce<R: CryptoRng>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
        out: &mut Vec<Output>,
        id: SessionId,
        audience: Audience,
    ) -> Result<(), CommandError> {
        let session = self.live(&id)?;
        if !session.is_joined() || session.announcement().is_some() {
            return Err(CommandError::NotToAnnounce(id));
        }
        let announcement = self.announcement(rng, session, audience)?;
        self.with_session(now, rng, out, &id, |session, cx| session.announce(cx, announcement));
        Ok(())
    }

    /// Signs what the others are told: the manifest, and where signers can be reached.
    fn announcement<R: CryptoRng>(
        &self,
        rng: &mut R,
        session: &Session<C>,
        audience: Audience,
    ) -> Result<Announcement, CommandError> {
        let manifest = &session.agreement().manifest;
        let contacts = manifest.indices().zip(manifest.signers()).filter_map(|(signer, key)| {
            let own = (signer == manifest.coordinator()).then_some(&self.contact);
            let contact = own.or_else(|| self.contacts.contact(key))?.clone();
            (!contact.as_bytes().is_empty()).then_some(KnownContact { signer, contact })
        });
        let content = AnnouncementContent {
            manifest: Manifest::clone(manifest),
            private: audience == Audience::KnownContacts,
            contacts: List::new(contacts.collect()).unwrap_or_else(|_| List::empty()),
        };
        let mut auxiliary = [0; 32];
        rng.fill_bytes(&mut auxiliary);
        let announcement = Announcement::sign::<C>(content, session.keypair(), &auxiliary)
            .ok_or(CommandError::CannotSign)?;
        let publication = Publication::Announcement { fresh: [0; 8], announcement };
        // Frames carry it too, in an envelope with four bitmaps.
        let size = encode_message(&publication).len() + self.config.envelope_size();
        if size > self.config.max_frame_size {
            return Err(CommandError::TooLarge { size, max: self.config.max_frame_size });
        }
        let Publication::Announcement { announcement, .. } = publication;
        Ok(announcement)
    }

    fn join<R: CryptoRng>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
        out: &mut Vec<Output>,
        id: SessionId,
    ) -> Result<(), CommandError> {
        let session = self.live(&id)?;
        if session.is_joined() {
            return Err(CommandError::AlreadyJoined(id));
        }
        check_time(&session.agreement().manifest, now, &self.config)?;
        self.check_room()?;
        let joined = self.with_session(now, rng, out, &id, |session, cx| session.join(cx));
        joined.flatten().ok_or(CommandError::CannotSign)
    }

    /// A step by hand. In automatic stepping it has been taken already, or is waiting for others.
    fn step<R: CryptoRng>(
        &mut self,
        now: Timestamp,
        rng: &mut R,
        out: &mut Vec<Output>,
        id: SessionId,
        step: Step,
    ) -> Result<(), CommandError> {
        let session = self.live(&id)?;
        if !session.is_joined() || session.phase() == Phase::Proposed {
            return Err(CommandError::NotJoined(id));
        }
        session.check_step(step).map_err(CommandError::NotReady)?;
        if self.config.stepping == Stepping::Manual {
            self.with_session(now, rng, out, &id, |session, _| session.permit(step));
        }
        Ok(())
    }
}
