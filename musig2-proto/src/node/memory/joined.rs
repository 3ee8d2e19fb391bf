//! The names (ids) of sessions that this node joined and that have ended here. The node does not
//! join such a session again while it remembers it. Ten joins of one key convict it, so otherwise
//! an attacker that makes a node forget a session and approve it again could make it convict
//! itself.

use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Names, and when each may be forgotten. Only time makes room here: if there is none left, the
/// node joins no more sessions.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Joined {
    names: BTreeMap<SessionId, Timestamp>,
    /// Follows from `names`.
    by_expiry: BTreeSet<(Timestamp, SessionId)>,
}

impl Joined {
    pub(crate) fn add(&mut self, session: SessionId, forget_at: Timestamp) {
        if let Some(before) = self.names.insert(session, forget_at) {
            self.by_expiry.remove(&(before, session));
        }
        self.by_expiry.insert((forget_at, session));
    }

    pub(crate) fn contains(&self, session: &SessionId) -> bool {
        self.names.contains_key(session)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Forgets the names whose time is over.
    pub(crate) fn forget(&mut self, now: Timestamp) {
        while let Some((forget_at, session)) = self.by_expiry.first().copied()
            && now >= forget_at
        {
            self.by_expiry.remove(&(forget_at, session));
            self.names.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_until_its_time_is_over_however_many_there_are() {
        let mut joined = Joined::default();
        let session = |number: u32| {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.to_be_bytes());
            SessionId::new(id)
        };
        for number in 0..5_003 {
            joined.add(session(number), Timestamp::from_millis(if number == 7 { 10 } else { 20 }));
        }
        joined.forget(Timestamp::from_millis(9));
        assert_eq!(joined.len(), 5_003);
        joined.forget(Timestamp::from_millis(10));
        assert!(!joined.contains(&session(7)) && joined.len() == 5_002);
        joined.add(session(8), Timestamp::from_millis(30));
        joined.forget(Timestamp::from_millis(20));
        assert!(joined.contains(&session(8)) && joined.len() == 1);
    }
}
