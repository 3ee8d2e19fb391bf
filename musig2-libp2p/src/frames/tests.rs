//! Frames over real swarms on an in-memory transport.

use super::*;
use futures::StreamExt;
use libp2p::core::transport::{MemoryTransport, PortUse, Transport};
use libp2p::core::upgrade::Version;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, SwarmEvent, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{PeerId, Swarm, noise, yamux};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

const MAX: usize = 1 << 20;

/// Links as a behaviour, with nothing on top.
pub(crate) struct Alone(pub(crate) Links);

impl NetworkBehaviour for Alone {
    type ConnectionHandler = Handler;
    type ToSwarm = LinkEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.0.new_handler())
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        Ok(peer.map(|peer| self.0.addresses(&peer)).unwrap_or_default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.0.new_handler())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.0.on_swarm_event(&event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        notice: THandlerOutEvent<Self>,
    ) {
        self.0.on_notice(peer, connection, notice);
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            if let Some(event) = self.0.next_event() {
                return Poll::Ready(ToSwarm::GenerateEvent(event));
            }
            if let Poll::Ready(action) = self.0.poll(context) {
                return Poll::Ready(action.map_out(|never| match never {}));
            }
            if !self.0.has_events() {
                return Poll::Pending;
            }
        }
    }
}

pub(crate) fn swarm<B: NetworkBehaviour>(behaviour: impl FnOnce(PeerId) -> B) -> Swarm<B> {
    swarm_that_idles(Duration::from_secs(10), behaviour)
}

/// A swarm that closes connections after they have been idle for this long.
pub(crate) fn swarm_that_idles<B: NetworkBehaviour>(
    idle: Duration,
    behaviour: impl FnOnce(PeerId) -> B,
) -> Swarm<B> {
    let identity = Keypair::generate_ed25519();
    let local = identity.public().to_peer_id();
    let transport = MemoryTransport::default()
        .upgrade(Version::V1)
        .authenticate(noise::Config::new(&identity).unwrap())
        .multiplex(yamux::Config::default())
        .boxed();
    let settings = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(idle);
    let mut swarm = Swarm::new(transport, behaviour(local), local, settings);
    swarm.listen_on("/memory/0".parse().unwrap()).unwrap();
    swarm
}

pub(crate) fn alone(config: FrameLimits, max_frame_size: usize) -> Swarm<Alone> {
    swarm(|local| Alone(Links::new(local, config, max_frame_size)))
}

pub(crate) async fn address<B: NetworkBehaviour>(swarm: &mut Swarm<B>) -> Multiaddr {
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return address;
        }
    }
}

/// Runs both swarms until the first one's behaviour emits the wanted event.
pub(crate) async fn until<A: NetworkBehaviour, B: NetworkBehaviour, T>(
    swarm: &mut Swarm<A>,
    other: &mut Swarm<B>,
    mut wanted: impl FnMut(A::ToSwarm) -> Option<T>,
) -> T {
    let found = async {
        loop {
            tokio::select! {
                event = swarm.select_next_some() => {
                    if let SwarmEvent::Behaviour(event) = event
                        && let Some(found) = wanted(event)
                    {
                        return found;
                    }
                }
                _ = other.select_next_some() => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .expect("what is waited for happens in time")
}

/// Two swarms, the first of which knows where the second listens.
async fn pair(config: FrameLimits) -> (Swarm<Alone>, Swarm<Alone>, Multiaddr) {
    let first = alone(config.clone(), MAX);
    let mut second = alone(config, MAX);
    let address = address(&mut second).await;
    (first, second, address)
}

fn send(from: &mut Swarm<Alone>, to: PeerId, addresses: &[Multiaddr], frame: Vec<u8>) {
    from.behaviour_mut().0.send(to, addresses, frame);
}

fn received(event: LinkEvent) -> Option<Vec<u8>> {
    match event {
        LinkEvent::Received { frame, .. } => Some(frame),
        LinkEvent::Disconnected { .. } => panic!("the connection should have stayed"),
        _ => None,
    }
}

#[tokio::test]
async fn frames_arrive_in_order_even_if_they_waited_for_the_connection() {
    let (mut first, mut second, address) =
        pair(FrameLimits::default().with_frames_per_second(10_000)).await;
    let to = *second.local_peer_id();
    let frames: Vec<Vec<u8>> =
        (0..200_usize).map(|number| vec![number as u8; number * number]).collect();
    for frame in &frames[..100] {
        send(&mut first, to, std::slice::from_ref(&address), frame.clone());
    }
    assert_eq!(until(&mut second, &mut first, received).await, frames[0]);
    for frame in &frames[100..] {
        send(&mut first, to, &[], frame.clone());
    }
    for frame in &frames[1..] {
        assert_eq!(until(&mut second, &mut first, received).await, *frame);
    }
}

#[tokio::test]
async fn an_oversize_frame_costs_the_substream_but_not_the_connection() {
    let mut first = alone(FrameLimits::default(), 10 * MAX);
    let mut second = alone(FrameLimits::default(), 100);
    let (to, at) = (*second.local_peer_id(), address(&mut second).await);
    send(&mut first, to, &[at], vec![1; 100]);
    assert_eq!(until(&mut second, &mut first, received).await.len(), 100);
    send(&mut first, to, &[], vec![2; 101]);
    let size = until(&mut second, &mut first, |event| match event {
        LinkEvent::Oversize { size, .. } => Some(size),
        LinkEvent::Disconnected { .. } => panic!("the connection should have stayed"),
        _ => None,
    });
    assert_eq!(size.await, 101);
    // The sender may not know yet that its substream is gone; it loses at most one frame to it.
    send(&mut first, to, &[], vec![3; 1]);
    send(&mut first, to, &[], vec![4; 1]);
    while until(&mut second, &mut first, received).await != [4] {}
    assert_eq!(second.network_info().connection_counters().num_established(), 1);
}

#[tokio::test]
async fn one_of_two_connections_carries_frames_and_either_may_close() {
    let (mut first, mut second, at_second) = pair(FrameLimits::default()).await;
    let at_first = address(&mut first).await;
    let (one, other) = (*first.local_peer_id(), *second.local_peer_id());
    let dial = |peer, at| {
        DialOpts::peer_id(peer).condition(PeerCondition::Always).addresses(vec![at]).build()
    };
    first.dial(dial(other, at_second)).unwrap();
    second.dial(dial(one, at_first)).unwrap();

    let mut connections = Vec::new();
    let (mut at_other, mut connected) = (0, 0);
    while connections.len() < 2 || at_other < 2 || connected < 1 {
        tokio::select! {
            event = first.select_next_some() => match event {
                SwarmEvent::ConnectionEstablished { connection_id, .. } => connections.push(connection_id),
                SwarmEvent::Behaviour(LinkEvent::Connected { .. }) => connected += 1,
                _ => {}
            },
            event = second.select_next_some() => {
                at_other += usize::from(matches!(event, SwarmEvent::ConnectionEstablished { .. }));
            }
        }
    }
    assert_eq!(connected, 1, "a second connection is no second peer");
    for (number, connection) in connections.into_iter().enumerate() {
        send(&mut first, other, &[], vec![number as u8]);
        assert_eq!(until(&mut second, &mut first, received).await, [number as u8]);
        first.close_connection(connection);
        // A frame sent on a connection that is being closed is lost, so wait until it is closed.
        loop {
            tokio::select! {
                event = first.select_next_some() => {
                    if matches!(event, SwarmEvent::ConnectionClosed { .. }) {
                        break;
                    }
                }
                _ = second.select_next_some() => {}
            }
        }
    }
    until(&mut first, &mut second, |event| {
        matches!(event, LinkEvent::Disconnected { .. }).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_sends_too_fast_is_read_slowly_and_loses_nothing() {
    let config = FrameLimits::default().with_frames_per_second(100).with_queued_frames(200);
    let (mut first, mut second, address) = pair(config).await;
    let to = *second.local_peer_id();
    let start = Instant::now();
    for number in 0..150_u8 {
        send(&mut first, to, std::slice::from_ref(&address), vec![number]);
    }
    for number in 0..150_u8 {
        assert_eq!(until(&mut second, &mut first, received).await, [number]);
    }
    assert!(start.elapsed() >= Duration::from_millis(450), "{:?}", start.elapsed());
}

#[tokio::test]
async fn frames_sent_before_the_end_are_read_before_it_is_reported() {
    let (mut first, mut second, address) = pair(FrameLimits::default()).await;
    let to = *second.local_peer_id();
    send(&mut first, to, &[address], vec![0]);
    until(&mut second, &mut first, received).await;
    for number in 1..=100_u8 {
        send(&mut first, to, &[], vec![number; 1000]);
    }
    first.behaviour_mut().0.finish();
    send(&mut first, to, &[], vec![255]);
    // "Read" means read off the connection: the last frames may still be on their way to the
    // receiver's behaviour.
    let (mut read, mut finished) = (0, false);
    while read < 100 || !finished {
        tokio::select! {
            event = first.select_next_some() => {
                finished |= matches!(event, SwarmEvent::Behaviour(LinkEvent::Finished));
            }
            event = second.select_next_some() => {
                if let SwarmEvent::Behaviour(LinkEvent::Received { frame, .. }) = event {
                    assert_eq!(frame.len(), 1000);
                    read += 1;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_peer_that_reads_nothing_costs_only_its_queue_and_is_dropped() {
    let config = FrameLimits::default()
        .with_write_timeout(Duration::from_millis(300))
        .with_queued_bytes(MAX);
    let (mut first, mut second, address) = pair(config).await;
    let to = *second.local_peer_id();
    send(&mut first, to, &[address], vec![0]);
    until(&mut second, &mut first, received).await;
    for _ in 0..100 {
        send(&mut first, to, &[], vec![1; MAX / 8]);
    }
    // The executor drives its connection, but nobody takes from it what it has read.
    drop(tokio::spawn(async move {
        let _second = second;
        std::future::pending::<()>().await;
    }));
    let (mut refused, mut stalled, mut lost) = (0, 0, false);
    let over = async {
        while !lost {
            match first.select_next_some().await {
                SwarmEvent::Behaviour(LinkEvent::Undelivered { frames, reason, .. }) => {
                    match reason {
                        Undelivered::QueueFull => refused += frames,
                        Undelivered::Stalled => stalled += frames,
                        _ => panic!("{reason}"),
                    }
                }
                SwarmEvent::Behaviour(LinkEvent::Disconnected { .. }) => lost = true,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), over).await.expect("the connection is given up");
    // The connection and the other end took some frames; eight fit into the queue.
    assert!(refused > 50 && (1..=9).contains(&stalled), "{refused} refused, {stalled} given up");
}

#[tokio::test]
async fn frames_for_a_peer_that_cannot_be_reached_are_given_up_in_time() {
    let config = FrameLimits::default().with_waiting_time(Duration::from_millis(200));
    let (mut first, mut second, _) = pair(config).await;
    let nobody = PeerId::random();
    send(&mut first, nobody, &["/memory/1".parse().unwrap()], vec![1]);
    send(&mut first, nobody, &[], vec![2]);
    let mut dial_failed = false;
    let reason = until(&mut first, &mut second, |event| match event {
        LinkEvent::DialFailed { peer, .. } => {
            dial_failed |= peer == nobody;
            None
        }
        LinkEvent::Undelivered { peer, frames: 2, reason } if peer == nobody => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, Undelivered::Unreachable);
    assert!(dial_failed);
}

#[tokio::test]
async fn a_peer_that_takes_no_frames_is_reported_as_unsupported() {
    let mut first = alone(FrameLimits::default(), MAX);
    let mut second = swarm(|_| dummy::Behaviour);
    let (to, at) = (*second.local_peer_id(), address(&mut second).await);
    send(&mut first, to, &[at], vec![1]);
    let reason = until(&mut first, &mut second, |event| match event {
        LinkEvent::Undelivered { frames: 1, reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, Undelivered::Unsupported);
}
