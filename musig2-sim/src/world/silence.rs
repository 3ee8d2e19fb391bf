//! What nodes do once all sessions are over: less and less, and then nothing.

use super::{RunError, World};
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::time::Micros;
use core::time::Duration;

/// How often a node that lost its memory says hello, with the default configuration: with growing
/// pauses, for as long as a session can last.
const HELLOS: u64 = 32;

impl<C: Engine> World<C> {
    /// Continues from [`World::run_until_quiet`] until no honest node has anything left to do:
    /// unanswered sessions have expired, and ended ones are forgotten. Each session may take only a
    /// few more messages for each pair of signers.
    ///
    /// # Errors
    /// If a node is still busy when every session should be long forgotten, or there are more
    /// messages than that. Otherwise the same as [`World::run_until_quiet`].
    pub fn run_until_silent(&mut self) -> Result<(), RunError> {
        let before = self.counters.frames + self.counters.publications;
        let (mut begun, mut limit, mut most) = (None, Micros::ZERO, 0);
        while let Some(node) = self.busy() {
            // A node that crashes only now has a whole life ahead of it, and so has a session that
            // a Byzantine node makes only now. Both start the limits again.
            let now = Some((self.starts(), self.watch.known_sessions()));
            if begun != now {
                begun = now;
                limit = self.now + self.longest_memory();
                most = self.last_words();
            }
            match self.queue.next_at() {
                Some(at) if at <= limit => _ = self.step()?,
                _ => return Err(RunError::NotSilent { node, limit }),
            }
            let messages = self.counters.frames + self.counters.publications - before;
            if messages > most {
                return Err(RunError::Storm { messages, most });
            }
        }
        Ok(())
    }

    /// Returns an honest node that still has something to do.
    fn busy(&self) -> Option<NodeId> {
        self.honest_hosts().find(|(_, host)| host.deadline().is_some()).map(|(node, _)| node)
    }

    fn starts(&self) -> u64 {
        self.hosts.iter().map(|host| host.starts).sum()
    }

    /// Returns how long any node, whatever its clock shows, can remember a session that is open
    /// now.
    fn longest_memory(&self) -> Micros {
        let config = &self.plan.config;
        let away = self.plan.nodes.iter().map(|node| node.clock.away());
        let set = self.hosts.iter().map(|host| host.dial.ahead(self.now).unsigned_abs() / 1_000);
        let set = set.map(|millis| u64::try_from(millis).unwrap_or(u64::MAX));
        let apart = away.chain(set).max().unwrap_or_default();
        let memory = config.max_session_duration
            + config.clock_skew * 2
            + config.cleanup_interval
            + Duration::from_millis(apart) * 2
            + Duration::from_secs(60);
        let memory =
            self.hosts.iter().map(|host| host.dial.longest(memory)).max().unwrap_or(memory);
        Micros::new(u64::try_from(memory.as_micros()).unwrap_or(u64::MAX))
    }

    /// Returns the most messages that can be justified. There is no bound if any node is Byzantine:
    /// honest nodes may answer each of its requests.
    fn last_words(&self) -> u64 {
        if self.honest_hosts().count() < self.hosts.len() {
            return u64::MAX;
        }
        let pairs = (self.hosts.len() * self.hosts.len()) as u64;
        (HELLOS * self.starts() + 16) * pairs * (self.sessions.len() as u64 + 1)
    }
}
