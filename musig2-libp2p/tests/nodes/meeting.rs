//! Ready-made nodes on loopback complete sessions, however they find one another.

use crate::signers::{QUIC, Signer, TCP, network, sign_together};
use musig2_libp2p::PeerContact;

#[tokio::test(flavor = "multi_thread")]
async fn three_signers_that_know_one_address_finish_over_tcp() {
    sign_together(network(3, TCP, |config| config).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_signers_that_know_one_address_finish_over_quic() {
    sign_together(network(3, QUIC, |config| config).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifteen_signers_finish_over_tcp() {
    sign_together(network(15, TCP, |config| config).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_suffice_without_the_hash_table() {
    sign_together(network(3, TCP, |config| config.with_enable_dht(false)).await).await;
}

/// Without gossip and the hash table, the proposer is told where the others are.
#[tokio::test(flavor = "multi_thread")]
async fn contacts_from_the_application_suffice() {
    for listen in [TCP, QUIC] {
        let mut signers =
            network(3, listen, |config| config.with_enable_gossipsub(false).with_enable_dht(false))
                .await;
        let contacts = [signers[0].contact().await, signers[1].contact().await];
        for (signer, contact) in signers.iter().zip(&contacts) {
            signers[2].knows(signer, contact).await;
        }
        sign_together(signers).await;
    }
}

/// The proposer knows who the others are, but not where they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_contact_without_addresses_is_found_through_the_hash_table() {
    let signers: Vec<Signer> = network(3, TCP, |config| config.with_enable_gossipsub(false)).await;
    for signer in &signers[..2] {
        signers[2].knows(signer, &PeerContact::new(signer.handle.peer_id(), [])).await;
    }
    sign_together(signers).await;
}

#[cfg(feature = "metrics")]
#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_metrics_can_be_read() {
    let metrics = [(); 2].map(|()| musig2_libp2p::Metrics::new());
    let taken = std::cell::RefCell::new(metrics.iter().cloned());
    let adjust = |config: musig2_libp2p::NodeConfig| {
        config.with_metrics(taken.borrow_mut().next().expect("one for each"))
    };
    let mut signers = network(2, TCP, adjust).await;
    crate::signers::sign(&mut signers).await;
    let texts = metrics.map(|metrics| metrics.encode());
    for (text, direction) in texts.iter().zip(["in", "out"]) {
        let opened = format!("musig2_connections_opened_total{{direction=\"{direction}\"}} 1\n");
        assert!(text.contains(&opened), "{text}");
        assert!(text.contains("musig2_connections{path=\"direct\"} 1\n"), "{text}");
        assert!(text.contains("musig2_sessions_ended_total{outcome=\"complete\"} 1\n"), "{text}");
    }
}
