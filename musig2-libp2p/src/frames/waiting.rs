//! Frames for peers that are not connected, and when to dial them.

use super::codec::Queue;
use super::{FrameLimits, Undelivered};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The most peers that frames wait for. Frames for further peers are refused.
const MAX_PEERS: usize = 4096;
/// The most addresses kept for a peer; the newest win.
const MAX_ADDRESSES: usize = 16;
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// Frames for peers that are not connected. Each peer is dialled until it is connected or its
/// frames have expired.
#[derive(Debug)]
pub(super) struct Waiting {
    local: PeerId,
    config: FrameLimits,
    peers: HashMap<PeerId, Peer>,
    /// Bytes of the frames of all peers.
    bytes: usize,
}

#[derive(Debug)]
struct Peer {
    frames: Queue,
    addresses: Vec<Multiaddr>,
    /// When the frames are given up. The time counts from the first frame: later ones repeat or
    /// follow it.
    expires: Instant,
    dial: Dial,
    retry: Duration,
}

#[derive(Debug, Clone, Copy)]
enum Dial {
    At(Instant),
    Running,
}

/// What has to be done now.
#[derive(Debug)]
pub(super) enum Due {
    Dial { peer: PeerId, new_port: bool },
    Expired { peer: PeerId, frames: usize },
}

impl Waiting {
    pub(super) fn new(local: PeerId, config: FrameLimits) -> Self {
        Self { local, config, peers: HashMap::new(), bytes: 0 }
    }

    /// Takes a frame for a peer that may be found at the addresses.
    ///
    /// # Errors
    /// If there is no room.
    pub(super) fn push(
        &mut self,
        peer: PeerId,
        addresses: &[Multiaddr],
        frame: Vec<u8>,
        now: Instant,
    ) -> Result<(), Undelivered> {
        let size = frame.len();
        let full = self.bytes.saturating_add(size) > self.config.waiting_bytes;
        if full || (self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&peer)) {
            return Err(Undelivered::QueueFull);
        }
        let (local, config) = (self.local, &self.config);
        let waiting = self.peers.entry(peer).or_insert_with(|| Peer {
            frames: Queue::new(config.queued_frames, config.queued_bytes),
            addresses: Vec::new(),
            expires: now + config.waiting_time,
            dial: Dial::At(now + delay(local, peer, addresses, config.dial_delay)),
            retry: FIRST_RETRY,
        });
        waiting.learn(addresses);
        if !waiting.frames.push(frame) {
            return Err(Undelivered::QueueFull);
        }
        self.bytes += size;
        Ok(())
    }

    /// Returns the addresses to dial a peer at, as far as they are known here.
    pub(super) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.peers.get(peer).map(|peer| peer.addresses.clone()).unwrap_or_default()
    }

    /// Adds addresses where the peer may be found. If frames wait for it, it is dialled now.
    pub(super) fn found(&mut self, peer: &PeerId, addresses: &[Multiaddr], now: Instant) {
        if let Some(waiting) = self.peers.get_mut(peer) {
            waiting.learn(addresses);
            if let Dial::At(at) = &mut waiting.dial {
                *at = now;
            }
        }
    }

    /// Notes that dialling the peer failed, whoever asked for the dial. Returns `true` if frames
    /// wait for the peer, so that it is dialled again.
    pub(super) fn dial_failed(&mut self, peer: &PeerId, now: Instant) -> bool {
        let Some(waiting) = self.peers.get_mut(peer) else { return false };
        waiting.dial = Dial::At(now + jitter(waiting.retry));
        waiting.retry *= 2;
        true
    }

    /// Returns what waits for a peer that is now connected, in order.
    pub(super) fn take(&mut self, peer: &PeerId) -> Vec<Vec<u8>> {
        let Some(mut waiting) = self.peers.remove(peer) else { return Vec::new() };
        self.bytes -= waiting.frames.bytes();
        std::iter::from_fn(|| waiting.frames.pop()).collect()
    }

    /// Returns one thing that has to be done by now; call it again until there is none.
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        let (&peer, waiting) = self.peers.iter_mut().find(|(_, waiting)| waiting.next() <= now)?;
        if waiting.expires <= now {
            let frames = self.take(&peer).len();
            return Some(Due::Expired { peer, frames });
        }
        waiting.dial = Dial::Running;
        // If two ends dial each other from the ports that they listen on, TCP joins them into one
        // connection with two initiators, and no handshake survives that. So one of them must use
        // another port.
        Some(Due::Dial { peer, new_port: self.local > peer })
    }

    /// Returns when something is next due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.peers.values().map(Peer::next).min()
    }
}

impl Peer {
    fn next(&self) -> Instant {
        match self.dial {
            Dial::At(at) => at.min(self.expires),
            Dial::Running => self.expires,
        }
    }

    fn learn(&mut self, addresses: &[Multiaddr]) {
        for address in addresses {
            if !self.addresses.contains(address) {
                self.addresses.insert(0, address.clone());
            }
        }
        self.addresses.truncate(MAX_ADDRESSES);
    }
}

/// How long to wait before the first dial. The lower peer id dials at once and the other waits, so
/// that there are not two connections. If both dial anyway, both connections work. QUIC has no such
/// problem, so a QUIC address is dialled without waiting.
fn delay(local: PeerId, peer: PeerId, addresses: &[Multiaddr], most: Duration) -> Duration {
    let quic = |address: &Multiaddr| address.iter().any(|part| matches!(part, Protocol::QuicV1));
    if local < peer || addresses.iter().any(quic) { Duration::ZERO } else { jitter(most) }
}

/// Returns a random time between half and all of `most`, so that nodes that start together do not
/// stay in step.
pub(crate) fn jitter(most: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or_default();
    most / 2 + (most / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peers() -> (PeerId, PeerId) {
        let (one, other) = (PeerId::random(), PeerId::random());
        (one.min(other), one.max(other))
    }

    #[test]
    fn the_lower_peer_id_dials_at_once_and_the_other_waits() {
        let (lower, higher) = peers();
        let now = Instant::now();
        let mut waiting = Waiting::new(lower, FrameLimits::default());
        waiting.push(higher, &[], vec![1], now).unwrap();
        assert!(matches!(waiting.due(now), Some(Due::Dial { new_port: false, .. })));
        assert!(waiting.due(now).is_none(), "the dial is running");

        let mut waiting = Waiting::new(higher, FrameLimits::default());
        waiting.push(lower, &[], vec![1], now).unwrap();
        assert!(waiting.due(now).is_none());
        let later = now + FrameLimits::default().dial_delay;
        assert!(matches!(waiting.due(later), Some(Due::Dial { new_port: true, .. })));
    }

    #[test]
    fn a_failed_dial_is_repeated_until_the_frames_expire() {
        let (lower, higher) = peers();
        let mut now = Instant::now();
        let end = now + FrameLimits::default().waiting_time;
        let mut waiting = Waiting::new(lower, FrameLimits::default());
        waiting.push(higher, &[], vec![1], now).unwrap();
        waiting.push(higher, &[], vec![2], now).unwrap();
        let mut dials = 0;
        loop {
            now = now.max(waiting.next_due().expect("the peer is waited for"));
            match waiting.due(now) {
                Some(Due::Dial { peer, .. }) => assert!(waiting.dial_failed(&peer, now)),
                Some(Due::Expired { frames, .. }) => break assert_eq!((frames, now), (2, end)),
                None => panic!("something is due"),
            }
            dials += 1;
        }
        assert!((4..10).contains(&dials), "{dials}");
        assert!(waiting.next_due().is_none() && waiting.bytes == 0);
    }

    #[test]
    fn a_newly_found_address_is_dialled_at_once() {
        let (lower, higher) = peers();
        let now = Instant::now();
        let mut waiting = Waiting::new(lower, FrameLimits::default());
        waiting.push(higher, &[], vec![1], now).unwrap();
        assert!(waiting.due(now).is_some() && waiting.dial_failed(&higher, now));
        assert!(waiting.due(now).is_none());
        let address: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        waiting.found(&higher, std::slice::from_ref(&address), now);
        assert!(waiting.due(now).is_some());
        assert_eq!(waiting.addresses(&higher), [address]);
        assert_eq!(waiting.take(&higher), [[1]]);
    }

    #[test]
    fn all_queues_are_bounded() {
        let (lower, higher) = peers();
        let now = Instant::now();
        let config = FrameLimits::default().with_queued_frames(2).with_waiting_bytes(10);
        let mut waiting = Waiting::new(lower, config);
        assert!(waiting.push(higher, &[], vec![0; 11], now).is_err());
        assert!(waiting.push(higher, &[], vec![0; 4], now).is_ok());
        assert!(waiting.push(higher, &[], vec![0; 4], now).is_ok());
        assert!(waiting.push(higher, &[], vec![], now).is_err());
        assert!(waiting.push(PeerId::random(), &[], vec![0; 4], now).is_err());
        assert_eq!(waiting.take(&higher).len(), 2);
        assert_eq!(waiting.bytes, 0);
    }
}
