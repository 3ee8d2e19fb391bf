//! Times and durations, as people and programs read them.

use super::Written;
use musig2_libp2p::musig2_proto::Timestamp;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in the past, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since(pub(crate) u64);

impl Written for Since {
    const EXPECTED: &'static str =
        "a time, such as \"24h\", \"2026-11-29\" or \"2026-11-29T10:00:00Z\"";

    fn read(text: &str) -> Result<Self, String> {
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self(
                now_ms().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)),
            ));
        }
        let time = humantime::parse_rfc3339_weak(text)
            .or_else(|_| humantime::parse_rfc3339(&format!("{text}T00:00:00Z")))
            .map_err(|_| {
                format!(
                    "`{text}` is not a time: write, for example, 24h, 2026-11-29 or 2026-11-29T10:00:00Z"
                )
            })?;
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&date(self.0))
    }
}

/// Returns the milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Formats a time like `2026-11-26T16:54:00.123Z`.
pub(crate) fn date(millis: u64) -> String {
    /// The end of the year 9999; later dates cannot be written in this format.
    const MAX_DATE: u64 = 253_402_300_799_999;
    let time = UNIX_EPOCH + Duration::from_millis(millis.min(MAX_DATE));
    humantime::format_rfc3339_millis(time).to_string()
}

/// Returns the time left until then, by this machine's clock.
pub(crate) fn until(then: Timestamp) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(then.as_millis()).saturating_sub(now)
}

/// Shortens a time with milliseconds to `2026-11-26T16:54:00Z`.
pub(crate) fn seconds(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.into(), |(seconds, _)| format!("{seconds}Z"))
}

/// Writes a duration: `4 min 12 s` or `43 s`.
pub(crate) fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
