//! What a behaviour counts, for Prometheus.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Counters, gauges and histograms of one [`Behaviour`](crate::Behaviour), in [OpenMetrics](https://openmetrics.io) text. Clones are handles to the same numbers.
///
/// | name | type | labels | what |
/// |---|---|---|---|
/// | `musig2_sessions` | gauge | `phase`: `proposed`, `joining`, `nonces`, `partial_signatures`, `finalizing` | sessions that have not ended |
/// | `musig2_sessions_ended_total` | counter | `outcome`: `complete`, `by_signer`, `declined`, `timed_out`, `expired`, `convicted`, `rival_instance` | sessions that have |
/// | `musig2_attempts_restarted_total` | counter | | how often a signer lost its memory and everyone began anew |
/// | `musig2_stalls_total` | counter | `phase` | phases of which half the time was over |
/// | `musig2_phase_seconds` | histogram | `phase`: `joining`, `nonces`, `partial_signatures` | how long a phase took that was passed; `joining` from when the session became known |
/// | `musig2_session_seconds` | histogram | | from when a session became known to its signatures |
/// | `musig2_frames_total` | counter | `direction`: `in`, `out` | frames between signers |
/// | `musig2_frame_bytes_total` | counter | `direction` | their size in bytes |
/// | `musig2_frames_resent_total` | counter | | of those sent, the ones that time or a peer's return called for: polls and what they repeat |
/// | `musig2_frames_undelivered_total` | counter | `reason`: `unreachable`, `queue_full`, `unsupported`, `connection_lost`, `stalled`, `banned` | frames that did not leave |
/// | `musig2_announcements_total` | counter | `direction` | publications on the announcement topic |
/// | `musig2_dial_failures_total` | counter | | dials to co-signers that failed |
/// | `musig2_offences_total` | counter | `offence`: `too_large`, `version`, `malformed`, `misfit`, `bad_signature`, `manifest`, `false_signatures`, `stale`, `impersonation`, `false_proof`, `too_many`, `busy`, `no_room`, `unknown_session`, `substreams`, `other` | what peers sent that they should not have |
/// | `musig2_penalties_total` | counter | `penalty`: `paused`, `disconnected`, `banned` | what was done about it |
/// | `musig2_banned_peers` | gauge | | peers that are banned now |
///
/// A [`Node`](crate::Node) also counts:
///
/// | name | type | labels | what |
/// |---|---|---|---|
/// | `musig2_connections` | gauge | `path`: `direct`, `relayed` | open connections |
/// | `musig2_connections_opened_total` | counter | `direction`: `in`, `out` | connections that came about |
/// | `musig2_connections_failed_total` | counter | `direction` | connections that did not |
///
/// Buckets of the histograms go from 2 ms to 5 min, each 2.5 times the one before. No label names a peer, a session or a key, so there are never more series than these.
///
/// ```
/// let metrics = musig2_libp2p::Metrics::new();
/// assert!(metrics.encode().ends_with("# EOF\n"));
/// ```
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

type Label = [(&'static str, &'static str); 1];

struct Inner {
    registry: Registry,
    sessions: Family<Label, Gauge>,
    ended: Family<Label, Counter>,
    restarts: Counter,
    stalls: Family<Label, Counter>,
    phases: Family<Label, Histogram, fn() -> Histogram>,
    whole: Histogram,
    frames: Family<Label, Counter>,
    bytes: Family<Label, Counter>,
    resent: Counter,
    undelivered: Family<Label, Counter>,
    announcements: Family<Label, Counter>,
    dial_failures: Counter,
    offences: Family<Label, Counter>,
    penalties: Family<Label, Counter>,
    banned: Gauge,
    connections: Family<Label, Gauge>,
    opened: Family<Label, Counter>,
    failed: Family<Label, Counter>,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("musig2"),
            sessions: Family::default(),
            ended: Family::default(),
            restarts: Counter::default(),
            stalls: Family::default(),
            phases: Family::new_with_constructor(seconds),
            whole: seconds(),
            frames: Family::default(),
            bytes: Family::default(),
            resent: Counter::default(),
            undelivered: Family::default(),
            announcements: Family::default(),
            dial_failures: Counter::default(),
            offences: Family::default(),
            penalties: Family::default(),
            banned: Gauge::default(),
            connections: Family::default(),
            opened: Family::default(),
            failed: Family::default(),
        };
        let registry = &mut inner.registry;
        registry.register("sessions", "Sessions that have not ended", inner.sessions.clone());
        registry.register("sessions_ended", "Sessions that have ended", inner.ended.clone());
        registry.register("attempts_restarted", "Restarts of attempts", inner.restarts.clone());
        registry.register("stalls", "Phases of which half the time was over", inner.stalls.clone());
        let text = "How long a phase took that was passed";
        registry.register_with_unit("phase", text, Unit::Seconds, inner.phases.clone());
        let text = "From when a session became known to its signatures";
        registry.register_with_unit("session", text, Unit::Seconds, inner.whole.clone());
        registry.register("frames", "Frames between signers", inner.frames.clone());
        let text = "Size of frames between signers";
        registry.register_with_unit("frame", text, Unit::Bytes, inner.bytes.clone());
        let text = "Frames sent because of time or a peer's return";
        registry.register("frames_resent", text, inner.resent.clone());
        registry.register("frames_undelivered", "Frames that did not leave", inner.undelivered.clone());
        registry.register("announcements", "Publications", inner.announcements.clone());
        registry.register("dial_failures", "Failed dials to co-signers", inner.dial_failures.clone());
        let text = "What peers sent that they should not have";
        registry.register("offences", text, inner.offences.clone());
        registry.register("penalties", "What was done about offences", inner.penalties.clone());
        registry.register("banned_peers", "Peers that are banned now", inner.banned.clone());
        if cfg!(feature = "node") {
            registry.register("connections", "Open connections", inner.connections.clone());
            registry.register("connections_opened", "Connections that came about", inner.opened.clone());
            registry.register("connections_failed", "Connections that did not", inner.failed.clone());
        }
        Self(Arc::new(inner))
    }

    /// As OpenMetrics text, to be served as `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry).expect("a String takes whatever is written");
        text
    }

    pub(crate) fn sessions(&self, phase: &'static str, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.sessions.get_or_create(&[("phase", phase)]).set(count);
    }

    pub(crate) fn ended(&self, outcome: &'static str) {
        self.0.ended.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn restarted(&self) {
        self.0.restarts.inc();
    }

    pub(crate) fn stalled(&self, phase: &'static str) {
        self.0.stalls.get_or_create(&[("phase", phase)]).inc();
    }

    pub(crate) fn phase_took(&self, phase: &'static str, time: Duration) {
        self.0.phases.get_or_create(&[("phase", phase)]).observe(time.as_secs_f64());
    }

    pub(crate) fn session_took(&self, time: Duration) {
        self.0.whole.observe(time.as_secs_f64());
    }

    pub(crate) fn frame(&self, direction: &'static str, bytes: usize) {
        self.0.frames.get_or_create(&[("direction", direction)]).inc();
        self.0.bytes.get_or_create(&[("direction", direction)]).inc_by(bytes as u64);
    }

    pub(crate) fn resent(&self) {
        self.0.resent.inc();
    }

    pub(crate) fn undelivered(&self, reason: &'static str, frames: usize) {
        self.0.undelivered.get_or_create(&[("reason", reason)]).inc_by(frames as u64);
    }

    pub(crate) fn announcement(&self, direction: &'static str) {
        self.0.announcements.get_or_create(&[("direction", direction)]).inc();
    }

    pub(crate) fn dial_failed(&self) {
        self.0.dial_failures.inc();
    }

    pub(crate) fn offence(&self, offence: &'static str) {
        self.0.offences.get_or_create(&[("offence", offence)]).inc();
    }

    pub(crate) fn penalty(&self, penalty: &'static str) {
        self.0.penalties.get_or_create(&[("penalty", penalty)]).inc();
    }

    pub(crate) fn banned(&self, peers: usize) {
        self.0.banned.set(i64::try_from(peers).unwrap_or(i64::MAX));
    }

    #[cfg(feature = "node")]
    pub(crate) fn connections(&self, path: &'static str, count: usize) {
        self.0.connections.get_or_create(&[("path", path)]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    #[cfg(feature = "node")]
    pub(crate) fn connection_opened(&self, direction: &'static str) {
        self.0.opened.get_or_create(&[("direction", direction)]).inc();
    }

    #[cfg(feature = "node")]
    pub(crate) fn connection_failed(&self, direction: &'static str) {
        self.0.failed.get_or_create(&[("direction", direction)]).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.002, 2.5, 14))
}

// A node counts the most.
#[cfg(all(test, feature = "node"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_what_is_documented() {
        let metrics = Metrics::new();
        metrics.sessions("joining", 1);
        metrics.ended("complete");
        metrics.restarted();
        metrics.stalled("joining");
        metrics.phase_took("joining", Duration::from_millis(1));
        metrics.session_took(Duration::from_millis(1));
        metrics.frame("in", 1);
        metrics.resent();
        metrics.undelivered("banned", 1);
        metrics.announcement("in");
        metrics.dial_failed();
        metrics.offence("other");
        metrics.penalty("banned");
        metrics.banned(1);
        metrics.connections("direct", 1);
        metrics.connection_opened("in");
        metrics.connection_failed("in");
        let text = metrics.encode();
        let suffix = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
        let mut counted: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).map(suffix).collect();
        for part in ["_bucket", "_sum", "_count"] {
            counted.iter_mut().for_each(|name| *name = name.trim_end_matches(part).into());
        }
        counted.sort();
        counted.dedup();
        let rows =
            include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("/// | `")?.split('`').next());
        let mut documented: Vec<_> = rows.map(str::to_owned).collect();
        documented.sort();
        assert_eq!(counted, documented);
    }
}
