//! Which sessions a signer is in: what is about a signer must not look at the sessions of others.

use crate::bytes::PublicKey;
use crate::ids::SessionId;
use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet};

/// What one session takes here for each signer, in bytes: a name in a tree, and its share of a tree with few names.
pub(crate) const BYTES_PER_SIGNER: usize = 96;

/// The names of some sessions, by signer.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct BySigner(BTreeMap<PublicKey, BTreeSet<SessionId>>);

impl BySigner {
    pub(crate) fn insert(&mut self, session: SessionId, signers: &[PublicKey]) {
        for signer in signers {
            self.0.entry(*signer).or_default().insert(session);
        }
    }

    pub(crate) fn remove(&mut self, session: &SessionId, signers: &[PublicKey]) {
        for signer in signers {
            if let Some(sessions) = self.0.get_mut(signer) {
                sessions.remove(session);
                if sessions.is_empty() {
                    self.0.remove(signer);
                }
            }
        }
    }

    /// A signer's sessions, by name, from the one after `after` on.
    pub(crate) fn of(&self, signer: &PublicKey, after: Option<SessionId>) -> impl Iterator<Item = SessionId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let sessions = self.0.get(signer).into_iter();
        sessions.flat_map(move |sessions| sessions.range((from, Bound::Unbounded)).copied())
    }
}
