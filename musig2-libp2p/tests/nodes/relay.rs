//! Signing behind a NAT through a relay, and what a node asks of the local network.
#![cfg(all(feature = "nat", feature = "relay-server", feature = "mdns", feature = "upnp"))]

use crate::signers::{Signer, TCP, proposal, sign_together};
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::libp2p::multiaddr::Protocol;
use musig2_libp2p::{NodeConfig, NodeEvent, PeerContact};
use std::net::TcpListener;

/// Configures a node that meets others only where it is told to.
fn alone() -> NodeConfig {
    NodeConfig::default().with_enable_gossipsub(false).with_enable_dht(false)
}

/// Starts a relay. It must know where it can be reached, and on loopback nobody tells it.
async fn relay() -> Signer {
    let free = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address");
    let config = alone().with_listen([address.clone()]).with_external_addresses([address]);
    let mut relay = Signer::start_without_key(config.with_relay_server(true));
    relay.address().await;
    relay
}

fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// It listens nowhere: everything that reaches it comes through the relay.
#[tokio::test(flavor = "multi_thread")]
async fn a_signer_reachable_only_through_a_relay_signs() {
    let mut relay = relay().await;
    let hidden = alone().with_listen([]).with_bootstrap_peers([relay.address().await]);
    let mut hidden = Signer::start(1, hidden);
    let relayed = hidden.address().await;
    assert!(is_relayed(&relayed), "{relayed}");
    let proposer = Signer::start(
        2,
        alone().with_listen([TCP.parse().unwrap()]).with_enable_relay_client(true),
    );
    proposer.knows(&hidden, &PeerContact::new(hidden.handle.peer_id(), [relayed])).await;
    sign_together(vec![hidden, proposer]).await;
}

/// The others are told its relayed address.
#[tokio::test(flavor = "multi_thread")]
async fn a_signer_reachable_only_through_a_relay_can_propose() {
    let mut relay = relay().await;
    let address = relay.address().await;
    let config = || {
        NodeConfig::default()
            .with_bootstrap_peers([address.clone()])
            .with_enable_dht(false)
            .with_listen([])
    };
    let mut signers = Vec::new();
    for number in 1..=3 {
        let mut signer = Signer::start(number, config().with_enable_gossipsub(false));
        assert!(is_relayed(&signer.address().await));
        signers.push(signer);
    }
    for known in 0..2 {
        let contact = signers[known].contact().await;
        signers[2].knows(&signers[known], &contact).await;
    }
    sign_together(signers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_listens_again_through_a_relay_that_comes_back() {
    let identity = musig2_libp2p::libp2p::identity::Keypair::generate_ed25519();
    let start = |address: Multiaddr| {
        let config = alone().with_listen([address.clone()]).with_external_addresses([address]);
        Signer::start_without_key(config.with_relay_server(true).with_identity(identity.clone()))
    };
    let mut first = relay().await;
    let address: Multiaddr = first.address().await.iter().take(2).collect();
    first.handle.stop().await;
    let first = start(address.clone());
    let mut hidden =
        Signer::start(1, alone().with_listen([]).with_bootstrap_peers([address.clone()]));
    let listening = |event: &NodeEvent| match event {
        NodeEvent::Listening { address } => Some(address.clone()),
        _ => None,
    };
    let before = hidden.until(listening).await;
    first.handle.stop().await;
    hidden.until(|event| matches!(event, NodeEvent::NotListening { .. }).then_some(())).await;
    let _again = start(address);
    assert_eq!(hidden.until(listening).await, before);
}

/// If there is neither multicast nor a router, as in a container, the node goes on without them.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_sign_without_multicast_or_a_router() {
    let config = || {
        alone().with_listen([TCP.parse().unwrap()]).with_enable_mdns(true).with_enable_upnp(true)
    };
    let mut signers = vec![Signer::start(1, config()), Signer::start(2, config())];
    let contact = signers[0].contact().await;
    signers[1].knows(&signers[0], &contact).await;
    assert_eq!(proposal(&signers).signers().len(), 2);
    sign_together(signers).await;
}
