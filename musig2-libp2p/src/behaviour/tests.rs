//! Tests with peers that behave as no core would.

use super::*;
use crate::frames::tests::{address, alone, swarm, swarm_that_idles, until};
use crate::{BehaviourEvent, FrameLimits, PeerContact};
use futures::StreamExt;
use libp2p::Swarm;
use libp2p::swarm::SwarmEvent;
use musig2_proto::Event::{SessionComplete, SessionDiscovered};
use musig2_proto::{
    Audience, Command, Message, Node, Note, Offence, Proposal, PublicKey, SecretKey,
};
use std::time::Duration;

fn core(number: u8, config: musig2_proto::Config) -> Node {
    let mut core = Node::new(config).unwrap();
    core.add_key(&SecretKey::new([number; 32])).unwrap();
    core
}

fn signer(number: u8, config: FrameLimits) -> Swarm<Behaviour> {
    let core = core(number, musig2_proto::Config::default());
    swarm(|local| Behaviour::new(local, core, config))
}

fn key(signer: &Swarm<Behaviour>) -> PublicKey {
    signer.behaviour().core().public_keys().next().unwrap()
}

#[tokio::test]
async fn a_connection_carries_a_hundred_frames_in_order_and_then_a_session() {
    let (mut first, mut second) =
        (signer(1, FrameLimits::default()), signer(2, FrameLimits::default()));
    let (from, to) = (*first.local_peer_id(), *second.local_peer_id());
    let at = address(&mut second).await;
    for version in 101..=200 {
        // Nobody speaks these versions yet, so each frame is reported as it comes, with its
        // version.
        first.behaviour_mut().links.send(to, std::slice::from_ref(&at), vec![version]);
        let offence = until(&mut second, &mut first, |event| match event {
            BehaviourEvent::Offence { peer, offence, .. } if peer == from => Some(offence),
            _ => None,
        });
        assert_eq!(offence.await, Offence::Version(version));
    }

    let contact = PeerContact::new(to, [at]).encode();
    let keys = [key(&first), key(&second)];
    let proposer = first.behaviour_mut();
    proposer.execute(Command::AddContact { signer: keys[1], contact }).unwrap();
    let session =
        proposer.create_session(Proposal::new(keys).with_message(Message::new([1; 32]))).unwrap();
    proposer
        .execute(Command::AnnounceSession { session, audience: Audience::KnownContacts })
        .unwrap();
    until(&mut second, &mut first, |event| {
        matches!(event, BehaviourEvent::Session(SessionDiscovered { .. })).then_some(())
    })
    .await;
    second.behaviour_mut().execute(Command::JoinSession { session }).unwrap();
    until(&mut first, &mut second, |event| {
        matches!(event, BehaviourEvent::Session(SessionComplete { .. })).then_some(())
    })
    .await;
    for swarm in [first, second] {
        assert_eq!(swarm.network_info().connection_counters().num_established(), 1);
    }
}

#[tokio::test]
async fn a_peer_that_keeps_sending_rubbish_is_reported_and_disconnected() {
    let mut victim = signer(
        1,
        FrameLimits::default().with_max_offences(3).with_offence_pause(Duration::from_millis(1)),
    );
    let (to, at) = (*victim.local_peer_id(), address(&mut victim).await);
    let mut rogue = alone(FrameLimits::default(), 1 << 20);
    for _ in 0..5 {
        rogue.behaviour_mut().0.send(to, std::slice::from_ref(&at), Vec::new());
    }
    let from = *rogue.local_peer_id();
    for _ in 0..3 {
        let offence = until(&mut victim, &mut rogue, |event| match event {
            BehaviourEvent::Offence { peer, offence, .. } if peer == from => Some(offence),
            _ => None,
        });
        assert_eq!(offence.await, Offence::Malformed);
    }
    until(&mut rogue, &mut victim, |event| {
        matches!(event, crate::frames::LinkEvent::Disconnected { .. }).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_connection_to_a_co_signer_is_kept_as_long_as_the_session_is_open() {
    const IDLE: Duration = Duration::from_millis(50);
    let signer = |number| {
        // Nobody polls, so only the session keeps the connection.
        let long = Duration::from_secs(3600);
        let quiet = musig2_proto::Config::default()
            .with_poll_interval(long)
            .with_max_poll_interval(long)
            .with_max_join_poll_interval(long);
        let config = FrameLimits::default().with_keep_alive(IDLE);
        swarm_that_idles(IDLE, |local| Behaviour::new(local, core(number, quiet), config))
    };
    let (mut first, mut second) = (signer(1), signer(2));
    let (to, at) = (*second.local_peer_id(), address(&mut second).await);
    let keys = [key(&first), key(&second)];
    let own = PeerContact::new(*first.local_peer_id(), []).encode();
    let proposer = first.behaviour_mut();
    proposer.execute(Command::SetContact(own)).unwrap();
    let contact = PeerContact::new(to, [at]).encode();
    proposer.execute(Command::AddContact { signer: keys[1], contact }).unwrap();
    let session =
        proposer.create_session(Proposal::new(keys).with_message(Message::new([1; 32]))).unwrap();
    proposer
        .execute(Command::AnnounceSession { session, audience: Audience::KnownContacts })
        .unwrap();
    until(&mut second, &mut first, |event| {
        matches!(event, BehaviourEvent::Session(SessionDiscovered { .. })).then_some(())
    })
    .await;
    assert!(!closes_within(20 * IDLE, &mut first, &mut second).await, "the session is open");
    let reason = Note::new("enough");
    first.behaviour_mut().execute(Command::AbortSession { session, reason }).unwrap();
    assert!(
        closes_within(Duration::from_secs(20), &mut first, &mut second).await,
        "the session is over"
    );
}

async fn closes_within(
    time: Duration,
    first: &mut Swarm<Behaviour>,
    second: &mut Swarm<Behaviour>,
) -> bool {
    let closed = async {
        loop {
            let event = tokio::select! {
                event = first.select_next_some() => event,
                event = second.select_next_some() => event,
            };
            if matches!(event, SwarmEvent::ConnectionClosed { .. }) {
                return;
            }
        }
    };
    tokio::time::timeout(time, closed).await.is_ok()
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn the_metrics_count_what_happens_in_a_session() {
    let metrics = [crate::Metrics::new(), crate::Metrics::new()];
    let signer = |number: u8| {
        let core = core(number, musig2_proto::Config::default());
        let metrics = metrics[usize::from(number) - 1].clone();
        swarm(|local| Behaviour::new(local, core, FrameLimits::default()).with_metrics(metrics))
    };
    let (mut first, mut second) = (signer(1), signer(2));
    let (to, at) = (*second.local_peer_id(), address(&mut second).await);
    let keys = [key(&first), key(&second)];
    let proposer = first.behaviour_mut();
    let contact = PeerContact::new(to, [at]).encode();
    proposer.execute(Command::AddContact { signer: keys[1], contact }).unwrap();
    let session =
        proposer.create_session(Proposal::new(keys).with_message(Message::new([1; 32]))).unwrap();
    proposer
        .execute(Command::AnnounceSession { session, audience: Audience::KnownContacts })
        .unwrap();
    until(&mut second, &mut first, |event| {
        matches!(event, BehaviourEvent::Session(SessionDiscovered { .. })).then_some(())
    })
    .await;
    assert!(
        metrics[0].encode().contains("musig2_sessions{phase=\"joining\"} 1\n"),
        "{}",
        metrics[0].encode()
    );
    second.behaviour_mut().execute(Command::JoinSession { session }).unwrap();
    for _ in 0..2 {
        until(&mut first, &mut second, |event| {
            matches!(event, BehaviourEvent::Session(SessionComplete { .. })).then_some(())
        })
        .await;
        std::mem::swap(&mut first, &mut second);
        if metrics.iter().all(|metrics| metrics.encode().contains("outcome=\"complete\"} 1\n")) {
            break;
        }
    }
    for metrics in &metrics {
        let text = metrics.encode();
        for wanted in [
            "musig2_sessions_ended_total{outcome=\"complete\"} 1",
            "musig2_phase_seconds_count{phase=\"joining\"} 1",
            "musig2_phase_seconds_count{phase=\"nonces\"} 1",
            "musig2_phase_seconds_count{phase=\"partial_signatures\"} 1",
            "musig2_session_seconds_count 1",
            "musig2_frames_total{direction=\"in\"}",
            "musig2_frame_bytes_total{direction=\"out\"}",
        ] {
            assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
        }
    }
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn the_metrics_count_a_ban_until_it_is_over() {
    let metrics = crate::Metrics::new();
    let config =
        FrameLimits::default().with_max_offences(1).with_ban_time(Duration::from_millis(300));
    let core = core(1, musig2_proto::Config::default());
    let mut victim =
        swarm(|local| Behaviour::new(local, core, config).with_metrics(metrics.clone()));
    let (to, at) = (*victim.local_peer_id(), address(&mut victim).await);
    let mut rogue = alone(FrameLimits::default(), 1 << 20);
    for _ in 0..2 {
        rogue.behaviour_mut().0.send(to, std::slice::from_ref(&at), Vec::new());
        until(&mut rogue, &mut victim, |event| {
            matches!(event, crate::frames::LinkEvent::Disconnected { .. }).then_some(())
        })
        .await;
    }
    let text = metrics.encode();
    for wanted in [
        "musig2_offences_total{offence=\"malformed\"} 2\n",
        "musig2_penalties_total{penalty=\"disconnected\"} 1\n",
        "musig2_penalties_total{penalty=\"banned\"} 1\n",
        "musig2_banned_peers 1\n",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    let over = async {
        while !metrics.encode().contains("musig2_banned_peers 0\n") {
            // No event reports it, so look for it.
            let _ = tokio::time::timeout(Duration::from_millis(10), victim.next()).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), over).await.expect("the ban is over in time");
}
