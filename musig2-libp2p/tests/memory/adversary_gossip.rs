//! Strangers publish rubbish, forgeries and replays on the announcement topic.

use crate::signers::{TCP, network, sign};
use crate::{MEMORY, TURN};
use futures::{StreamExt, future};
use musig2_libp2p::libp2p::gossipsub::{
    Behaviour, ConfigBuilder, Event, IdentTopic, Message, MessageAuthenticity, MessageId,
    ValidationMode,
};
use musig2_libp2p::libp2p::swarm::SwarmEvent;
use musig2_libp2p::libp2p::{Swarm, SwarmBuilder, noise, yamux};
use musig2_libp2p::musig2_proto::{Config, Offence};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// How much memory the whole process may take beyond what it took before, in bytes: for three nodes
/// and for the rogue's own queues.
const MOST_MEMORY: usize = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_travels_one_hop_and_its_sender_is_soon_ignored() {
    let _turn = TURN.lock().await;
    let mut signers = network(3, TCP, |config| config.with_enable_dht(false)).await;
    let mut rogue = rogue();
    let topic = IdentTopic::new(Config::default().announcement_topic);
    rogue.behaviour_mut().subscribe(&topic).unwrap();
    rogue.dial(signers[0].address().await).unwrap();
    let (done, is_done) = oneshot::channel();
    tokio::spawn(async move {
        while !matches!(
            rogue.select_next_some().await,
            SwarmEvent::Behaviour(Event::Subscribed { .. })
        ) {}
        for number in 0..200_u8 {
            rogue.behaviour_mut().publish(topic.clone(), [1, 0xf0, number]).unwrap();
            // The rogue publishes two hundred a second.
            let next = Instant::now() + Duration::from_millis(5);
            while timeout_at(next, rogue.next()).await.is_ok() {}
        }
        done.send(()).unwrap();
        rogue.for_each(|_| future::ready(())).await;
    });
    is_done.await.unwrap();
    sign(&mut signers).await;
    let reported = std::mem::take(&mut signers[0].offences);
    assert!((4..50).contains(&reported.len()), "{reported:?}");
    assert!(reported.iter().all(|offence| *offence == Offence::Malformed), "{reported:?}");
    assert!(signers[1..].iter().all(|signer| signer.offences.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_forged_and_replayed_announcements_is_soon_ignored() {
    let _turn = TURN.lock().await;
    let mut signers = network(3, TCP, |config| config.with_enable_dht(false)).await;
    let mut rogue = rogue();
    let topic = IdentTopic::new(Config::default().announcement_topic);
    rogue.behaviour_mut().subscribe(&topic).unwrap();
    rogue.dial(signers[0].address().await).unwrap();
    let (begun, mut has_begun) = oneshot::channel();
    let (done, is_done) = oneshot::channel();
    let (memory, start) = (MEMORY.current_usage(), Instant::now());
    MEMORY.reset_peak_usage();
    tokio::spawn(async move {
        let genuine = loop {
            if let SwarmEvent::Behaviour(Event::Message { message, .. }) =
                rogue.select_next_some().await
                && message.data.starts_with(&[1, 0])
            {
                break message.data;
            }
        };
        begun.send(()).unwrap();
        for burst in 0..400_u32 {
            for number in 0..5 {
                let mut announcement = genuine.clone();
                // Changing the random bytes makes it a new message for gossipsub, but not a new
                // announcement.
                announcement[2..6].copy_from_slice(&burst.to_be_bytes());
                announcement[6] = number;
                // Every other one has an invalid signature.
                *announcement.last_mut().unwrap() ^= number % 2;
                // An error means that the queue is full.
                let _ = rogue.behaviour_mut().publish(topic.clone(), announcement);
            }
            let next = Instant::now() + Duration::from_millis(5);
            while timeout_at(next, rogue.next()).await.is_ok() {}
        }
        done.send(()).unwrap();
        rogue.for_each(|_| future::ready(())).await;
    });
    // The rogue may join too late to hear the first announcement.
    for _ in 0..50 {
        sign(&mut signers).await;
        if has_begun.try_recv().is_ok() {
            break;
        }
    }
    sign(&mut signers).await;
    is_done.await.unwrap();
    sign(&mut signers).await;

    let reported = std::mem::take(&mut signers[0].offences);
    assert!((4..50).contains(&reported.len()), "{reported:?}");
    assert!(reported.iter().all(|offence| *offence == Offence::BadSignature), "{reported:?}");
    assert!(signers[1..].iter().all(|signer| signer.offences.is_empty()));
    let most = MEMORY.peak_usage().saturating_sub(memory);
    println!("{} reports, at most {} KiB in {:?}", reported.len(), most >> 10, start.elapsed());
    assert!(most < MOST_MEMORY, "{most} bytes");
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
