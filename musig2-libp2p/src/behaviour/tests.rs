//! What depends on peers that no core would be.

use super::*;
use crate::Config;
use crate::frames::tests::{address, alone, swarm, until};
use musig2_proto::{Node, Offence, SecretKey};

#[tokio::test]
async fn a_peer_that_goes_on_sending_rubbish_is_reported_and_disconnected() {
    let mut core: Node = Node::new(musig2_proto::Config::default()).unwrap();
    core.add_key(&SecretKey::new([1; 32])).unwrap();
    let mut victim = swarm(|local| Behaviour::new(local, core, Config::default().with_max_offences(3)));
    let (to, at) = (*victim.local_peer_id(), address(&mut victim).await);
    let mut rogue = alone(Config::default(), 1 << 20);
    for _ in 0..5 {
        rogue.behaviour_mut().0.send(to, std::slice::from_ref(&at), Vec::new());
    }
    let from = *rogue.local_peer_id();
    for _ in 0..3 {
        let offence = until(&mut victim, &mut rogue, |event| match event {
            Event::Offence { peer, offence } if peer == from => Some(offence),
            _ => None,
        });
        assert_eq!(offence.await, Offence::Malformed);
    }
    until(&mut rogue, &mut victim, |event| {
        matches!(event, crate::frames::LinkEvent::Disconnected { .. }).then_some(())
    })
    .await;
}
