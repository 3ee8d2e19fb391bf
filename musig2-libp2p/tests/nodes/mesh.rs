//! Announcements among many nodes.

use crate::signers::{TCP, network, proposal};
use futures::future::join_all;
use musig2_libp2p::NodeEvent;
use musig2_libp2p::musig2_proto::{Audience, Command, Config, Event};
use std::time::{Duration, Instant};

/// All nodes share one address and are connected to one node in the middle, and the session is
/// published once. With gossipsub's usual settings, some would hear nothing, and the address would
/// be silenced.
#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_reaches_all_24_nodes_around_a_centre() {
    let protocol =
        Config::default().with_max_signers(32).with_announce_interval(Duration::from_secs(60));
    let adjust = |config: musig2_libp2p::NodeConfig| {
        config.with_enable_dht(false).with_protocol(protocol.clone())
    };
    let mut signers = network(25, TCP, adjust).await;
    let connected =
        |event: &NodeEvent| matches!(event, NodeEvent::PeerConnected { .. }).then_some(());
    let (centre, around) = signers.split_at_mut(1);
    for _ in around.iter() {
        centre[0].until(connected).await;
    }
    join_all(around.iter_mut().map(|signer| signer.until(connected))).await;

    let proposal = proposal(&signers);
    let proposer = signers.pop().expect("there are signers");
    let session = proposer.handle.create_session(proposal).await.unwrap();
    let start = Instant::now();
    proposer
        .handle
        .execute(Command::AnnounceSession { session, audience: Audience::Everyone })
        .await
        .unwrap();
    let discovered = |event: &NodeEvent| {
        matches!(event, NodeEvent::Session { event: Event::SessionDiscovered { session: found }, .. } if *found == session)
            .then(|| start.elapsed())
    };
    let took = join_all(signers.iter_mut().map(|signer| signer.until(discovered))).await;
    let longest = took.iter().max().expect("there are signers");
    println!("the last of {} heard of it after {longest:?}", took.len());
    // At worst this takes a few heartbeats, on a machine that is busy with other things.
    assert!(*longest < Duration::from_secs(3), "{took:?}");
    proposer.handle.stop().await;
}
