//! Limits on frames.

use std::time::Duration;

/// Limits of a [`Behaviour`](crate::Behaviour) on the frames it carries and the peers they come
/// from.
///
/// The [`Default`] (in parentheses) suits sessions of up to some hundred signers; change it with
/// the `with_*` functions. The largest frame is `max_frame_size` of the core's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// The most frames that wait for one peer, on a connection or for one. (256)
    pub queued_frames: usize,
    /// The most bytes of frames that wait for one peer. One frame is always taken, however large.
    /// (4 MiB)
    pub queued_bytes: usize,
    /// The most bytes of frames that wait for connections, over all peers. (64 MiB)
    pub waiting_bytes: usize,
    /// How long a frame waits for a connection. (10 s)
    pub waiting_time: Duration,
    /// The longest that the peer with the greater peer id waits for the other to dial first. The
    /// wait is between half of this and all of it, at random. (100 ms)
    pub dial_delay: Duration,
    /// How many frames a peer may send in a second. Excess is delayed, not dropped. (256)
    pub frames_per_second: u32,
    /// How many bytes a peer may send in a second. Excess is delayed, not dropped. (4 MiB)
    pub bytes_per_second: u32,
    /// A connection is closed if the peer reads nothing of what waits for it for this long. (20 s)
    pub write_timeout: Duration,
    /// How long a connection is kept for the next frame. Connections to co-signers are kept as long
    /// as a session is open. (60 s)
    pub keep_alive: Duration,
    /// For how long a peer is not read from after an offence that no honest peer commits often.
    /// (1 s)
    pub offence_pause: Duration,
    /// After this many malicious offences a peer is disconnected, and after as many again it is
    /// banned. 0: never. An offence that is only suspicious counts a tenth, and so does a bad
    /// publication that the peer relayed. (3)
    pub max_offences: u32,
    /// How long it takes until a malicious offence is forgotten: a tenth of it in each tenth of the
    /// time. (100 s)
    pub offence_time: Duration,
    /// How long a peer is banned. Connections to and from it are denied for all behaviours of the
    /// swarm. Zero: it is never banned, only disconnected each time. (10 min)
    pub ban_time: Duration,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self {
            queued_frames: 256,
            queued_bytes: 4 << 20,
            waiting_bytes: 64 << 20,
            waiting_time: Duration::from_secs(10),
            dial_delay: Duration::from_millis(100),
            frames_per_second: 256,
            bytes_per_second: 4 << 20,
            write_timeout: Duration::from_secs(20),
            keep_alive: Duration::from_secs(60),
            offence_pause: Duration::from_secs(1),
            max_offences: 3,
            offence_time: Duration::from_secs(100),
            ban_time: Duration::from_secs(600),
        }
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty => $setter:ident,)*) => {
        impl FrameLimits {
            $(
                #[doc = concat!("Sets [`", stringify!($name), "`](FrameLimits::", stringify!($name), ").")]
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
    write_timeout: Duration => with_write_timeout,
    keep_alive: Duration => with_keep_alive,
    offence_pause: Duration => with_offence_pause,
    max_offences: u32 => with_max_offences,
    offence_time: Duration => with_offence_time,
    ban_time: Duration => with_ban_time,
}
