//! What happens to peers that send what they should not.

use crate::frames::FrameLimits;
use futures::FutureExt;
use futures_timer::Delay;
use libp2p::PeerId;
use musig2_proto::Severity;
use std::collections::HashMap;
use std::fmt;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The most peers whose offences are remembered. Beyond that, peers that are not banned make room
/// first; among those, the one whose record expires soonest.
const MAX_RECORDS: usize = 1024;
/// Demerits of a malicious offence.
const MALICIOUS: u32 = 10;
/// Demerits of a suspicious offence, and of one for which the peer may only be the last hop.
const SUSPICIOUS: u32 = 1;

/// What was done about an offence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Consequence {
    /// Nothing: an honest peer may have sent it.
    None,
    /// Nothing is read from the peer for this long.
    Paused(Duration),
    /// All connections to the peer are closed. It may come back.
    Disconnected,
    /// All connections to the peer are closed, and new ones are denied for this long.
    Banned(Duration),
}

impl fmt::Display for Consequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no penalty"),
            Self::Paused(time) => write!(f, "reading paused for {time:?}"),
            Self::Disconnected => f.write_str("disconnected"),
            Self::Banned(time) => write!(f, "banned for {time:?}"),
        }
    }
}

/// The cause of a denied connection: the peer is banned.
/// [`ConnectionDenied::downcast`](libp2p::swarm::ConnectionDenied::downcast) returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{peer} is banned for another {} s because of what it sent", .left.as_secs_f64().ceil())]
pub struct Banned {
    /// The banned peer.
    pub peer: PeerId,
    /// How much longer the ban lasts.
    pub left: Duration,
}

/// How an offence reached this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// The peer sent it itself.
    Frame,
    /// Somebody published it, and the peer relayed it.
    Publication,
}

/// Remembers offences of a bounded number of peers, for a while.
#[derive(Debug)]
pub(super) struct Conduct {
    config: FrameLimits,
    records: HashMap<PeerId, Record>,
    /// Runs until the next ban is over.
    timer: Option<Delay>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    demerits: u32,
    /// The time up to which demerits have been forgiven.
    forgiven: Instant,
    /// The peer has been disconnected once. The next time it is banned.
    was_cut_off: bool,
    banned_until: Option<Instant>,
    forget_at: Instant,
}

impl Conduct {
    pub(super) fn new(config: FrameLimits) -> Self {
        Self { config, records: HashMap::new(), timer: None }
    }

    /// Counts an offence, and decides what to do about it.
    pub(super) fn judge(
        &mut self,
        peer: PeerId,
        severity: Severity,
        via: Via,
        now: Instant,
    ) -> Consequence {
        let demerits = match (severity, via) {
            (Severity::Benign, _) => return Consequence::None,
            (Severity::Malicious, Via::Frame) => MALICIOUS,
            _ => SUSPICIOUS,
        };
        let FrameLimits { max_offences, offence_time, offence_pause, ban_time, .. } = self.config;
        let record = self.record(peer, now);
        record.forgive(offence_time / MALICIOUS, now);
        record.demerits = record.demerits.saturating_add(demerits);
        record.forget_at = after(now, offence_time.saturating_mul(max_offences).max(ban_time));
        if max_offences == 0 || record.demerits < max_offences.saturating_mul(MALICIOUS) {
            // A pause stops this node from reading the peer's frames. Publications do not come that
            // way, and a peer that only relayed a bad one should not be slowed in what it says
            // itself.
            let pause = via == Via::Frame && !offence_pause.is_zero();
            return if pause { Consequence::Paused(offence_pause) } else { Consequence::None };
        }
        record.demerits = 0;
        if !record.was_cut_off || ban_time.is_zero() {
            record.was_cut_off = true;
            return Consequence::Disconnected;
        }
        record.banned_until = Some(after(now, ban_time));
        self.timer = None;
        Consequence::Banned(ban_time)
    }

    /// Checks that a peer is not banned.
    ///
    /// # Errors
    /// If the peer is banned.
    pub(super) fn check(&self, peer: &PeerId, now: Instant) -> Result<(), Banned> {
        let until = self.records.get(peer).and_then(|record| record.banned_until);
        let left = until.unwrap_or(now).saturating_duration_since(now);
        if left.is_zero() { Ok(()) } else { Err(Banned { peer: *peer, left }) }
    }

    pub(super) fn banned(&self, now: Instant) -> impl Iterator<Item = PeerId> {
        self.records.keys().copied().filter(move |peer| self.check(peer, now).is_err())
    }

    /// Returns ready with each peer whose ban is over.
    pub(super) fn poll_pardon(&mut self, context: &mut Context<'_>) -> Poll<PeerId> {
        loop {
            let next = self
                .records
                .iter()
                .filter_map(|(peer, record)| Some((record.banned_until?, *peer)));
            let Some((until, peer)) = next.min() else { return Poll::Pending };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.timer = None;
                if let Some(record) = self.records.get_mut(&peer) {
                    record.banned_until = None;
                }
                return Poll::Ready(peer);
            }
            if self.timer.get_or_insert_with(|| Delay::new(left)).poll_unpin(context).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }

    fn record(&mut self, peer: PeerId, now: Instant) -> &mut Record {
        if !self.records.contains_key(&peer) && self.records.len() >= MAX_RECORDS {
            self.records.retain(|_, record| record.forget_at > now);
            if self.records.len() >= MAX_RECORDS {
                let rank = |record: &Record| (record.banned_until.is_some(), record.forget_at);
                let least = self
                    .records
                    .iter()
                    .min_by_key(|(_, record)| rank(record))
                    .map(|(peer, _)| *peer);
                least.map(|peer| self.records.remove(&peer));
            }
        }
        let new = Record {
            demerits: 0,
            forgiven: now,
            was_cut_off: false,
            banned_until: None,
            forget_at: now,
        };
        let record = self.records.entry(peer).or_insert(new);
        if record.forget_at <= now {
            *record = new;
        }
        record
    }
}

impl Record {
    /// Forgives one demerit for each `each` that has passed.
    fn forgive(&mut self, each: Duration, now: Instant) {
        let passed = now.saturating_duration_since(self.forgiven);
        let count = passed.as_nanos().checked_div(each.as_nanos()).unwrap_or(u128::MAX);
        match u32::try_from(count) {
            Ok(count) if count < self.demerits => {
                self.demerits -= count;
                self.forgiven += each * count;
            }
            _ => (self.demerits, self.forgiven) = (0, now),
        }
    }
}

/// Durations come from a configuration and may be anything; adding a huge one to an `Instant` would
/// panic.
fn after(now: Instant, time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    now + time.min(YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Benign, Malicious, Suspicious};

    const MINUTE: Duration = Duration::from_secs(60);

    fn conduct() -> (Conduct, PeerId, Instant) {
        let config = FrameLimits::default()
            .with_max_offences(3)
            .with_offence_time(MINUTE)
            .with_offence_pause(Duration::from_secs(1))
            .with_ban_time(10 * MINUTE);
        (Conduct::new(config), PeerId::random(), Instant::now())
    }

    #[test]
    fn a_peer_is_paused_then_disconnected_then_banned_until_the_ban_is_over() {
        let (mut conduct, peer, now) = conduct();
        let mut judge = || conduct.judge(peer, Malicious, Via::Frame, now);
        let (pause, ban) =
            (Consequence::Paused(Duration::from_secs(1)), Consequence::Banned(10 * MINUTE));
        let all: Vec<_> = std::iter::repeat_with(&mut judge).take(6).collect();
        assert_eq!(all, [pause, pause, Consequence::Disconnected, pause, pause, ban]);
        let banned = conduct.check(&peer, now + 9 * MINUTE).unwrap_err();
        assert_eq!(banned, Banned { peer, left: MINUTE });
        assert_eq!(
            banned.to_string(),
            format!("{peer} is banned for another 60 s because of what it sent")
        );
        assert_eq!(conduct.banned(now).collect::<Vec<_>>(), [peer]);
        assert!(conduct.check(&peer, now + 10 * MINUTE).is_ok());
        // A ban that is over no longer counts.
        assert_eq!(conduct.judge(peer, Malicious, Via::Frame, now + 10 * MINUTE), pause);
    }

    #[test]
    fn a_peer_that_rarely_offends_is_never_cut_off() {
        let (mut conduct, peer, now) = conduct();
        for number in 0..1000 {
            let at = now + number * 2 * MINUTE;
            assert!(matches!(
                conduct.judge(peer, Malicious, Via::Frame, at),
                Consequence::Paused(_)
            ));
            let at = at + MINUTE;
            assert!(matches!(
                conduct.judge(peer, Suspicious, Via::Frame, at),
                Consequence::Paused(_)
            ));
        }
    }

    #[test]
    fn benign_offences_count_nothing_and_relayed_ones_a_tenth() {
        let (mut conduct, peer, now) = conduct();
        for _ in 0..1000 {
            assert_eq!(conduct.judge(peer, Benign, Via::Frame, now), Consequence::None);
        }
        for _ in 0..29 {
            assert_eq!(conduct.judge(peer, Malicious, Via::Publication, now), Consequence::None);
        }
        assert_eq!(
            conduct.judge(peer, Malicious, Via::Publication, now),
            Consequence::Disconnected
        );
    }

    #[test]
    fn disconnecting_and_banning_can_be_turned_off() {
        let (conduct, peer, now) = conduct();
        let mut lenient = Conduct::new(conduct.config.clone().with_max_offences(0));
        let mut mild = Conduct::new(conduct.config.with_ban_time(Duration::ZERO));
        for number in 1..100 {
            assert!(matches!(
                lenient.judge(peer, Malicious, Via::Frame, now),
                Consequence::Paused(_)
            ));
            let cut_off = mild.judge(peer, Malicious, Via::Frame, now) == Consequence::Disconnected;
            assert_eq!(cut_off, number % 3 == 0);
        }
    }

    #[test]
    fn the_table_of_peers_is_bounded_and_keeps_banned_ones() {
        let (mut conduct, peer, now) = conduct();
        for _ in 0..6 {
            conduct.judge(peer, Malicious, Via::Frame, now);
        }
        for _ in 0..2 * MAX_RECORDS {
            conduct.judge(PeerId::random(), Malicious, Via::Frame, now);
        }
        assert_eq!(conduct.records.len(), MAX_RECORDS);
        assert!(conduct.check(&peer, now).is_err());
    }
}
