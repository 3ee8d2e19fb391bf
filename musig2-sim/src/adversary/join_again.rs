//! Joins with one life after another.

use super::letters::{edit_own, send};
use super::{Adversary, Means, RogueSigner};
use crate::engine::Engine;
use crate::protocol;
use core::time::Duration;
use musig2_proto::wire::statement::Body;
use musig2_proto::{Boot, Output, SessionId, Timestamp};
use std::collections::BTreeMap;

/// The pause between two joins.
const PAUSE: Duration = Duration::from_millis(300);

/// Joins each session again and again under invented lives, and holds its nonces back until it has
/// done so.
pub(super) struct JoinAgain {
    times: u8,
    /// How many joins are left in each session, and when the next one is due.
    left: BTreeMap<SessionId, (u8, Timestamp)>,
}

impl JoinAgain {
    pub(super) fn new(times: u8) -> Self {
        Self { times, left: BTreeMap::new() }
    }
}

impl<C: Engine> Adversary<C> for JoinAgain {
    fn after(&mut self, means: &mut Means<'_, C>, outputs: Vec<Output>) -> Vec<Output> {
        let (now, times) = (means.now, self.times);
        let left = &mut self.left;
        let mut outputs = edit_own(means, outputs, |_, _, session, statement| {
            if matches!(statement.body, Body::Join(_)) {
                left.entry(session).or_insert((times, now.saturating_add(PAUSE)));
            }
            let waits = left.get(&session).is_some_and(|(left, _)| *left > 0);
            (!waits || !matches!(statement.body, Body::Nonces(_))).then_some(statement)
        });
        for (session, (left, next)) in &mut self.left {
            if *left == 0 || now < *next {
                continue;
            }
            (*left, *next) = (*left - 1, now.saturating_add(PAUSE));
            let Some(view) = means.node.session(session) else { continue };
            let Ok(mut rogue) = RogueSigner::<C>::new(means.secret, means.me.contact(), view)
            else {
                continue;
            };
            rogue.boot = Boot::new(means.random());
            let frame = protocol::frame(*session, [rogue.join()]);
            outputs.extend(means.others().map(|to| send(to, &frame)));
        }
        outputs
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.left.values().filter(|(left, _)| *left > 0).map(|(_, next)| *next).min()
    }
}
