//! Nodes that start, meet, arrive late and stop.

use crate::signers::{QUIC, Signer, TCP, network, proposal, public_key};
use musig2_libp2p::musig2_proto::{self, Audience, Command, Event, SecretKey};
use musig2_libp2p::{HandleError, Node, NodeConfig, NodeEvent, StartError};
use std::time::{Duration, Instant};

fn quiet(listen: &str) -> NodeConfig {
    let config = NodeConfig::default().with_listen([listen.parse().expect("an address")]);
    config.with_enable_gossipsub(false).with_enable_dht(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_signer_hears_of_the_session_soon() {
    // If nobody new arrived, the session would be announced again only after eight seconds.
    let protocol = musig2_proto::Config::default()
        .with_announce_interval(Duration::from_secs(8))
        .with_announce_instead(Duration::from_secs(60));
    let mut signers = network(2, TCP, |config| config.with_protocol(protocol.clone())).await;
    let bootstrap = signers[0].address().await;
    let keys = [1, 2, 9].map(public_key);
    let proposal =
        musig2_proto::Proposal::new(keys).with_message(musig2_proto::Message::new([1; 32]));
    let session = signers[1].handle.create_session(proposal).await.unwrap();
    signers[1]
        .handle
        .execute(Command::AnnounceSession { session, audience: Audience::Everyone })
        .await
        .unwrap();
    let joined = signers[0].until(|event| match event {
        NodeEvent::Session { event: Event::SessionDiscovered { session }, .. } => Some(*session),
        _ => None,
    });
    let joined = joined.await;
    signers[0].handle.execute(Command::JoinSession { session: joined }).await.unwrap();

    let start = Instant::now();
    let config =
        NodeConfig::default().with_listen([TCP.parse().unwrap()]).with_bootstrap_peers([bootstrap]);
    let mut late = Signer::start(9, config);
    late.cosign().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_after_signing_leaves_nobody_behind() {
    for listen in [TCP, QUIC] {
        let mut signers = network(3, listen, |config| config).await;
        let proposal = proposal(&signers);
        let start = Instant::now();
        let finish = signers.iter_mut().enumerate().map(|(number, signer)| {
            let proposal = (number == 0).then(|| proposal.clone());
            async move {
                match proposal {
                    Some(proposal) => signer.propose(proposal).await,
                    None => signer.cosign().await,
                };
                signer.handle.stop().await;
            }
        });
        futures::future::join_all(finish).await;
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_stopped_node_says_so() {
    let mut signer = Signer::start(1, quiet(TCP));
    signer.handle.stop().await;
    signer.handle.stop().await;
    assert_eq!(signer.handle.sessions().await, Err(HandleError::Stopped));
    assert_eq!(signer.handle.execute(Command::Cleanup).await, Err(HandleError::Stopped));
    while let Some(event) = signer.events.next().await {
        assert!(
            matches!(event, NodeEvent::Listening { .. } | NodeEvent::NotListening { .. }),
            "{event:?}"
        );
    }
}

#[tokio::test]
async fn a_node_stops_with_its_last_handle() {
    let Signer { handle, mut events, .. } = Signer::start(1, quiet(TCP));
    drop(handle.clone());
    drop(handle);
    while events.next().await.is_some() {}
}

#[tokio::test]
async fn a_lost_bootstrap_peer_is_found_again() {
    let identity = musig2_libp2p::libp2p::identity::Keypair::generate_ed25519();
    let first = Signer::start(1, quiet(TCP).with_identity(identity.clone()));
    let mut first = first;
    let address = first.address().await;
    let mut second = Signer::start(2, quiet(TCP).with_bootstrap_peers([address.clone()]));
    let connected =
        |event: &NodeEvent| matches!(event, NodeEvent::PeerConnected { .. }).then_some(());
    second.until(connected).await;
    first.handle.stop().await;
    second.until(|event| matches!(event, NodeEvent::PeerDisconnected { .. }).then_some(())).await;
    let _again = Signer::start(1, quiet(&address.to_string()).with_identity(identity));
    second.until(connected).await;
}

#[tokio::test]
async fn a_node_that_cannot_start_says_why() {
    let start =
        |config, key| Node::start(config, [SecretKey::new([key; 32])]).map(drop).unwrap_err();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    assert!(
        matches!(start(quiet(&address), 1), StartError::Listen { address: at, .. } if at.to_string() == address)
    );
    assert!(matches!(start(quiet("/ip4/127.0.0.1/udp/0"), 1), StartError::NotSupported { .. }));
    assert!(matches!(start(quiet(TCP), 0), StartError::Key { index: 0, .. }));
    let config = musig2_proto::Config::default().with_min_signers(20);
    assert!(matches!(start(quiet(TCP).with_protocol(config), 1), StartError::Config(_)));
}

#[test]
fn a_node_does_not_start_outside_a_runtime() {
    assert!(matches!(Node::start(NodeConfig::default(), []), Err(StartError::NoRuntime)));
}
