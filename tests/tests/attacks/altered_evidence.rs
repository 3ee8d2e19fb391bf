//! True evidence of every kind, with one bit of any byte changed, convicts nobody else and of
//! nothing else.

use crate::attacker::Attacker;
use crate::room::Room;
use crate::verdict::assert_convicts;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::proof::{Evidence, Proof, Restarted, Signed};
use musig2_proto::{Boot, Fault, Libsecp256k1, MAX_JOINS, Manifest, PublicNonce, Transcript};
use musig2_sim::protocol;

/// Makes a proof of each kind against one attacker, in a session with two honest signers.
fn proofs() -> (Attacker, Vec<(Fault, Proof)>) {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let own = mallory.nonces();
    let round = mallory.round(&own, &room.nonces(session)).unwrap();
    let garbage = mallory.partials_with(mallory.garbage(), round.transcript);
    let elsewhere = mallory.partials_with(mallory.garbage(), Transcript::new([1; 32]));
    let invalid = mallory.nonces_with(vec![PublicNonce::new([2; 66])]);
    let other = mallory.nonces_with(vec![PublicNonce::new([2; 66]); 2]);
    let equivocating_nonces = Proof::EquivocatingNonces {
        first: Signed::of(&own).unwrap(),
        second: Signed::of(&other).unwrap(),
    };
    let equivocating_partials = Proof::EquivocatingPartials {
        first: Signed::of(&garbage).unwrap(),
        second: Signed::of(&elsewhere).unwrap(),
    };
    let invalid_partial = Proof::InvalidPartialSignature {
        nonces: Signed::of(&own).unwrap(),
        partials: Signed::of(&garbage).unwrap(),
        nonce_root: round.nonce_root,
        aggregates: List::new(round.aggregates.clone()).unwrap(),
        item: 1,
    };
    let proofs = vec![
        (Fault::Equivocation, equivocating_nonces),
        (Fault::Equivocation, equivocating_partials),
        (Fault::InvalidNonce, Proof::InvalidNonce { nonces: Signed::of(&invalid).unwrap() }),
        (Fault::InvalidPartialSignature, invalid_partial),
        (Fault::ConcurrentInstances, concurrent(&mut mallory)),
        (Fault::RestartLimit, restarts(&mut mallory)),
    ];
    (mallory, proofs)
}

fn concurrent(mallory: &mut Attacker) -> Proof {
    let boots = [1, 2].map(|life| Boot::new([life; 16])).to_vec();
    let both = [(mallory.index, boots.clone())];
    let [first, second] = [1, 2].map(|life| {
        mallory.restart(life, &both);
        Signed::of(&mallory.nonces()).unwrap()
    });
    let restarted = Restarted { signer: mallory.index, boots: List::new(boots).unwrap() };
    Proof::ConcurrentInstances { first, second, restarted: List::new(vec![restarted]).unwrap() }
}

fn restarts(mallory: &mut Attacker) -> Proof {
    let joins = (0..MAX_JOINS as u8).map(|life| Signed::of(&mallory.restart(life, &[])).unwrap());
    Proof::RestartLimit { joins: List::new(joins.collect()).unwrap() }
}

#[test]
fn one_changed_bit_voids_evidence_or_leaves_its_verdict_unchanged() {
    let (mallory, proofs) = proofs();
    for (fault, proof) in proofs {
        let evidence = Evidence { manifest: Manifest::clone(&mallory.view.manifest), proof };
        let bytes = evidence.to_bytes();
        assert_convicts(&bytes, mallory.index, fault);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let Ok(evidence) = Evidence::from_bytes(&changed) else { continue };
            let Ok(conviction) = evidence.verify::<Libsecp256k1>() else { continue };
            assert_eq!((conviction.key, conviction.fault), (mallory.key(), fault), "byte {at}");
        }
    }
}

#[test]
fn restarts_that_do_not_hash_to_the_attempt_prove_nothing() {
    let (mut mallory, _) = proofs();
    let Proof::ConcurrentInstances { first, second, .. } = concurrent(&mut mallory) else {
        unreachable!()
    };
    let session = mallory.session;
    assert_eq!(first.content.attempt, second.content.attempt);
    // The list must hash to the attempt that both statements name.
    let claims = [
        vec![first.content.boot],
        vec![first.content.boot, second.content.boot, Boot::new([3; 16])],
    ];
    for boots in claims {
        assert_ne!(
            protocol::attempt(&session, &[(mallory.index, boots.clone())]),
            first.content.attempt
        );
        let restarted = Restarted { signer: mallory.index, boots: List::new(boots).unwrap() };
        let restarted = List::new(vec![restarted]).unwrap();
        let proof =
            Proof::ConcurrentInstances { first: first.clone(), second: second.clone(), restarted };
        let evidence = Evidence { manifest: Manifest::clone(&mallory.view.manifest), proof };
        assert!(evidence.verify::<Libsecp256k1>().is_err());
    }
}
