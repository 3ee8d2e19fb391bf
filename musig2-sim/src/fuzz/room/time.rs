//! How time passes, and that everything comes to an end.

use super::Room;
use crate::engine::Engine;
use core::time::Duration;
use musig2_proto::{Input, Timestamp};

/// As long as no more time than this has passed, no phase times out.
const PATIENCE: Duration = Duration::from_secs(15);

/// Everything has ended this long after the network healed: the longest session, and the time for
/// which ended sessions are remembered.
const END_OF_EVERYTHING: Duration = Duration::from_secs(10 * 60 + 2 * 30 + 5 * 60 + 60);

impl<C: Engine> Room<C> {
    /// Lets time pass, and wakes the nodes at their deadlines.
    pub(in crate::fuzz) fn pass(&mut self, duration: Duration) {
        let end = self.now.saturating_add(duration);
        // This is set first, because phases may time out on the way.
        let oldest = self.sessions.values().min().copied().unwrap_or(end);
        self.untimely |= !self.healed && end.saturating_since(oldest) > PATIENCE;
        while let Some(next) = self.next_deadline().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            (0..3).for_each(|seat| self.wake(seat));
        }
        self.now = end;
    }

    pub(in crate::fuzz) fn wake(&mut self, seat: usize) {
        self.give(seat, Input::Tick);
    }

    pub(in crate::fuzz) fn set_clock(&mut self, seat: usize, by: i64) {
        self.untimely = true;
        let ahead = &mut self.applications[seat].clock_ahead;
        *ahead = (*ahead + by).clamp(-1_200_000, 1_200_000);
        // Drivers tell a node the time every few seconds.
        self.wake(seat);
    }

    /// Heals the network: everyone is up, nothing is lost, and applications answer. Checks that
    /// everything comes to an end.
    pub(in crate::fuzz) fn settle(&mut self) {
        self.healed = true;
        for seat in 0..3 {
            self.start(seat);
            self.answer(seat);
        }
        let end = self.now.saturating_add(END_OF_EVERYTHING);
        loop {
            self.deliver_everything();
            let Some(next) = self.next_deadline().filter(|&next| next <= end) else { break };
            let pause = next.saturating_since(self.now);
            self.pass(pause.max(Duration::from_millis(1)));
        }
        self.check_end();
        self.now = self.now.max(end);
        self.sessions.clear();
        self.applications.iter_mut().for_each(|application| application.kept.clear());
        self.healed = false;
    }

    pub(super) fn check_end(&self) {
        for (seat, application) in self.seats.iter().zip(&self.applications) {
            let open = seat.node.sessions().find(|view| view.deadline.is_some());
            assert!(open.is_none(), "node {} never ends {open:?}", seat.number);
            let deadline = seat.node.next_deadline();
            assert!(
                self.untimely || deadline.is_none(),
                "node {} never rests: {deadline:?}",
                seat.number
            );
            for session in self.sessions.keys().filter(|_| !self.untimely) {
                let done =
                    application.complete.contains(session) || self.given_up.contains(session);
                let view = seat.node.session(session);
                assert!(done, "node {} never completes {session}: {view:?}", seat.number);
            }
        }
    }

    pub(super) fn clock(&self, seat: usize) -> Timestamp {
        shift(self.now, self.applications[seat].clock_ahead)
    }

    /// Returns the next deadline of any node, in true time.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let up =
            self.seats.iter().zip(&self.applications).filter(|(_, application)| application.up);
        let deadlines = up.filter_map(|(seat, application)| {
            Some(shift(seat.node.next_deadline()?, -application.clock_ahead))
        });
        deadlines.min()
    }
}

fn shift(time: Timestamp, millis: i64) -> Timestamp {
    let by = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { time.saturating_sub(by) } else { time.saturating_add(by) }
}
