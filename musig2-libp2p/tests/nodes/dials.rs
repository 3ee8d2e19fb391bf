//! Two nodes that dial each other at the same moment, and dials that are refused.

use crate::signers::{QUIC, Signer, TCP, proposal};
use futures::{StreamExt, stream};
use musig2_libp2p::musig2_proto::{Audience, Command};
use musig2_libp2p::{FrameLimits, NodeConfig, NodeEvent, PeerContact};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const TRIALS: usize = 100;
/// More than any dial takes, but less than it takes to notice that both dials failed and to dial
/// again a few times.
const PATIENCE: Duration = Duration::from_secs(5);

/// If both dialled from the ports they listen on, a third of these pairs would end up without a
/// connection over TCP.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_pairs_that_dial_each_other_at_once_over_tcp_all_meet() {
    all_meet(TCP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_pairs_that_dial_each_other_at_once_over_quic_all_meet() {
    all_meet(QUIC).await;
}

async fn all_meet(listen: &str) {
    let start = Instant::now();
    let trials = stream::iter(0..TRIALS).map(|_| timeout(PATIENCE, meet(listen)));
    let failures =
        trials.buffer_unordered(4).filter(|met| std::future::ready(met.is_err())).count().await;
    println!("{TRIALS} trials over {listen} took {:?}", start.elapsed());
    assert_eq!(failures, 0, "of {TRIALS} pairs over {listen}");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

/// Each proposes a session to the other, and neither waits for the other to dial first.
async fn meet(listen: &str) {
    let frames = FrameLimits::default().with_dial_delay(Duration::ZERO);
    let config = NodeConfig::default()
        .with_listen([listen.parse().expect("an address")])
        .with_frames(frames)
        .with_enable_gossipsub(false)
        .with_enable_dht(false);
    let mut pair = [1, 2].map(|number| Signer::start(number, config.clone()));
    let contacts = [pair[0].contact().await, pair[1].contact().await];
    pair[0].knows(&pair[1], &contacts[1]).await;
    pair[1].knows(&pair[0], &contacts[0]).await;
    let proposal = proposal(&pair);
    let [one, other] = &mut pair;
    let (first, second) = tokio::join!(
        one.handle.create_session(proposal.clone()),
        other.handle.create_session(proposal)
    );
    let announce =
        |session| Command::AnnounceSession { session, audience: Audience::KnownContacts };
    let (first, second) = (first.expect("a sound proposal"), second.expect("a sound proposal"));
    let told =
        tokio::join!(one.handle.execute(announce(first)), other.handle.execute(announce(second)));
    assert_eq!(told, (Ok(()), Ok(())));
    tokio::join!(one.cosign(), other.cosign());
    tokio::join!(one.handle.stop(), other.handle.stop());
}

/// Tries an address, a name, an IPv4 address written as IPv6, and an address within another, of
/// which TCP dials the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_cannot_send_an_internet_node_into_its_own_network() {
    let inside = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    inside.set_nonblocking(true).expect("it can");
    let port = inside.local_addr().expect("it is bound").port();
    let config = NodeConfig::default()
        .with_listen([TCP.parse().expect("an address")])
        .with_enable_dht(false);
    let mut pair =
        [Signer::start(1, config.clone().with_dial_private(Some(false))), Signer::start(2, config)];
    let addresses = [
        "ip4/127.0.0.1",
        "dns4/localhost",
        "ip6/::ffff:127.0.0.1",
        "ip4/198.51.100.1/ip4/127.0.0.1",
    ]
    .map(|host| format!("/{host}/tcp/{port}").parse().expect("an address"));
    let contact = PeerContact::new(pair[1].handle.peer_id(), addresses);
    pair[0].knows(&pair[1], &contact).await;
    let proposal = proposal(&pair);
    let session = pair[0].handle.create_session(proposal).await.expect("a sound proposal");
    let announce = Command::AnnounceSession { session, audience: Audience::KnownContacts };
    pair[0].handle.execute(announce).await.expect("it can be announced");
    let refused = |event: &NodeEvent| match event {
        NodeEvent::DialFailed { error, .. } => Some(error.matches("see `dial_private`").count()),
        _ => None,
    };
    // The first dial, before anything is sent, goes only to believable addresses.
    while pair[0].until(refused).await < 4 {}
    assert!(inside.accept().is_err(), "somebody knocked");
}
