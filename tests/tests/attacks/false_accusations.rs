//! An accusation is worth no more than its proof: a false one gets its sender reported and convicts
//! nobody.

use crate::room::Room;
use musig2_proto::wire::proof::{Proof, Signed};
use musig2_proto::wire::statement::{Abort, Body};
use musig2_proto::{AbortReason, Boot, Fault, Offence, Phase};

#[test]
fn proofs_made_of_an_honest_signers_true_statements_are_refused() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let (join, nonces) = (mallory.join(), mallory.nonces());
    room.send_all(&[join, nonces]);
    room.settle();
    let honest = room.nonces(session);
    let [first, other] = [&honest[0], &honest[1]].map(|one| Signed::of(one).unwrap());
    let proofs = [
        Proof::InvalidNonce { nonces: first.clone() },
        Proof::EquivocatingNonces { first: first.clone(), second: first.clone() },
        Proof::EquivocatingNonces { first, second: other },
    ];
    for proof in proofs {
        let (reason, proof) = (AbortReason::Convicted, Some(Box::new(proof)));
        let abort = mallory.state(Body::Abort(Abort { boot: mallory.boot, reason, proof }));
        room.send_all(&[abort]);
    }
    for reports in &room.reports {
        let offences: Vec<_> = reports.iter().map(|report| report.offence.clone()).collect();
        assert_eq!(offences, vec![Offence::FalseProof; 3]);
    }
    room.conclude_with_timeout(Phase::PartialSignatures);
}

#[test]
fn a_true_proof_convicts_in_anyones_abort_whatever_its_reason() {
    let mut room = Room::new(2, 2);
    let session = room.propose();
    room.settle();
    let [mut mallory, mut trent] = [room.attacker(0, session), room.attacker(1, session)];
    let [first, second] = [mallory.nonces(), mallory.nonces()].map(|one| Signed::of(&one).unwrap());
    let proof = Some(Box::new(Proof::EquivocatingNonces { first, second }));
    let join = trent.join();
    let abort = Abort {
        boot: trent.boot,
        reason: AbortReason::Requested(musig2_proto::Note::new("")),
        proof,
    };
    let abort = trent.state(Body::Abort(abort));
    room.send(0, [join, abort]);
    room.conclude_with_conviction(Fault::Equivocation);
}

#[test]
fn an_abort_of_a_life_that_never_joined_ends_nothing() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    mallory.boot = Boot::new([1; 16]);
    let abort = mallory.abort();
    room.send_all(&[abort]);
    room.conclude_with_timeout(Phase::Joining);
}

#[test]
fn a_signer_that_aborts_is_named_but_never_convicted() {
    for after in [false, true] {
        let mut room = Room::new(2, 1);
        let session = room.propose();
        room.settle();
        let mut mallory = room.attacker(0, session);
        let (join, nonces, abort) = (mallory.join(), mallory.nonces(), mallory.abort());
        room.send_all(&[join]);
        if after {
            room.send_all(&[nonces]);
            room.settle();
        }
        // Only one signer is told.
        room.send(1, [abort]);
        for end in room.conclude_one() {
            let crate::verdict::End::Aborted(musig2_proto::AbortCause::BySigner { signer, .. }) =
                end
            else {
                panic!("{end:?}")
            };
            assert_eq!(signer, mallory.index);
        }
    }
}
