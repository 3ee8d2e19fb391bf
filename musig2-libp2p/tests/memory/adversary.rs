//! A malicious peer attacks three signers while they sign.

use crate::group::{Group, Happened};
use crate::rogue::framed;
use crate::{MEMORY, TURN};
use musig2_libp2p::libp2p::swarm::SwarmEvent;
use musig2_libp2p::musig2_proto::{self, Offence, SessionId};
use musig2_libp2p::{BehaviourEvent, Consequence, FrameLimits, Undelivered};
use std::time::{Duration, Instant};
use tokio::sync::MutexGuard;

/// How much memory the whole process may take beyond what it took before the attack, in bytes: for
/// the signers and for the rogue's own queues.
const MOST_MEMORY: usize = 32 << 20;

struct Attack {
    group: Group,
    session: SessionId,
    memory: usize,
    start: Instant,
    _turn: MutexGuard<'static, ()>,
}

impl Attack {
    /// Starts three signers. The first proposes a session, and the rogue is connected to it.
    async fn new(config: &FrameLimits) -> Self {
        let turn = TURN.lock().await;
        let mut group = Group::new(3, &musig2_proto::Config::default(), config).await;
        group.connect_rogue(0).await;
        let memory = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let session = group.propose();
        Self { group, session, memory, start: Instant::now(), _turn: turn }
    }

    /// Has the rogue write these bytes on a new substream.
    fn write(&mut self, bytes: Vec<u8>) {
        let victim = self.group.peer(0);
        self.group.rogue.behaviour_mut().open(victim, bytes);
    }

    /// Checks that the session beside the attack completes within ten seconds.
    async fn sign(&mut self) {
        self.group.signatures(self.session).await;
        assert!(self.start.elapsed() < Duration::from_secs(10), "{:?}", self.start.elapsed());
    }

    /// Waits until the rogue has lost its connection and the signer has reported this consequence.
    async fn is_cut_off(&mut self, wanted: Consequence) {
        let is_over =
            |group: &Group| group.rogue_is_cut_off && group.consequences.contains(&wanted);
        if !is_over(&self.group) {
            self.group.until(|group, _| is_over(group).then_some(())).await;
        }
    }

    fn memory_is_bounded(&self) {
        let most = MEMORY.peak_usage().saturating_sub(self.memory);
        println!("at most {} KiB in {:?}", most >> 10, self.start.elapsed());
        assert!(most < MOST_MEMORY, "{most} bytes");
    }
}

#[tokio::test]
async fn malformed_frames_cost_their_sender_the_connection() {
    let mut attack = Attack::new(&FrameLimits::default()).await;
    let rubbish =
        (0..1000_u32).flat_map(|number| framed(&[&[1], &number.to_be_bytes()[..]].concat()));
    attack.write(rubbish.collect());
    attack.sign().await;
    attack.is_cut_off(Consequence::Disconnected).await;
    assert_eq!(attack.group.offences, [Offence::Malformed, Offence::Malformed, Offence::Malformed]);
    attack.memory_is_bounded();
}

#[tokio::test]
async fn oversize_frames_cost_their_sender_the_connection() {
    let mut attack = Attack::new(&FrameLimits::default()).await;
    for _ in 0..200 {
        attack.write([&u32::MAX.to_be_bytes()[..], &[0; 1024]].concat());
    }
    attack.sign().await;
    attack.is_cut_off(Consequence::Disconnected).await;
    let too_large = Offence::TooLarge { size: u32::MAX as usize, max: 1 << 20 };
    assert!(attack.group.offences.contains(&too_large), "{:?}", attack.group.offences);
    attack.memory_is_bounded();
}

#[tokio::test]
async fn half_frames_on_many_substreams_take_no_memory() {
    let mut attack = Attack::new(&FrameLimits::default()).await;
    for _ in 0..100 {
        attack.write([&(1_u32 << 20).to_be_bytes()[..], &[0; 100 << 10]].concat());
    }
    attack.sign().await;
    attack.is_cut_off(Consequence::Disconnected).await;
    attack.memory_is_bounded();
}

#[tokio::test]
async fn hundreds_of_substreams_cost_their_opener_the_connection() {
    let mut attack = Attack::new(&FrameLimits::default()).await;
    for _ in 0..500 {
        attack.write(Vec::new());
    }
    attack.sign().await;
    attack.is_cut_off(Consequence::Disconnected).await;
    attack.memory_is_bounded();
}

/// Makes a well-formed frame of a session that does not exist. The frame asks for nothing.
fn frame_of_unknown_session(number: u32) -> Vec<u8> {
    let mut session = [0; 32];
    session[..4].copy_from_slice(&number.to_be_bytes());
    framed(&[&[1], &session[..], &[0; 5]].concat())
}

#[tokio::test]
async fn ten_thousand_frames_are_read_at_the_allowed_rate() {
    let config = FrameLimits::default().with_frames_per_second(500);
    let mut attack = Attack::new(&config).await;
    attack.write((0..10_000).flat_map(frame_of_unknown_session).collect());
    attack.sign().await;
    // The node keeps a few frames of each source and reports the others as it reads them.
    attack.group.until(|group, _| (group.offences.len() >= 1000).then_some(())).await;
    let seconds = attack.start.elapsed().as_secs_f64();
    let read = attack.group.offences.len() as f64;
    assert!(read <= 500.0 * (seconds + 1.0) + 50.0, "{read} frames in {seconds} s");
    assert!(attack.group.offences.iter().all(|offence| *offence == Offence::NoRoom));
    attack.memory_is_bounded();
    // An honest peer might send all of this. A peer that sends what no honest peer sends loses its
    // connection, whatever it sent before.
    assert!(!attack.group.rogue_is_cut_off);
    attack.write(framed(&[]).repeat(10));
    attack.is_cut_off(Consequence::Disconnected).await;
}

#[tokio::test]
async fn a_peer_that_asks_but_never_reads_answers_is_cut_off() {
    let config = FrameLimits::default()
        .with_frames_per_second(5000)
        .with_write_timeout(Duration::from_millis(500));
    let mut attack = Attack::new(&config).await;
    let session = attack.session;
    let ask = framed(&[&[1], &session.as_bytes()[..], &[2, 0, 0, 0, 0]].concat());
    attack.write(ask.repeat(10_000));
    attack.sign().await;
    let rogue = *attack.group.rogue.local_peer_id();
    let stalled = attack.group.until(|_, happened| match happened {
        Happened::Signer(
            0,
            SwarmEvent::Behaviour(BehaviourEvent::Undelivered { peer, reason, .. }),
        ) => (peer == rogue && reason == Undelivered::Stalled).then_some(()),
        _ => None,
    });
    stalled.await;
    attack.group.until(|group, _| group.rogue_is_cut_off.then_some(())).await;
    attack.memory_is_bounded();
}
