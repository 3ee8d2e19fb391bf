//! The sessions that have not ended, and indexes to find them by. No call looks at sessions that it
//! is not about.

use super::undecided::{Origin, Standing, Undecided};
use crate::base::bytes::PublicKey;
use crate::base::ids::{SessionId, Source};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::Crypto;
use crate::node::index::SessionsBy;
use crate::session::Session;
use core::hash::{Hash, Hasher};
use std::collections::{BTreeMap, BTreeSet};

/// Up to this many sessions, builds with debug assertions check the order of deadlines against the
/// sessions themselves.
const COMPARED: usize = 32;

pub(super) struct Sessions<C: Crypto> {
    open: BTreeMap<SessionId, Scheduled<C>>,
    /// Follows from the sessions' deadlines.
    by_deadline: BTreeSet<(Timestamp, SessionId)>,
    /// Follows from their manifests.
    by_signer: SessionsBy<PublicKey>,
    /// Follows from where their signers' statements came from.
    by_source: SessionsBy<Source>,
    /// Sessions to announce to new listeners. Follows from the sessions.
    announced: BTreeSet<SessionId>,
    /// Sessions that wait for the application. Follows from the sessions.
    undecided: Undecided,
}

/// A session, and the entries under which the indexes hold it.
struct Scheduled<C: Crypto> {
    session: Session<C>,
    deadline: Option<Timestamp>,
    located: Vec<Source>,
    /// Who announced the session to this node; `None` if the application opened it.
    origin: Option<Origin>,
}

impl<C: Crypto> Default for Sessions<C> {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            by_deadline: BTreeSet::new(),
            by_signer: SessionsBy::default(),
            by_source: SessionsBy::default(),
            announced: BTreeSet::new(),
            undecided: Undecided::default(),
        }
    }
}

/// Only for engines whose secret nonces can be cloned, which only the simulator's can.
impl<C: Crypto> Clone for Sessions<C>
where
    C::SecretNonce: Clone,
{
    fn clone(&self) -> Self {
        Self {
            open: self.open.iter().map(|(id, scheduled)| (*id, scheduled.clone())).collect(),
            by_deadline: self.by_deadline.clone(),
            by_signer: self.by_signer.clone(),
            by_source: self.by_source.clone(),
            announced: self.announced.clone(),
            undecided: self.undecided.clone(),
        }
    }
}

impl<C: Crypto> Clone for Scheduled<C>
where
    C::SecretNonce: Clone,
{
    fn clone(&self) -> Self {
        let Self { session, deadline, located, origin } = self;
        Self {
            session: session.clone(),
            deadline: *deadline,
            located: located.clone(),
            origin: origin.clone(),
        }
    }
}

impl<C: Crypto> Hash for Sessions<C>
where
    C::SecretNonce: Hash,
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.open.len().hash(state);
        self.values().for_each(|session| session.hash(state));
        self.undecided.hash(state);
    }
}

impl<C: Crypto> Sessions<C> {
    /// Adds a session. One that the application opened here has no origin.
    pub(super) fn insert(
        &mut self,
        id: SessionId,
        session: Session<C>,
        origin: Option<Origin>,
        config: &Config,
    ) {
        self.by_signer.insert(id, session.agreement().manifest.signers());
        self.open.insert(id, Scheduled { session, deadline: None, located: Vec::new(), origin });
        self.schedule(&id, config);
    }

    pub(super) fn remove(&mut self, id: &SessionId) {
        let Some(Scheduled { session, deadline, located, .. }) = self.open.remove(id) else {
            return;
        };
        self.by_signer.remove(id, session.agreement().manifest.signers());
        if let Some(deadline) = deadline {
            self.by_deadline.remove(&(deadline, *id));
        }
        self.by_source.remove(id, &located);
        self.announced.remove(id);
        self.undecided.set(*id, &Standing::Decided);
    }

    pub(super) fn get(&self, id: &SessionId) -> Option<&Session<C>> {
        self.open.get(id).map(|scheduled| &scheduled.session)
    }

    /// A caller that changes the session must [schedule](Self::schedule) it afterwards.
    pub(super) fn get_mut(&mut self, id: &SessionId) -> Option<&mut Session<C>> {
        self.open.get_mut(id).map(|scheduled| &mut scheduled.session)
    }

    /// Updates a session's entries in the indexes, and returns the session. Must be called after
    /// each change to a session.
    pub(super) fn schedule(&mut self, id: &SessionId, config: &Config) -> Option<&Session<C>> {
        let Scheduled { session, deadline, located, origin } = self.open.get_mut(id)?;
        let next = session.next_deadline(config);
        let before = core::mem::replace(deadline, next);
        if before != next {
            before.into_iter().for_each(|before| _ = self.by_deadline.remove(&(before, *id)));
            self.by_deadline.extend(next.map(|next| (next, *id)));
        }
        if !session.located().eq(located.iter()) {
            let now: Vec<_> = session.located().cloned().collect();
            self.by_source.remove(id, located);
            self.by_source.insert(*id, &now);
            *located = now;
        }
        match session.seeks_audience() {
            true => self.announced.insert(*id),
            false => self.announced.remove(id),
        };
        let standing = match origin {
            Some(_) if session.was_joined() && !session.is_approved() => Standing::JoinedBefore,
            Some(origin) if !session.is_approved() => Standing::Waits(origin),
            _ => Standing::Decided,
        };
        self.undecided.set(*id, &standing);
        Some(session)
    }

    /// Moves pauses back when the caller's clock was set back.
    pub(super) fn set_back(&mut self, by: core::time::Duration, config: &Config) {
        for id in self.ids() {
            if let Some(session) = self.get_mut(&id) {
                session.set_back(by);
            }
            self.schedule(&id, config);
        }
    }

    /// Returns when the first session has something to do.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.by_deadline.first().map(|(at, _)| *at)
    }

    /// Returns the sessions that have something to do now.
    pub(super) fn due(&self, now: Timestamp, config: &Config) -> Vec<SessionId> {
        debug_assert!(self.is_in_order(config));
        let mut due: Vec<_> =
            self.by_deadline.iter().take_while(|(at, _)| now >= *at).map(|(_, id)| *id).collect();
        due.sort_unstable();
        due
    }

    fn is_in_order(&self, config: &Config) -> bool {
        let deadline = |session: &Session<C>| Some((session.next_deadline(config)?, session.id()));
        self.open.len() > COMPARED
            || self.values().filter_map(deadline).collect::<BTreeSet<_>>() == self.by_deadline
    }

    pub(super) fn contains_key(&self, id: &SessionId) -> bool {
        self.open.contains_key(id)
    }

    /// Returns the sessions that this key is to sign, in order of their ids, from the one after
    /// `after` on.
    pub(super) fn of(
        &self,
        signer: &PublicKey,
        after: Option<SessionId>,
    ) -> impl Iterator<Item = SessionId> {
        self.by_signer.of(signer, after)
    }

    /// Returns the sessions in which a signer's own statement came from this source.
    pub(super) fn at(&self, source: &Source) -> Vec<SessionId> {
        self.by_source.of(source, None).collect()
    }

    /// Returns the sessions to announce to new listeners.
    pub(super) fn announced(&self) -> Vec<SessionId> {
        self.announced.iter().copied().collect()
    }

    /// Returns the sessions that wait for the application.
    pub(super) fn undecided(&self) -> &Undecided {
        &self.undecided
    }

    fn ids(&self) -> Vec<SessionId> {
        self.open.keys().copied().collect()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Session<C>> {
        self.open.values().map(|scheduled| &scheduled.session)
    }
}
