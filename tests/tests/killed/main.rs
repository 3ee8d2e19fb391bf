//! Signers are processes, and one is killed in each phase of a session, without a chance to notice.
//! If it comes back with its key, with its store or without any memory, everyone has the signature
//! in time. If it does not, the others say in time that they waited for it.

mod case;

use case::{Case, Return, Transport, Victim};
use musig2_tests::signer::Until;
use std::thread;

const VICTIMS: [Victim; 3] = [Victim::Coordinator, Victim::Bootstrap, Victim::Other];

/// Kills each of three signers in turn, which then comes back or does not.
fn three(transport: Transport, at: Until) {
    let cases = VICTIMS.into_iter().flat_map(|victim| {
        [Return::Never, Return::WithoutMemory, Return::WithStore].map(|comes_back| Case {
            signers: 3,
            transport,
            victim,
            at,
            comes_back,
        })
    });
    at_once(cases.collect());
}

/// Kills the coordinator, the bootstrap peer and another one of seven signers.
fn seven(transport: Transport, at: Until) {
    at_once(
        VICTIMS
            .map(|victim| Case {
                signers: 7,
                transport,
                victim,
                at,
                comes_back: Return::WithoutMemory,
            })
            .into(),
    );
}

/// Runs all cases at once, because most of the time that a case takes is waiting.
fn at_once(cases: Vec<Case>) {
    thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || case.run());
        }
    });
}

macro_rules! tests {
    ($($name:ident: $signers:ident($transport:ident, $at:ident);)*) => {
        $(
            #[test]
            fn $name() {
                $signers(Transport::$transport, Until::$at);
            }
        )*
    };
}

tests! {
    three_sign_or_name_one_killed_after_the_announcement_over_tcp: three(Tcp, Announced);
    three_sign_or_name_one_killed_after_the_joins_over_tcp: three(Tcp, Joined);
    three_sign_or_name_one_killed_after_the_nonces_over_tcp: three(Tcp, NoncesOut);
    three_sign_or_name_one_killed_after_its_partials_over_tcp: three(Tcp, PartialsOut);
    three_sign_or_name_one_killed_after_the_announcement_over_quic: three(Quic, Announced);
    three_sign_or_name_one_killed_after_the_joins_over_quic: three(Quic, Joined);
    three_sign_or_name_one_killed_after_the_nonces_over_quic: three(Quic, NoncesOut);
    three_sign_or_name_one_killed_after_its_partials_over_quic: three(Quic, PartialsOut);
    seven_sign_although_one_is_killed_after_the_announcement: seven(Quic, Announced);
    seven_sign_although_one_is_killed_after_the_joins: seven(Tcp, Joined);
    seven_sign_although_one_is_killed_after_the_nonces: seven(Quic, NoncesOut);
    seven_sign_although_one_is_killed_after_its_partials: seven(Tcp, PartialsOut);
}
