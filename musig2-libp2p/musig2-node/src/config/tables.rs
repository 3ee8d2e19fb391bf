//! The tables `[protocol]` and `[frames]`: configurations of the library, with times as people
//! write them.

use crate::text::Text;
use musig2_libp2p::musig2_proto::{self, OnDecline, PhaseTimeout, Topology};
use serde::Deserialize;
use std::time::Duration;

macro_rules! table {
    ($(#[$meta:meta])* $table:ident of $config:ty { $($name:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $table {
            $($name: $type,)*
        }

        impl Default for $table {
            fn default() -> Self {
                let config = <$config>::default();
                Self { $($name: config.$name.into(),)* }
            }
        }

        impl $table {
            /// Returns the library's configuration.
            pub(crate) fn config(&self) -> $config {
                let mut config = <$config>::default();
                $(config.$name = self.$name.clone().into();)*
                config
            }
        }
    };
}

table! {
    /// How sessions run. A daemon cannot choose how they step, or accept invalid keys.
    Protocol of musig2_proto::Config {
        announcement_topic: String,
        announcement_ttl: Text<Duration>,
        nonce_timeout: Text<Duration>,
        partial_sig_timeout: Text<Duration>,
        max_session_duration: Text<Duration>,
        inactivity_timeout: Text<Duration>,
        max_concurrent_sessions: usize,
        max_joined_names: usize,
        max_joined_sessions: usize,
        max_queued_sessions: usize,
        enable_auto_cleanup: bool,
        cleanup_interval: Text<Duration>,
        min_signers: usize,
        max_signers: usize,
        topology: Topology,
        allow_raw_tweaks: bool,
        clock_skew: Text<Duration>,
        max_items: usize,
        max_memo: usize,
        max_frame_size: usize,
        max_discovered_sessions: usize,
        max_discovered_per_author: usize,
        discoveries_per_author: u32,
        checks_per_source: u32,
        source_burst: u32,
        phase_timeout: PhaseTimeout,
        on_decline: OnDecline,
        poll_interval: Text<Duration>,
        max_poll_interval: Text<Duration>,
        max_join_poll_interval: Text<Duration>,
        relay_delay: Text<Duration>,
        announce_interval: Text<Duration>,
        max_announce_interval: Text<Duration>,
        announce_instead: Text<Duration>,
    }
}

table! {
    /// Limits on the frames between signers, and on the peers they come from.
    Frames of musig2_libp2p::FrameLimits {
        queued_frames: usize,
        queued_bytes: usize,
        waiting_bytes: usize,
        waiting_time: Text<Duration>,
        dial_delay: Text<Duration>,
        frames_per_second: u32,
        bytes_per_second: u32,
        write_timeout: Text<Duration>,
        keep_alive: Text<Duration>,
        offence_pause: Text<Duration>,
        max_offences: u32,
        offence_time: Text<Duration>,
        ban_time: Text<Duration>,
    }
}

impl From<Duration> for Text<Duration> {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Text<Duration>> for Duration {
    fn from(Text(duration): Text<Duration>) -> Self {
        duration
    }
}
