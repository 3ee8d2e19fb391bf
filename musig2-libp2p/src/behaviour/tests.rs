//! What depends on peers that no core would be.

use super::*;
use crate::frames::tests::{address, alone, swarm, until};
use crate::{Config, PeerContact};
use libp2p::Swarm;
use musig2_proto::Event::{SessionComplete, SessionDiscovered};
use musig2_proto::{Audience, Command, Message, Node, Offence, Proposal, PublicKey, SecretKey};
use std::time::Duration;

fn signer(number: u8, config: Config) -> Swarm<Behaviour> {
    let mut core = Node::new(musig2_proto::Config::default()).unwrap();
    core.add_key(&SecretKey::new([number; 32])).unwrap();
    swarm(|local| Behaviour::new(local, core, config))
}

fn key(signer: &Swarm<Behaviour>) -> PublicKey {
    signer.behaviour().core().public_keys().next().unwrap()
}

#[tokio::test]
async fn a_connection_carries_a_hundred_frames_in_order_and_a_session_after_them() {
    let (mut first, mut second) = (signer(1, Config::default()), signer(2, Config::default()));
    let (from, to) = (*first.local_peer_id(), *second.local_peer_id());
    let at = address(&mut second).await;
    for version in 101..=200 {
        // Nobody speaks these versions yet, so each is told when it comes, and what it was.
        first.behaviour_mut().links.send(to, std::slice::from_ref(&at), vec![version]);
        let offence = until(&mut second, &mut first, |event| match event {
            Event::Offence { peer, offence, .. } if peer == from => Some(offence),
            _ => None,
        });
        assert_eq!(offence.await, Offence::Version(version));
    }

    let contact = PeerContact::new(to, [at]).encode();
    let keys = [key(&first), key(&second)];
    let proposer = first.behaviour_mut();
    proposer.execute(Command::AddContact { signer: keys[1], contact }).unwrap();
    let session = proposer.create_session(Proposal::new(keys).with_message(Message::new([1; 32]))).unwrap();
    proposer.execute(Command::AnnounceSession { session, audience: Audience::KnownContacts }).unwrap();
    until(&mut second, &mut first, |event| {
        matches!(event, Event::Session(SessionDiscovered { .. })).then_some(())
    })
    .await;
    second.behaviour_mut().execute(Command::JoinSession { session }).unwrap();
    until(&mut first, &mut second, |event| {
        matches!(event, Event::Session(SessionComplete { .. })).then_some(())
    })
    .await;
    for swarm in [first, second] {
        assert_eq!(swarm.network_info().connection_counters().num_established(), 1);
    }
}

#[tokio::test]
async fn a_peer_that_goes_on_sending_rubbish_is_reported_and_disconnected() {
    let mut victim =
        signer(1, Config::default().with_max_offences(3).with_offence_pause(Duration::from_millis(1)));
    let (to, at) = (*victim.local_peer_id(), address(&mut victim).await);
    let mut rogue = alone(Config::default(), 1 << 20);
    for _ in 0..5 {
        rogue.behaviour_mut().0.send(to, std::slice::from_ref(&at), Vec::new());
    }
    let from = *rogue.local_peer_id();
    for _ in 0..3 {
        let offence = until(&mut victim, &mut rogue, |event| match event {
            Event::Offence { peer, offence, .. } if peer == from => Some(offence),
            _ => None,
        });
        assert_eq!(offence.await, Offence::Malformed);
    }
    until(&mut rogue, &mut victim, |event| {
        matches!(event, crate::frames::LinkEvent::Disconnected { .. }).then_some(())
    })
    .await;
}
