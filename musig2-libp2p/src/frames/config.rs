//! Limits on frames.

use std::time::Duration;

/// Limits of a [`Behaviour`](crate::Behaviour) on the frames it carries. [`Default`] suits signers of up to some hundred; change it with the `with_*`
/// functions. The largest frame is `max_frame_size` of the core's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// How many frames wait for one peer: on a connection, or for one.
    pub queued_frames: usize,
    /// How many bytes of frames wait for one peer. One frame is always taken, however large.
    pub queued_bytes: usize,
    /// How many bytes of frames wait for connections, over all peers.
    pub waiting_bytes: usize,
    /// How long a frame waits for a connection.
    pub waiting_time: Duration,
    /// How long the peer with the greater peer id waits for the other to dial first, at most: between a half and the whole of this, at random.
    pub dial_delay: Duration,
    /// How many frames a peer may send in a second. Of what is more, nothing is lost: it is read later.
    pub frames_per_second: u32,
    /// How many bytes a peer may send in a second.
    pub bytes_per_second: u32,
    /// How long a connection is kept for the next frame.
    pub keep_alive: Duration,
    /// After how many malicious offences a peer is disconnected. 0: never.
    pub max_offences: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queued_frames: 256,
            queued_bytes: 4 << 20,
            waiting_bytes: 64 << 20,
            waiting_time: Duration::from_secs(10),
            dial_delay: Duration::from_millis(100),
            frames_per_second: 256,
            bytes_per_second: 4 << 20,
            keep_alive: Duration::from_secs(60),
            max_offences: 3,
        }
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty => $setter:ident,)*) => {
        impl Config {
            $(
                #[doc = concat!("Sets [`", stringify!($name), "`](Config::", stringify!($name), ").")]
                #[must_use]
                pub fn $setter(mut self, $name: $type) -> Self {
                    self.$name = $name;
                    self
                }
            )*
        }
    };
}

setters! {
    queued_frames: usize => with_queued_frames,
    queued_bytes: usize => with_queued_bytes,
    waiting_bytes: usize => with_waiting_bytes,
    waiting_time: Duration => with_waiting_time,
    dial_delay: Duration => with_dial_delay,
    frames_per_second: u32 => with_frames_per_second,
    bytes_per_second: u32 => with_bytes_per_second,
    keep_alive: Duration => with_keep_alive,
    max_offences: u32 => with_max_offences,
}
