//! Metrics without the feature `metrics`: nothing is counted.

use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics;

impl Metrics {
    pub(crate) fn sessions(&self, _phase: &'static str, _count: usize) {}
    pub(crate) fn ended(&self, _outcome: &'static str) {}
    pub(crate) fn restarted(&self) {}
    pub(crate) fn key_in_use_elsewhere(&self) {}
    pub(crate) fn stalled(&self, _phase: &'static str) {}
    pub(crate) fn phase_took(&self, _phase: &'static str, _time: Duration) {}
    pub(crate) fn session_took(&self, _time: Duration) {}
    pub(crate) fn frame(&self, _direction: &'static str, _bytes: usize) {}
    pub(crate) fn resent(&self) {}
    pub(crate) fn undelivered(&self, _reason: &'static str, _frames: usize) {}
    pub(crate) fn announcement(&self, _direction: &'static str) {}
    pub(crate) fn dial_failed(&self) {}
    pub(crate) fn offence(&self, _offence: &'static str) {}
    pub(crate) fn penalty(&self, _penalty: &'static str) {}
    pub(crate) fn banned(&self, _peers: usize) {}
    #[cfg(feature = "node")]
    pub(crate) fn connections(&self, _path: &'static str, _count: usize) {}
    #[cfg(feature = "node")]
    pub(crate) fn connection_opened(&self, _direction: &'static str) {}
    #[cfg(feature = "node")]
    pub(crate) fn connection_failed(&self, _direction: &'static str) {}
}
