//! Nodes that come late, are cut off and come back.

use crate::link::{Link, State};
use crate::signers::{Signer, TCP, public_key};
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{self, Audience, Command, Event, Message, Proposal, SessionId};
use musig2_libp2p::{NodeConfig, NodeEvent};
use std::time::{Duration, Instant};

/// Nobody repeats an announcement, and nodes meet only through bootstrap peers.
fn config(bootstrap: Option<&Multiaddr>) -> NodeConfig {
    let pause = Duration::from_secs(60);
    let protocol = musig2_proto::Config::default()
        .with_announce_interval(pause)
        .with_max_announce_interval(pause)
        .with_announce_instead(pause);
    NodeConfig::default()
        .with_listen([TCP.parse().expect("an address")])
        .with_bootstrap_peers(bootstrap.cloned())
        .with_protocol(protocol)
        .with_enable_dht(false)
}

fn discovered(event: &NodeEvent) -> Option<SessionId> {
    match event {
        NodeEvent::Session { event: Event::SessionDiscovered { session }, .. } => Some(*session),
        _ => None,
    }
}

fn connected(event: &NodeEvent) -> Option<()> {
    matches!(event, NodeEvent::PeerConnected { .. }).then_some(())
}

fn disconnected(event: &NodeEvent) -> Option<()> {
    matches!(event, NodeEvent::PeerDisconnected { .. }).then_some(())
}

/// Starts a node without keys, at which the others meet.
async fn meeting_point() -> Signer {
    let mut node = Signer::start_without_key(config(None));
    node.address().await;
    node
}

async fn announce(signer: &Signer, with: impl IntoIterator<Item = u8>) -> SessionId {
    let keys = with.into_iter().map(public_key).chain([signer.handle.public_keys()[0]]);
    let proposal = Proposal::new(keys).with_message(Message::new([1; 32]));
    let session = signer.handle.create_session(proposal).await.expect("the proposal is sound");
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    signer.handle.execute(announce).await.expect("the session can be announced");
    session
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_hears_at_once_of_a_session_of_unconnected_signers() {
    let mut bootstrap = meeting_point().await;
    let address = bootstrap.address().await;
    let mut signers = [1, 2].map(|number| Signer::start(number, config(Some(&address))));
    for signer in &mut signers {
        signer.until(connected).await;
    }
    let session = announce(&signers[0], [2, 9]).await;
    assert_eq!(signers[1].until(discovered).await, session);

    let mut late = Signer::start(9, config(Some(&address)));
    late.until(connected).await;
    let start = Instant::now();
    assert_eq!(late.until(discovered).await, session);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// The connections exist before the application has decided about the session.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_connects_to_co_signers_once_a_session_is_announced() {
    let mut bootstrap = meeting_point().await;
    let address = bootstrap.address().await;
    let mut signers = [1, 2, 3].map(|number| Signer::start(number, config(Some(&address))));
    for signer in &mut signers {
        signer.address().await;
        signer.until(connected).await;
    }
    let contact = signers[1].contact().await;
    signers[2].knows(&signers[1], &contact).await;
    let mut others = vec![signers[1].handle.peer_id(), signers[2].handle.peer_id()];
    let session = announce(&signers[2], [1, 2]).await;
    // The others may have heard of the session earlier, and may have connected already.
    let mut heard_of = None;
    let all = signers[0].until(|event| {
        if let NodeEvent::PeerConnected { peer, .. } = event {
            others.retain(|other| other != peer);
        }
        heard_of = heard_of.or(discovered(event));
        others.is_empty().then_some(heard_of).flatten()
    });
    assert_eq!(all.await, session);
    let view = signers[0].view(session).await;
    assert!(!view.joined.contains(&view.me));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconnected_signer_hears_at_once_of_what_it_missed() {
    let mut bootstrap = meeting_point().await;
    let address = bootstrap.address().await;
    let link = Link::to(&address).await;
    let mut far = Signer::start(1, config(Some(&link.address)));
    let mut near = Signer::start(2, config(Some(&address)));
    far.until(connected).await;
    near.until(connected).await;

    link.set(State::Cut);
    far.until(disconnected).await;
    let session = announce(&near, [1]).await;
    link.set(State::Open);
    far.until(connected).await;
    let start = Instant::now();
    assert_eq!(far.until(discovered).await, session);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// Without the node's own check, TCP would take more than a minute to notice.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_link_is_noticed_and_replaced() {
    let mut bootstrap = meeting_point().await;
    let address = bootstrap.address().await;
    let link = Link::to(&address).await;
    let mut far = Signer::start(1, config(Some(&link.address)));
    far.until(connected).await;

    link.set(State::Silent);
    let start = Instant::now();
    far.until(disconnected).await;
    assert!(start.elapsed() < Duration::from_secs(11), "{:?}", start.elapsed());
    link.set(State::Open);
    far.until(connected).await;
}
