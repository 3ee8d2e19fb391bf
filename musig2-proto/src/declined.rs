//! Sessions that the application declined, so that it is not asked again.

use crate::ids::SessionId;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How many are remembered. Beyond that the one that expires first is forgotten, and may be discovered again.
const MAX_DECLINED: usize = 4096;

/// Their names, and when each may be forgotten.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declined(BTreeMap<SessionId, Timestamp>);

impl Declined {
    pub(crate) fn add(&mut self, session: SessionId, forget_at: Timestamp) {
        self.0.insert(session, forget_at);
        if self.0.len() > MAX_DECLINED {
            let first = self.0.iter().min_by_key(|(_, at)| **at).map(|(session, _)| *session);
            self.0.retain(|session, _| Some(*session) != first);
        }
    }

    pub(crate) fn contains(&self, session: &SessionId) -> bool {
        self.0.contains_key(session)
    }

    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, at| now < *at);
    }
}
