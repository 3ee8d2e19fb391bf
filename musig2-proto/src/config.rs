//! The configuration of a node.

use crate::terms::manifest::{MAX_ITEMS, MAX_MEMO, MAX_SIGNERS};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// How a [`Node`](crate::Node) behaves. Start from [`Default`] and change it with the `with_*`
/// functions. [`Node::new`](crate::Node::new) checks it.
///
/// ```
/// use core::time::Duration;
/// use musig2_proto::{Config, Node, Stepping};
///
/// let config = Config::default()
///     .with_nonce_timeout(Duration::from_secs(10))
///     .with_stepping(Stepping::Manual);
/// let node = Node::new(config)?;
/// # Ok::<(), musig2_proto::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Config {
    /// The gossip topic for announcements. Only adapters use it, not the core.
    pub announcement_topic: String,
    /// How long after its creation a published session is accepted. It is also how long a node that
    /// has joined waits for the others to join, counted from its own join, and counted again from
    /// the start whenever a restart makes another attempt. Only the session's expiry bounds the
    /// sum. And it is how long a discovered session waits for the application.
    pub announcement_ttl: Duration,
    /// How long an attempt waits for everyone's nonces, counted from when all have joined.
    pub nonce_timeout: Duration,
    /// How long an attempt waits for everyone's partial signatures, counted from when all nonces
    /// are there.
    pub partial_sig_timeout: Duration,
    /// The longest session that this node creates or joins, from creation to expiry.
    pub max_session_duration: Duration,
    /// Ends the session after this long without progress, whatever `phase_timeout` says.
    pub inactivity_timeout: Duration,
    /// How many sessions of one coordinator this node takes part in at once, its own proposals
    /// included. Finished sessions do not count. What the application approves beyond this waits
    /// for its turn, in the order of creation.
    pub max_concurrent_sessions: usize,
    /// The number of ended sessions whose ids this node remembers, if it joined them. It keeps each
    /// id until nobody can sign the session any more. When this many are remembered, the node joins
    /// no other session until one has expired: it must not forget a session that it joined, because
    /// it never joins one again.
    pub max_joined_names: usize,
    /// How many sessions this node takes part in at once, over all coordinators. Most sessions
    /// beyond this wait. But the earliest session of each coordinator need not wait, so up to twice
    /// this many may be joined: otherwise nodes could wait for one another forever.
    pub max_joined_sessions: usize,
    /// How many approved sessions wait for their turn at once. One coordinator may have at most as
    /// many of these places as remain for all the others, so at most half.
    pub max_queued_sessions: usize,
    /// Forget ended sessions automatically. If this is off, call
    /// [`Command::Cleanup`](crate::Command::Cleanup).
    pub enable_auto_cleanup: bool,
    /// How often the node forgets ended sessions.
    pub cleanup_interval: Duration,
    /// The fewest signers a session can have.
    pub min_signers: usize,
    /// The most signers a session can have. It may be at most [`MAX_SIGNERS`].
    pub max_signers: usize,
    /// Whether a joined session signs automatically, or waits for a command at each step.
    pub stepping: Stepping,
    /// Which signers a node sends to.
    pub topology: Topology,
    /// Allow [`Tweak::Raw`](crate::Tweak::Raw). Its documentation says what you risk.
    pub allow_raw_tweaks: bool,
    /// The largest difference between two signers' clocks that a node tolerates.
    pub clock_skew: Duration,
    /// The most items a session can have. It may be at most [`MAX_ITEMS`].
    pub max_items: usize,
    /// The longest memo, in bytes. It may be at most [`MAX_MEMO`].
    pub max_memo: usize,
    /// The largest frame or announcement that this node accepts or sends, in bytes.
    pub max_frame_size: usize,
    /// How many sessions a node keeps that its application has neither approved nor declined, over
    /// all authors. At most half of these places, rounded up, go to authors that this node did not
    /// know when the session arrived. When all places are taken, the author with the most sessions
    /// here makes room for one with fewer ([`AbortCause::MadeRoom`](crate::AbortCause::MadeRoom)).
    /// Sessions that a key of this node joined in an earlier life are counted separately: up to
    /// `max_joined_sessions` of them.
    pub max_discovered_sessions: usize,
    /// The same limit for one author.
    pub max_discovered_per_author: usize,
    /// How many sessions of one author the node tells its application about each second. Ten times
    /// as many may come at once before this limit applies. Only sessions that their author signed
    /// count against it.
    pub discoveries_per_author: u32,
    /// How many signatures a node checks each second for one source.
    pub checks_per_source: u32,
    /// How many signatures a node checks at once for one source before that limit applies. It is
    /// never less than four times `max_signers`.
    pub source_burst: u32,
    /// Whether a phase that runs out of time ends this node's part in the session, or is only
    /// reported again.
    pub phase_timeout: PhaseTimeout,
    /// What this node does when another signer declines a session that this node proposed.
    pub on_decline: OnDecline,
    /// The first pause before a node asks for what is missing. Each pause is twice the last.
    pub poll_interval: Duration,
    /// The longest such pause while nonces or partial signatures are missing.
    pub max_poll_interval: Duration,
    /// The longest such pause while joins are missing.
    pub max_join_poll_interval: Duration,
    /// How long a statement that its author cannot deliver itself is held, so that several are
    /// relayed in one frame.
    pub relay_delay: Duration,
    /// The first pause before the coordinator announces an open session again. Each pause is
    /// twice the last.
    pub announce_interval: Duration,
    /// The longest pause between two announcements.
    pub max_announce_interval: Duration,
    /// How long a joined signer waits before it repeats the coordinator's announcement on the
    /// coordinator's behalf.
    pub announce_instead: Duration,
}

/// Whether a joined session signs automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stepping {
    /// A joined session runs to its signatures without further calls.
    #[default]
    Automatic,
    /// Sharing nonces, sharing partial signatures and making the final signatures each wait for a
    /// [`Command`](crate::Command).
    Manual,
}

/// Which signers a node sends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Topology {
    /// Everyone sends to everyone. This takes the fewest trips.
    #[default]
    Mesh,
    /// Everyone sends through the coordinator. This takes the fewest frames. A coordinator that
    /// does not relay is bypassed.
    Hub,
}

/// What happens when a phase runs out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum PhaseTimeout {
    /// This node's part in the session ends, and the event names the signers it was waiting for.
    #[default]
    End,
    /// The node reports [`Event::Stalled`](crate::Event::Stalled) again, and the session goes on
    /// until it expires.
    Report,
}

/// What the proposer of a session does when a signer declines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum OnDecline {
    /// The session ends at once for everyone, because it cannot be signed without that signer.
    #[default]
    End,
    /// The session goes on until its time is over. The signer may still join.
    Wait,
}

impl Default for Config {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            announcement_topic: "musig2/sessions/1".into(),
            announcement_ttl: minutes(5),
            nonce_timeout: minutes(1),
            partial_sig_timeout: minutes(1),
            max_session_duration: minutes(10),
            inactivity_timeout: minutes(10),
            max_concurrent_sessions: 10,
            max_joined_names: 200_000,
            max_joined_sessions: 64,
            max_queued_sessions: 256,
            enable_auto_cleanup: true,
            cleanup_interval: minutes(5),
            min_signers: 2,
            max_signers: 15,
            stepping: Stepping::Automatic,
            topology: Topology::Mesh,
            allow_raw_tweaks: false,
            clock_skew: Duration::from_secs(30),
            max_items: 256,
            max_memo: 1024,
            max_frame_size: 1 << 20,
            max_discovered_sessions: 64,
            // More than `max_concurrent_sessions`, so that none of the sessions that one
            // coordinator runs at once is lost while its signers think.
            max_discovered_per_author: 16,
            discoveries_per_author: 50,
            checks_per_source: 200,
            source_burst: 1000,
            phase_timeout: PhaseTimeout::End,
            on_decline: OnDecline::End,
            poll_interval: Duration::from_secs(1),
            max_poll_interval: Duration::from_secs(8),
            max_join_poll_interval: Duration::from_secs(30),
            relay_delay: Duration::from_millis(500),
            announce_interval: Duration::from_secs(1),
            max_announce_interval: Duration::from_secs(15),
            announce_instead: Duration::from_secs(5),
        }
    }
}

/// The longest pause or timeout that is allowed. It keeps their sums from overflowing.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A configuration that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` must be {must}, and is {is}")]
pub struct ConfigError {
    key: &'static str,
    must: String,
    is: String,
}

macro_rules! setters {
    ($($name:ident: $type:ty => $setter:ident,)*) => {
        impl Config {
            $(
                #[doc = concat!(
                    "Sets [`", stringify!($name), "`](Config::", stringify!($name), ")."
                )]
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
    announcement_topic: String => with_announcement_topic,
    announcement_ttl: Duration => with_announcement_ttl,
    nonce_timeout: Duration => with_nonce_timeout,
    partial_sig_timeout: Duration => with_partial_sig_timeout,
    max_session_duration: Duration => with_max_session_duration,
    inactivity_timeout: Duration => with_inactivity_timeout,
    max_concurrent_sessions: usize => with_max_concurrent_sessions,
    max_joined_names: usize => with_max_joined_names,
    max_joined_sessions: usize => with_max_joined_sessions,
    max_queued_sessions: usize => with_max_queued_sessions,
    enable_auto_cleanup: bool => with_enable_auto_cleanup,
    cleanup_interval: Duration => with_cleanup_interval,
    min_signers: usize => with_min_signers,
    max_signers: usize => with_max_signers,
    stepping: Stepping => with_stepping,
    topology: Topology => with_topology,
    allow_raw_tweaks: bool => with_allow_raw_tweaks,
    clock_skew: Duration => with_clock_skew,
    max_items: usize => with_max_items,
    max_memo: usize => with_max_memo,
    max_frame_size: usize => with_max_frame_size,
    max_discovered_sessions: usize => with_max_discovered_sessions,
    max_discovered_per_author: usize => with_max_discovered_per_author,
    discoveries_per_author: u32 => with_discoveries_per_author,
    checks_per_source: u32 => with_checks_per_source,
    source_burst: u32 => with_source_burst,
    phase_timeout: PhaseTimeout => with_phase_timeout,
    on_decline: OnDecline => with_on_decline,
    poll_interval: Duration => with_poll_interval,
    max_poll_interval: Duration => with_max_poll_interval,
    max_join_poll_interval: Duration => with_max_join_poll_interval,
    relay_delay: Duration => with_relay_delay,
    announce_interval: Duration => with_announce_interval,
    max_announce_interval: Duration => with_max_announce_interval,
    announce_instead: Duration => with_announce_instead,
}

impl Config {
    /// Returns the most bytes that a frame has around its statements: four bitmaps and the rest.
    pub(crate) fn envelope_size(&self) -> usize {
        4 * self.max_signers.div_ceil(8) + 512
    }

    /// Returns how many signatures one source may have checked at once. A relay may bring a whole
    /// board at once: the joins, nonces and partial signatures of everyone. So this grows with the
    /// number of signers.
    pub(crate) fn burst(&self) -> u32 {
        self.source_burst.max(u32::try_from(4 * self.max_signers).unwrap_or(u32::MAX))
    }

    /// Returns the smallest `max_frame_size`: room for the largest statement, which is an abort
    /// with a proof. A proof of an invalid partial signature has two nonces and a partial signature
    /// for each item. A proof of concurrent instances has two nonces for each item and every
    /// signer's boots. A proof of too many restarts has ten joins.
    fn least_frame_size(&self) -> usize {
        let (items, signers) =
            (self.max_items.saturating_mul(66 + 66 + 32), self.max_signers.saturating_mul(164));
        items.saturating_add(signers).saturating_add(self.envelope_size() + 6144)
    }

    /// Checks that the configuration does not contradict itself. [`Node::new`](crate::Node::new)
    /// calls this.
    ///
    /// # Errors
    /// The error names the key that contradicts the others, what it must be, and what it is.
    pub fn check(&self) -> Result<(), ConfigError> {
        within("min_signers", self.min_signers, 2, self.max_signers.max(2))?;
        within("max_signers", self.max_signers, 2, MAX_SIGNERS)?;
        within("max_items", self.max_items, 1, MAX_ITEMS)?;
        within("max_memo", self.max_memo, 0, MAX_MEMO)?;
        within("max_concurrent_sessions", self.max_concurrent_sessions, 1, usize::MAX)?;
        within("max_joined_names", self.max_joined_names, 1, usize::MAX)?;
        within("max_joined_sessions", self.max_joined_sessions, 1, usize::MAX)?;
        for (key, is) in [
            ("checks_per_source", self.checks_per_source),
            ("discoveries_per_author", self.discoveries_per_author),
        ] {
            within(key, is.try_into().unwrap_or(usize::MAX), 1, usize::MAX)?;
        }
        within("max_frame_size", self.max_frame_size, self.least_frame_size(), usize::MAX)?;
        for (key, is) in [
            ("announcement_ttl", self.announcement_ttl),
            ("nonce_timeout", self.nonce_timeout),
            ("partial_sig_timeout", self.partial_sig_timeout),
            ("max_session_duration", self.max_session_duration),
            ("inactivity_timeout", self.inactivity_timeout),
            ("cleanup_interval", self.cleanup_interval),
            ("poll_interval", self.poll_interval),
            ("max_poll_interval", self.max_poll_interval),
            ("max_join_poll_interval", self.max_join_poll_interval),
            ("announce_interval", self.announce_interval),
            ("max_announce_interval", self.max_announce_interval),
            ("announce_instead", self.announce_instead),
            ("relay_delay", self.relay_delay),
            ("clock_skew", self.clock_skew),
        ] {
            if is < Duration::from_millis(1) || is > LONGEST {
                return Err(ConfigError {
                    key,
                    must: "1 ms to a year".into(),
                    is: format!("{is:?}"),
                });
            }
        }
        Ok(())
    }
}

fn within(key: &'static str, is: usize, least: usize, most: usize) -> Result<(), ConfigError> {
    if (least..=most).contains(&is) {
        return Ok(());
    }
    let must =
        if most == usize::MAX { format!("at least {least}") } else { format!("{least} to {most}") };
    Err(ConfigError { key, must, is: is.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contradiction_is_named_with_what_to_do() {
        let error = Config::default().with_min_signers(20).check().unwrap_err();
        assert_eq!(error.to_string(), "`min_signers` must be 2 to 15, and is 20");
        let error = Config::default().with_max_signers(100_000).check().unwrap_err();
        assert_eq!(error.to_string(), "`max_signers` must be 2 to 4096, and is 100000");
        assert!(Config::default().with_max_signers(1000).check().is_ok());
    }

    #[test]
    fn a_frame_has_room_for_the_largest_statement_and_four_bitmaps() {
        // Two nonces of 66 bytes and a partial signature of 32 for each of 256 items; ten boots of
        // 16 bytes and a signer index for each of 15 signers; ten joins of up to 614 bytes; four
        // bitmaps of two bytes, and 512 bytes around them.
        let config =
            Config::default().with_max_frame_size(256 * 164 + 15 * 164 + 6144 + 4 * 2 + 512);
        assert!(config.check().is_ok());
        let error = config.with_max_items(257).check().unwrap_err();
        assert_eq!(error.to_string(), "`max_frame_size` must be at least 51272, and is 51108");
    }

    #[test]
    fn an_interval_is_at_least_a_millisecond_and_at_most_a_year() {
        for (pause, is_good) in [
            (Duration::from_micros(999), false),
            (Duration::from_millis(1), true),
            (Duration::from_secs(365 * 24 * 3600), true),
            (Duration::from_secs(365 * 24 * 3600 + 1), false),
        ] {
            assert_eq!(
                Config::default().with_clock_skew(pause).check().is_ok(),
                is_good,
                "{pause:?}"
            );
        }
    }

    #[test]
    fn a_source_may_bring_a_whole_board_at_once() {
        assert_eq!(Config::default().burst(), 1000);
        assert_eq!(Config::default().with_max_signers(300).burst(), 1200);
    }
}
