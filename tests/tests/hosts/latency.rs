//! A session takes three one-way trips: the announcement; joins and nonces; partial signatures.

use crate::hosts::{Hosts, Transport};
use crate::link::Path;
use musig2_tests::signer::Until;
use std::time::Duration;

const ROUND_TRIP: Duration = Duration::from_millis(50);
const SESSIONS: usize = 20;

/// Computing takes longer on a machine that is all hosts at once and has other work too, so the
/// time it takes is measured before and after.
fn one_and_a_half_round_trips(signers: u8, transport: Transport) {
    let none = Path::of(Duration::ZERO);
    let Some(mut hosts) = Hosts::new(signers, transport, none, Until::Signed) else { return };
    hosts.warm_up();
    let before = hosts.median(SESSIONS / 2);
    hosts.link.set_all(Path::of(ROUND_TRIP / 2));
    let median = hosts.median(SESSIONS);
    hosts.link.set_all(none);
    let computing = before.max(hosts.median(SESSIONS / 2));
    println!(
        "{signers} signers over {transport:?}: {median:?}, and {computing:?} without a network's delay"
    );
    // A fourth trip would take 25 ms.
    let allowed =
        ROUND_TRIP * 3 / 2 + Duration::from_millis(30).max(computing + Duration::from_millis(20));
    assert!(median <= allowed, "{median:?} is more than {allowed:?}");
}

fn with_loss(signers: u8, transport: Transport) {
    let path = Path::of(ROUND_TRIP / 2).with_jitter(Duration::from_millis(5));
    let Some(mut hosts) = Hosts::new(signers, transport, path, Until::Signed) else { return };
    hosts.warm_up();
    for percent in [1, 5] {
        hosts.link.set_all(path.with_percent_lost(percent));
        let median = hosts.median(SESSIONS);
        println!("{signers} signers over {transport:?}, {percent} % lost: {median:?}");
    }
}

#[test]
fn three_signers_take_one_and_a_half_round_trips_over_tcp() {
    one_and_a_half_round_trips(3, Transport::Tcp);
}

#[test]
fn three_signers_take_one_and_a_half_round_trips_over_quic() {
    one_and_a_half_round_trips(3, Transport::Quic);
}

#[test]
fn fifteen_signers_take_one_and_a_half_round_trips_over_tcp() {
    one_and_a_half_round_trips(15, Transport::Tcp);
}

#[test]
fn fifteen_signers_take_one_and_a_half_round_trips_over_quic() {
    one_and_a_half_round_trips(15, Transport::Quic);
}

#[test]
fn three_signers_finish_although_packets_are_lost() {
    with_loss(3, Transport::Tcp);
    with_loss(3, Transport::Quic);
}

#[test]
fn fifteen_signers_finish_although_packets_are_lost() {
    with_loss(15, Transport::Tcp);
    with_loss(15, Transport::Quic);
}
