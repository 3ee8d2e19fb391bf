//! What strangers publish on the announcement topic.
#![cfg(feature = "node")]

mod signers;

use futures::StreamExt;
use musig2_libp2p::NodeEvent;
use musig2_libp2p::libp2p::gossipsub::{
    Behaviour, ConfigBuilder, Event, IdentTopic, Message, MessageAuthenticity, MessageId, ValidationMode,
};
use musig2_libp2p::libp2p::swarm::SwarmEvent;
use musig2_libp2p::libp2p::{Swarm, SwarmBuilder, noise, yamux};
use musig2_libp2p::musig2_proto::{Config, Offence};
use signers::{TCP, network, sign_together};

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_goes_no_further_than_one_hop_and_is_soon_not_listened_to() {
    let mut signers = network(3, TCP, |config| config.with_dht(false)).await;
    let mut rogue = rogue();
    let name = *rogue.local_peer_id();
    let topic = IdentTopic::new(Config::default().announcement_topic);
    rogue.behaviour_mut().subscribe(&topic).unwrap();
    rogue.dial(signers[0].address().await).unwrap();
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::Behaviour(Event::Subscribed { .. }) = rogue.select_next_some().await {
                for number in 0..100_u8 {
                    rogue.behaviour_mut().publish(topic.clone(), [1, 0xf0, number]).unwrap();
                }
            }
        }
    });
    let mut reported = 0;
    let disconnected = signers[0].until(|event| match event {
        NodeEvent::Offence { peer, offence } => {
            assert_eq!((*peer, offence), (name, &Offence::Malformed));
            reported += 1;
            None
        }
        NodeEvent::PeerDisconnected { peer } if *peer == name => Some(()),
        _ => None,
    });
    disconnected.await;
    assert!((3..10).contains(&reported), "{reported}");
    signers[0].offences.clear();
    sign_together(signers).await;
}

fn rogue() -> Swarm<Behaviour> {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message: &Message| MessageId::new(&message.data))
        .build()
        .unwrap();
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(Default::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| Behaviour::new(MessageAuthenticity::Anonymous, config).unwrap())
        .unwrap()
        .build()
}
