//! Cables that are cut between hosts.

use crate::hosts::{Hosts, PATIENCE, Transport};
use crate::link::{Link, Path};
use musig2_tests::signer::{Told, Until};
use std::time::{Duration, Instant};

const PATH: Path = Path::of(Duration::from_millis(25));

/// Starts three signers that have all joined a session.
fn three_in_a_session(transport: Transport) -> Option<Hosts> {
    let mut hosts = Hosts::new(3, transport, PATH, Until::Joined)?;
    hosts.go_on(Until::Signed);
    hosts.warm_up();
    hosts.go_on(Until::Joined);
    hosts.propose();
    hosts.wait("joins", |told| matches!(told, Told::Ready { .. }));
    Some(hosts)
}

/// Cuts the third signer off, and reconnects it after the others have done what they can, or have
/// noticed.
fn a_cut_in_the_middle(transport: Transport, is_noticed: bool) {
    let Some(mut hosts) = three_in_a_session(transport) else { return };
    hosts.link.set_cut(&[0, 1], &[2], true);
    hosts.go_on(Until::Signed);
    let sessions = 3;
    for (signer, other) in [(0, 2), (1, 1)] {
        let nonces = |told: &Told| {
            matches!(told, Told::Nonces { signer, .. } if *signer == other).then_some(())
        };
        hosts.signers[signer].nth(PATIENCE, "nonces", sessions - 1, nonces);
    }
    if is_noticed {
        for signer in &mut hosts.signers[..2] {
            signer.wait(PATIENCE, "loss of the connection", |told| *told == Told::Disconnected(3));
        }
    }
    for signer in &mut hosts.signers {
        assert_eq!(
            signer.count(|told| matches!(told, Told::NoncesComplete { .. })),
            sessions - 1,
            "the cut was none"
        );
    }
    hosts.link.set_cut(&[0, 1], &[2], false);
    let healed = Instant::now();
    hosts.signed();
    println!("{transport:?}, noticed: {is_noticed}: {:?} after the cut", healed.elapsed());
}

/// Lets the second and the third hear each other only through the first.
fn only_through_a_third(transport: Transport, cut: fn(&Link)) {
    let Some(mut hosts) = three_in_a_session(transport) else { return };
    cut(&hosts.link);
    hosts.go_on(Until::Signed);
    println!("{transport:?}, through a third: {:?}", hosts.signed());
}

#[test]
fn a_session_goes_on_after_a_cut_that_no_connection_notices() {
    a_cut_in_the_middle(Transport::Tcp, false);
    a_cut_in_the_middle(Transport::Quic, false);
}

#[test]
fn a_session_goes_on_after_a_cut_that_ends_connections() {
    a_cut_in_the_middle(Transport::Tcp, true);
    a_cut_in_the_middle(Transport::Quic, true);
}

#[test]
fn two_signers_that_lose_each_other_finish_through_a_third() {
    for transport in [Transport::Tcp, Transport::Quic] {
        only_through_a_third(transport, |link| link.set_cut(&[1], &[2], true));
        only_through_a_third(transport, |link| link.set_cut_one_way(&[1], &[2], true));
    }
}

#[test]
fn two_signers_that_never_meet_finish_through_a_third() {
    for transport in [Transport::Tcp, Transport::Quic] {
        let prepare = |link: &Link| link.set_cut(&[1], &[2], true);
        let Some(mut hosts) = Hosts::prepared(3, transport, PATH, Until::Signed, prepare) else {
            return;
        };
        hosts.propose();
        println!("{transport:?}, through a third from the start: {:?}", hosts.signed());
        assert_eq!(
            hosts.signers[1].count(|told| *told == Told::Connected(3)),
            0,
            "they were to be apart"
        );
    }
}

#[test]
fn a_connection_cut_under_load_is_given_up_and_its_peer_signs_later() {
    let Some(mut hosts) = Hosts::new(3, Transport::Tcp, PATH, Until::Signed) else { return };
    hosts.warm_up();
    hosts.link.set_cut(&[0], &[1, 2], true);
    // More than the system takes for a peer that acknowledges nothing.
    let proposals = 40;
    (0..proposals).for_each(|_| hosts.propose());
    hosts.signers[2]
        .wait(PATIENCE, "loss of the connection", |told| *told == Told::Disconnected(1));
    hosts.link.set_cut(&[0], &[1, 2], false);
    let signed = |told: &Told| matches!(told, Told::Complete { .. }).then_some(());
    for signer in &mut hosts.signers {
        signer.nth(PATIENCE, "signatures", 1 + proposals, signed);
    }
}
