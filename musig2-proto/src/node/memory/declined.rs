//! The ids of sessions that ended before this node joined them. The application is not told of them
//! again.

use crate::base::ids::SessionId;
use crate::base::time::Timestamp;
use std::collections::BTreeMap;

/// How many are remembered. Beyond that, the one that expires first is forgotten, and may be
/// discovered again.
const MAX_DECLINED: usize = 4096;

/// Their ids, and when each may be forgotten.
#[derive(Debug, Clone, Hash, Default)]
pub(crate) struct Declined(BTreeMap<SessionId, Timestamp>);

impl Declined {
    pub(crate) fn add(&mut self, session: SessionId, forget_at: Timestamp) {
        self.0.insert(session, forget_at);
        if self.0.len() > MAX_DECLINED {
            let first = self.0.iter().min_by_key(|(_, at)| **at).map(|(session, _)| *session);
            self.0.retain(|session, _| Some(*session) != first);
        }
    }

    /// Takes a session off the list: the application says that an earlier life finished it.
    pub(crate) fn remove(&mut self, session: &SessionId) {
        self.0.remove(session);
    }

    pub(crate) fn contains(&self, session: &SessionId) -> bool {
        self.0.contains_key(session)
    }

    pub(crate) fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, at| now < *at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u16) -> SessionId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&number.to_be_bytes());
        SessionId::new(id)
    }

    #[test]
    fn beyond_the_bound_the_session_that_expires_first_is_forgotten() {
        let mut declined = Declined::default();
        for number in 0..4096 {
            declined.add(session(number), Timestamp::from_millis(if number == 7 { 1 } else { 2 }));
        }
        assert!((0..4096).all(|number| declined.contains(&session(number))));
        declined.add(session(4096), Timestamp::from_millis(2));
        assert!(!declined.contains(&session(7)));
        assert!(
            (0..4097)
                .filter(|number| *number != 7)
                .all(|number| declined.contains(&session(number)))
        );
    }

    #[test]
    fn a_session_is_remembered_until_it_expires() {
        let mut declined = Declined::default();
        declined.add(session(1), Timestamp::from_millis(10));
        declined.forget(Timestamp::from_millis(9));
        assert!(declined.contains(&session(1)));
        declined.forget(Timestamp::from_millis(10));
        assert!(!declined.contains(&session(1)));
    }
}
