//! Sessions that this node cannot take up although one of its keys is to sign them: its clock or
//! its configuration rules them out. The application is told, and may have the proposer (the
//! coordinator) told, see `decline.rs`.
//!
//! If a session is from the future, two clocks differ, whoever passed it on: the time that its
//! proposer signed is still to come. If a session is over, that does not follow, since anyone can
//! repeat what a proposer signed long ago. Only the proposer knows whether the session is still
//! open. For the same reason, sessions that are over are counted separately: repeating them must
//! not hide sessions that the application should be asked about.
//!
//! A source cannot learn from a refusal whether this node has a key of the session: it is reported
//! for the same offence either way.

use super::{Node, Place};
use crate::api::event::Event;
use crate::api::offence::Offence;
use crate::api::output::{Destination, Output};
use crate::base::bytes::PublicKey;
use crate::base::ids::{SessionId, SignerIndex, Source};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::Crypto;
use crate::env::context::Call;
use crate::env::sources::Work;
use crate::rules::agreement::ManifestError;
use crate::terms::manifest::Manifest;
use crate::wire::announcement::Announcement;
use crate::wire::frame::Frame;
use core::time::Duration;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::ops::Bound::Included;

/// How many sessions the application is told of within a [`PAUSE`]. At most half of them are
/// strangers'.
const MAX_REFUSED: usize = 256;

/// How many sessions of one proposer the application is told of within a [`PAUSE`].
const MAX_OF_PROPOSER: usize = 8;

/// How long until the application may be told of the same session again.
const PAUSE: Duration = Duration::from_secs(60);

/// The sessions that were refused lately.
#[derive(Debug, Clone, Hash, Default)]
pub(super) struct Refused {
    others: Refusals,
    /// Sessions that were over.
    over: Refusals,
}

/// Refused sessions, by proposer and session.
#[derive(Debug, Clone, Hash, Default)]
struct Refusals(BTreeMap<(PublicKey, SessionId), Refusal>);

/// What it takes to tell the proposer that its session was refused.
#[derive(Debug, Clone, Hash)]
pub(super) struct Refusal {
    /// When the application was told.
    at: Timestamp,
    pub(super) me: SignerIndex,
    pub(super) key: PublicKey,
    /// Where the proposer is, if that is known.
    pub(super) to: Option<Destination>,
    pub(super) expires_at: Timestamp,
}

impl Refused {
    fn of_kind(&mut self, error: &ManifestError) -> &mut Refusals {
        if matches!(error, ManifestError::Over(_)) { &mut self.over } else { &mut self.others }
    }

    /// Returns what it takes to tell the proposer of a refused session.
    pub(super) fn get(&self, session: &SessionId) -> Option<&Refusal> {
        let refusals = self.others.0.iter().chain(&self.over.0);
        refusals.filter(|((_, refused), _)| refused == session).map(|(_, refusal)| refusal).next()
    }

    pub(super) fn set_back(&mut self, by: Duration) {
        let refusals = self.others.0.values_mut().chain(self.over.0.values_mut());
        refusals.for_each(|refusal| refusal.at = refusal.at.saturating_sub(by));
    }
}

impl Refusals {
    fn has_room(
        &mut self,
        now: Timestamp,
        proposer: PublicKey,
        session: SessionId,
        is_known: bool,
    ) -> bool {
        self.0.retain(|_, refusal| now < refusal.at.saturating_add(PAUSE));
        let of_proposer = |id| Included((proposer, SessionId::new(id)));
        let of_proposer =
            self.0.range((of_proposer([0; SessionId::SIZE]), of_proposer([0xff; SessionId::SIZE])));
        let room = if is_known { MAX_REFUSED } else { MAX_REFUSED / 2 };
        self.0.len() < room
            && of_proposer.count() < MAX_OF_PROPOSER
            && !self.0.contains_key(&(proposer, session))
    }
}

/// How an announcement came, which decides from which bucket its checks are paid.
#[derive(Clone, Copy)]
pub(super) enum Way<'f> {
    Published,
    InFrame(&'f Frame),
}

impl<C: Crypto> Node<C> {
    /// Checks an announcement that is new here. If this node's clock or configuration rules it out,
    /// has [`Node::refuse`] tell the application.
    pub(super) fn vet_new<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        way: Way<'_>,
        announcement: &Announcement,
    ) -> Result<(), Offence> {
        let vetted = self.vet(call.now, announcement);
        if let Err(Offence::Manifest(error)) = &vetted
            && error.is_of_this_node()
        {
            self.refuse(call, from, way, announcement, error);
        }
        vetted
    }

    /// Tells the application of a session that cannot be taken up. It does so only if another
    /// signer proposed the session, one of this node's keys is to sign it, the limits allow one
    /// more, and the proposer's signature is valid.
    pub(super) fn refuse<R: CryptoRng>(
        &mut self,
        call: &mut Call<'_, R>,
        from: &Source,
        way: Way<'_>,
        announcement: &Announcement,
        error: &ManifestError,
    ) {
        let manifest = &announcement.content.manifest;
        let Some(&proposer) = manifest.coordinator_key() else { return };
        let Ok(Some(Place { me, keypair })) = self.own_place(manifest) else { return };
        let session = manifest.id();
        let is_known = self.knows(&proposer);
        if me == manifest.coordinator()
            || !announcement.fits()
            || !self.refused.of_kind(error).has_room(call.now, proposer, session, is_known)
        {
            return;
        }
        let charged = match way {
            Way::Published => {
                let work = Work::Announcements { own: true };
                call.charge_publication(&mut self.env, from, work, 1)
            }
            // The second check is for a join that may have come with it.
            Way::InFrame(_) => call.within(&mut self.env).charge_for(from, 2),
        };
        if charged.is_err() || !announcement.verify::<C>() {
            return;
        }
        // A key that joined this session in an earlier life must not decline it in this one: others
        // may hold both statements, in any order.
        if let Way::InFrame(frame) = way
            && self.has_joined(frame, announcement)
        {
            return;
        }
        let announced =
            announcement.contact(manifest.coordinator()).filter(|contact| !contact.is_empty());
        let contact = announced.or_else(|| self.env.contacts.contact(&proposer)).cloned();
        // A peer that only passed the session on must not learn that this node has a key of it, so
        // a decline goes back to the source only if the proposer has spoken from there.
        let is_proposer = matches!(way, Way::InFrame(_)) && self.env.sources.is_of(from, &proposer);
        let answer = is_proposer.then(|| Destination::Source(from.clone()));
        let refusal = Refusal {
            at: call.now,
            me,
            key: C::public_key(&keypair),
            to: contact.map(Destination::Contact).or(answer),
            expires_at: self.last_expiry(call.now, manifest),
        };
        self.refused.of_kind(error).0.insert((proposer, session), refusal);
        call.out.push(Output::Event(Event::SessionRefused {
            session,
            proposer,
            error: Box::new(error.clone()),
        }));
    }

    /// Returns when a refused session is over for this node, whatever its manifest says: it may
    /// claim to last for months, and its decline is kept until then.
    fn last_expiry(&self, now: Timestamp, manifest: &Manifest) -> Timestamp {
        let Config { max_session_duration, clock_skew, .. } = &self.env.config;
        let longest = max_session_duration.saturating_add(clock_skew.saturating_mul(2));
        manifest.expires_at().min(now.saturating_add(longest))
    }
}
