//! What a behaviour counts, for Prometheus.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Counters, gauges and histograms of one [`Behaviour`](crate::Behaviour), as
/// [OpenMetrics](https://openmetrics.io) text. Clones are handles to the same numbers.
///
/// | name | type | labels | what |
/// |---|---|---|---|
/// | `musig2_sessions` | gauge | `phase`: `proposed`, `joining`, `nonces`, `partial_signatures`, `finalizing` | sessions that have not ended |
/// | `musig2_sessions_ended_total` | counter | `outcome`: `complete`, `by_signer`, `declined`, `signer_declined`, `made_room`, `timed_out`, `expired`, `convicted`, `rival_instance`, `other` | sessions that have ended |
/// | `musig2_attempts_restarted_total` | counter | | how often a signer lost its memory and everyone began a new attempt |
/// | `musig2_key_in_use_elsewhere_total` | counter | | how often another process joined a session with a key of this node |
/// | `musig2_stalls_total` | counter | `phase`: `joining`, `nonces`, `partial_signatures` | phases that used up half of their time |
/// | `musig2_phase_seconds` | histogram | `phase`: `joining`, `nonces`, `partial_signatures` | how long completed phases took; `joining` from when the session became known |
/// | `musig2_session_seconds` | histogram | | from when a session became known to its signatures |
/// | `musig2_frames_total` | counter | `direction`: `in`, `out` | frames between signers |
/// | `musig2_frame_bytes_total` | counter | `direction`: `in`, `out` | their size in bytes |
/// | `musig2_frames_resent_total` | counter | | sent frames that time or the return of a peer caused: polls and what they repeat |
/// | `musig2_frames_undelivered_total` | counter | `reason`: `unreachable`, `queue_full`, `unsupported`, `connection_lost`, `stalled`, `banned` | frames that did not leave |
/// | `musig2_announcements_total` | counter | `direction`: `in`, `out` | publications on the announcement topic |
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
/// | `musig2_connections_opened_total` | counter | `direction`: `in`, `out` | connections that were established |
/// | `musig2_connections_failed_total` | counter | `direction`: `in`, `out` | connections that failed |
///
/// The application sets one more ([`Metrics::set_problems`]):
///
/// | name | type | labels | what |
/// |---|---|---|---|
/// | `musig2_problems` | gauge | | things that do not work now and are tried again; zero unless it is set |
///
/// Histogram buckets go from 2 ms to 5 min, each 2.5 times the one before. No label names a peer, a
/// session or a key, so there are never more series than these. Each exists from the start, at
/// zero.
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
    rivals: Counter,
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
    problems: Gauge,
    connections: Family<Label, Gauge>,
    opened: Family<Label, Counter>,
    failed: Family<Label, Counter>,
}

impl Metrics {
    /// Makes metrics that are all at zero.
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("musig2"),
            sessions: Family::default(),
            ended: Family::default(),
            restarts: Counter::default(),
            rivals: Counter::default(),
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
            problems: Gauge::default(),
            connections: Family::default(),
            opened: Family::default(),
            failed: Family::default(),
        };
        let registry = &mut inner.registry;
        registry.register("sessions", "Sessions that have not ended", inner.sessions.clone());
        registry.register("sessions_ended", "Sessions that have ended", inner.ended.clone());
        registry.register(
            "attempts_restarted",
            "New attempts after a signer lost its memory",
            inner.restarts.clone(),
        );
        let text = "Joins by another process with one of this node's keys";
        registry.register("key_in_use_elsewhere", text, inner.rivals.clone());
        registry.register("stalls", "Phases that used up half of their time", inner.stalls.clone());
        let text = "How long completed phases took";
        registry.register_with_unit("phase", text, Unit::Seconds, inner.phases.clone());
        let text = "Time from when a session became known until it was signed";
        registry.register_with_unit("session", text, Unit::Seconds, inner.whole.clone());
        registry.register("frames", "Frames between signers", inner.frames.clone());
        let text = "Size of frames between signers";
        registry.register_with_unit("frame", text, Unit::Bytes, inner.bytes.clone());
        let text = "Polls and repeated frames, sent on a timer or when a peer returned";
        registry.register("frames_resent", text, inner.resent.clone());
        registry.register(
            "frames_undelivered",
            "Frames that could not be delivered",
            inner.undelivered.clone(),
        );
        registry.register(
            "announcements",
            "Announcements sent and received",
            inner.announcements.clone(),
        );
        registry.register(
            "dial_failures",
            "Failed dials to co-signers",
            inner.dial_failures.clone(),
        );
        let text = "Offences by peers";
        registry.register("offences", text, inner.offences.clone());
        registry.register("penalties", "Penalties for offences", inner.penalties.clone());
        registry.register("banned_peers", "Peers that are banned now", inner.banned.clone());
        registry.register(
            "problems",
            "Things that do not work now and are retried",
            inner.problems.clone(),
        );
        if cfg!(feature = "node") {
            registry.register("connections", "Open connections", inner.connections.clone());
            registry.register(
                "connections_opened",
                "Connections that were established",
                inner.opened.clone(),
            );
            registry.register(
                "connections_failed",
                "Connections that failed",
                inner.failed.clone(),
            );
        }
        inner.start_at_zero();
        Self(Arc::new(inner))
    }

    /// Sets how many things do not work now, as the application knows: for instance, it cannot
    /// write to its disk.
    pub fn set_problems(&self, problems: usize) {
        self.0.problems.set(i64::try_from(problems).unwrap_or(i64::MAX));
    }

    /// Returns OpenMetrics text, to be served as `application/openmetrics-text; version=1.0.0;
    /// charset=utf-8`.
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

    pub(crate) fn key_in_use_elsewhere(&self) {
        self.0.rivals.inc();
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
        self.0
            .connections
            .get_or_create(&[("path", path)])
            .set(i64::try_from(count).unwrap_or(i64::MAX));
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

impl Inner {
    /// Creates every series at zero. If a series began with its first event, an alert on an
    /// increase would miss that event.
    fn start_at_zero(&self) {
        const ROUNDS: [&str; 3] = ["joining", "nonces", "partial_signatures"];
        const DIRECTIONS: [&str; 2] = ["in", "out"];
        make(
            &self.sessions,
            "phase",
            &["proposed", "joining", "nonces", "partial_signatures", "finalizing"],
        );
        let outcomes = [
            "complete",
            "by_signer",
            "declined",
            "signer_declined",
            "made_room",
            "timed_out",
            "expired",
            "convicted",
            "rival_instance",
            "other",
        ];
        make(&self.ended, "outcome", &outcomes);
        make(&self.stalls, "phase", &ROUNDS);
        make(&self.phases, "phase", &ROUNDS);
        for family in [&self.frames, &self.bytes, &self.announcements] {
            make(family, "direction", &DIRECTIONS);
        }
        let reasons =
            ["unreachable", "queue_full", "unsupported", "connection_lost", "stalled", "banned"];
        make(&self.undelivered, "reason", &reasons);
        let offences = [
            "too_large",
            "version",
            "malformed",
            "misfit",
            "bad_signature",
            "manifest",
            "false_signatures",
            "stale",
            "impersonation",
            "false_proof",
            "too_many",
            "busy",
            "no_room",
            "unknown_session",
            "substreams",
            "other",
        ];
        make(&self.offences, "offence", &offences);
        make(&self.penalties, "penalty", &["paused", "disconnected", "banned"]);
        make(&self.connections, "path", &["direct", "relayed"]);
        for family in [&self.opened, &self.failed] {
            make(family, "direction", &DIRECTIONS);
        }
    }
}

fn make<M, C: MetricConstructor<M>>(
    family: &Family<Label, M, C>,
    label: &'static str,
    values: &[&'static str],
) {
    for value in values {
        drop(family.get_or_create(&[(label, *value)]));
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

#[cfg(all(test, feature = "node"))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Returns the name of each series with its label, if it has one:
    /// `musig2_stalls_total{phase="nonces"}`.
    fn counted(text: &str) -> BTreeSet<String> {
        let of_histogram = |series: &str| {
            let label = series.split_once('{').map_or("", |(_, label)| label.trim_end_matches('}'));
            let label =
                label.split(',').find(|label| !label.starts_with("le=")).unwrap_or_default();
            let name = series.split('{').next().unwrap_or_default();
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .fold(name, |name, end| name.trim_end_matches(end));
            if label.is_empty() { name.to_owned() } else { format!("{name}{{{label}}}") }
        };
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples.filter_map(|line| Some(of_histogram(line.rsplit_once(' ')?.0))).collect()
    }

    #[test]
    fn every_series_is_documented_and_exists_from_the_start() {
        let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2);
        let rows =
            include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("/// | `musig2_"));
        let documented: BTreeSet<_> = rows
            .flat_map(|row| {
                let mut cells = row.split(" | ");
                let name =
                    format!("musig2_{}", cells.next().unwrap_or_default().trim_end_matches('`'));
                let mut label = quoted(cells.nth(1).unwrap_or_default());
                match label.next() {
                    None => vec![name],
                    Some(key) => {
                        label.map(|value| format!("{name}{{{key}=\"{value}\"}}")).collect()
                    }
                }
            })
            .collect();
        let metrics = Metrics::new();
        assert_eq!(counted(&metrics.encode()), documented);
        metrics.ended("convicted");
        metrics.offence("other");
        assert_eq!(counted(&metrics.encode()), documented);
        let one = "musig2_sessions_ended_total{outcome=\"convicted\"} 1\n";
        assert!(metrics.encode().contains(one), "{}", metrics.encode());
    }

    /// An alert about a series that does not exist never fires.
    #[test]
    fn the_alerts_only_use_series_that_exist() {
        let rules = include_str!("../../contrib/prometheus-alerts.yml");
        let series = counted(&Metrics::new().encode());
        let expressions = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
        let mut checked = 0;
        for word in expressions.flat_map(|expression| expression.split([' ', '(', ')', '['])) {
            let Some(name) = word.strip_prefix("musig2_").and_then(|word| word.split('{').next())
            else {
                continue;
            };
            let name = format!("musig2_{}", name.trim_end_matches("_bucket"));
            let of_this = |series: &&String| series.split('{').next() == Some(&name);
            assert!(series.iter().any(|series| of_this(&series)), "no `{name}` is counted");
            // For `{outcome=~"timed_out|expired"}`, each alternative must exist.
            let Some((_, label)) = word.split_once('{') else { continue };
            let (key, values) = label.trim_end_matches('}').split_once('=').expect("a label");
            if !key.ends_with('!') {
                for value in values.trim_matches(['~', '"']).split('|') {
                    let one = format!("{name}{{{key}=\"{value}\"}}");
                    assert!(series.contains(&one), "no `{one}` is counted");
                }
            }
            checked += 1;
        }
        assert!(checked >= 3, "the rules were not read");
    }
}
