//! Signers that cannot simply dial each other.

use crate::hosts::{Hosts, PATIENCE, Place, Transport};
use crate::link::Path;
use crate::nat::Mapping;
use musig2_tests::signer::{Told, Until};
use std::time::Duration;

const PATH: Path = Path::of(Duration::from_millis(10));

/// Starts signers of which the last two are behind NATs. They have a place at the relay, so they
/// tell the others to reach them there.
fn behind_nats(transport: Transport, mapping: Mapping) -> Option<Hosts> {
    let mut hosts =
        Hosts::at(Place::BehindNats(mapping), 3, transport, PATH, Until::Signed, |_| ())?;
    for signer in &mut hosts.signers[1..] {
        let relayed = |told: &Told| matches!(told, Told::Listening(address) if address.contains("/p2p-circuit"));
        signer.wait(PATIENCE, "place at the relay", relayed);
    }
    Some(hosts)
}

/// They meet through the relay, and get through both NATs from there.
#[test]
fn signers_behind_nats_end_up_connected_without_the_relay() {
    let Some(mut hosts) = behind_nats(Transport::Quic, Mapping::EndpointIndependent) else {
        return;
    };
    hosts.propose();
    println!("at first: {:?}", hosts.signed());
    for (signer, peer) in [(1, 3), (2, 2)] {
        let signer = &mut hosts.signers[signer];
        signer.wait(PATIENCE, "direct connection", |told| {
            [Told::Direct(peer), Told::Connected(peer)].contains(told)
        });
        println!(
            "through the relay before: {}",
            signer.count(|told| *told == Told::Relayed(peer)) > 0
        );
    }
    hosts.propose();
    println!("in the end: {:?}", hosts.signed());
}

/// With TCP there is no port to guess, because each connection has its own. With a symmetric NAT
/// nobody can guess the port.
#[test]
fn signers_behind_nats_that_let_nobody_in_sign_through_a_relay() {
    for (transport, mapping) in [
        (Transport::Tcp, Mapping::EndpointIndependent),
        (Transport::Quic, Mapping::EndpointDependent),
    ] {
        let Some(mut hosts) = behind_nats(transport, mapping) else { return };
        for _ in 0..3 {
            hosts.propose();
            println!("{transport:?}, {mapping:?}: {:?}", hosts.signed());
        }
        for (signer, peer) in [(1, 3), (2, 2)] {
            let signer = &mut hosts.signers[signer];
            signer.wait(PATIENCE, "connection through the relay", |told| {
                *told == Told::Relayed(peer)
            });
            let direct = |told: &Told| {
                [Told::Direct(peer), Told::Connected(peer)].contains(told)
                    || matches!(told, Told::Reachable(_))
            };
            assert_eq!(signer.count(direct), 0, "{}", signer.story());
        }
    }
}

#[test]
fn a_node_that_is_reachable_from_outside_learns_it() {
    let Some(mut hosts) = Hosts::at(Place::Public, 2, Transport::Quic, PATH, Until::Signed, |_| ())
    else {
        return;
    };
    hosts.signers[1].wait(PATIENCE, "a test from outside", |told| {
        *told == Told::Reachable("/ip4/198.51.100.2/udp/4001/quic-v1".into())
    });
}

#[test]
fn signers_on_one_network_find_each_other_unaided() {
    for transport in [Transport::Tcp, Transport::Quic] {
        let Some(mut hosts) =
            Hosts::at(Place::Neighbours, 3, transport, PATH, Until::Signed, |_| ())
        else {
            return;
        };
        hosts.propose();
        println!("{transport:?}: {:?}", hosts.signed());
    }
}
