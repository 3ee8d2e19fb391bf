//! Which proofs convict, and which fall just short of a fault.

use super::*;
use crate::base::bounded::{Bytes, List};
use crate::base::bytes::{AggregateNonce, Message, PartialSignature, PublicNonce, Signature};
use crate::base::ids::{AttemptId, Boot, Contact, Transcript};
use crate::base::secret::SecretKey;
use crate::base::time::Timestamp;
use crate::crypto::DefaultCrypto;
use crate::terms::item::Item;
use crate::terms::manifest::Salt;
use crate::wire::statement::{Body, Join, NonceSource};

type Keypair = <DefaultCrypto as Crypto>::Keypair;

const FIRST: AttemptId = AttemptId::FIRST;
const NO_FAULT: Result<Fault, EvidenceError> = Err(EvidenceError::NoFault);

/// A session of two signers and two items, in which the second signer is accused.
struct Court {
    keypairs: [Keypair; 2],
    manifest: Manifest,
}

const ACCUSED: SignerIndex = SignerIndex::new(1);

impl Court {
    fn new() -> Self {
        let keypairs =
            [1, 2].map(|number| DefaultCrypto::keypair(&SecretKey::new([number; 32])).unwrap());
        let manifest = manifest(keypairs.iter().map(DefaultCrypto::public_key).collect());
        Self { keypairs, manifest }
    }

    fn signed<T: Content>(&self, author: SignerIndex, content: T) -> Signed<T> {
        let keypair = &self.keypairs[author.as_usize()];
        let id = self.manifest.id();
        let statement =
            Statement::sign::<DefaultCrypto>(&id, author, content.to_body(), keypair, &[0; 32]);
        Signed::of(&statement.unwrap().0).unwrap()
    }

    fn nonces(&self, boot: u8, attempt: AttemptId, nonces: [u8; 2]) -> Signed<Nonces> {
        self.signed(ACCUSED, self::nonces(boot, attempt, nonces.map(nonce).to_vec()))
    }

    fn partials(&self, boot: u8, attempt: AttemptId, partial: u8) -> Signed<Partials> {
        self.signed(ACCUSED, partials(boot, attempt, Transcript::new([1; 32]), [partial; 2]))
    }

    fn join(&self, boot: u8) -> Signed<Join> {
        self.signed(ACCUSED, Join { boot: Boot::new([boot; 16]), contact: Contact::default() })
    }

    fn verify(&self, proof: Proof) -> Result<Fault, EvidenceError> {
        let evidence = Evidence { manifest: self.manifest.clone(), proof };
        let conviction = evidence.verify::<DefaultCrypto>()?;
        assert_eq!((conviction.signer, &conviction.key), (ACCUSED, &self.manifest.signers()[1]));
        Ok(conviction.fault)
    }
}

fn manifest(signers: Vec<PublicKey>) -> Manifest {
    Manifest {
        signers: List::new(signers).unwrap(),
        coordinator: SignerIndex::new(0),
        identities: List::empty(),
        items: List::new([1, 2].map(|byte| Item::new(Message::new([byte; 32]))).to_vec()).unwrap(),
        extractor: None,
        created_at: Timestamp::from_millis(1),
        expires_at: Timestamp::from_millis(2),
        salt: Salt::new([0; 32]),
        memo: Bytes::default(),
    }
}

/// A pair of points on the curve, a different one for each number.
fn nonce(number: u8) -> PublicNonce {
    let keypair = DefaultCrypto::keypair(&SecretKey::new([number; 32])).unwrap();
    let point = DefaultCrypto::public_key(&keypair).to_bytes();
    PublicNonce::new([point, point].concat().try_into().unwrap())
}

fn nonces(boot: u8, attempt: AttemptId, nonces: Vec<PublicNonce>) -> Nonces {
    Nonces {
        boot: Boot::new([boot; 16]),
        attempt,
        source: NonceSource::Inline(List::new(nonces).unwrap()),
    }
}

fn partials(boot: u8, attempt: AttemptId, transcript: Transcript, partials: [u8; 2]) -> Partials {
    let partials = partials.map(|byte| PartialSignature::new([byte; 32])).to_vec();
    Partials {
        boot: Boot::new([boot; 16]),
        attempt,
        transcript,
        partials: List::new(partials).unwrap(),
    }
}

#[test]
fn only_two_contents_in_one_slot_are_equivocation() {
    let court = Court::new();
    let other = AttemptId::new([1; 32]);
    let of_nonces = |second| {
        court.verify(Proof::EquivocatingNonces { first: court.nonces(1, FIRST, [1, 2]), second })
    };
    assert_eq!(of_nonces(court.nonces(1, FIRST, [1, 3])), Ok(Fault::Equivocation));
    assert_eq!(of_nonces(court.nonces(1, FIRST, [1, 2])), NO_FAULT);
    assert_eq!(of_nonces(court.nonces(2, FIRST, [1, 3])), NO_FAULT);
    assert_eq!(of_nonces(court.nonces(1, other, [1, 3])), NO_FAULT);
    let anothers = court.signed(SignerIndex::new(0), nonces(1, FIRST, vec![nonce(3); 2]));
    assert_eq!(of_nonces(anothers), NO_FAULT);
    let nobodys = Signed { author: SignerIndex::new(2), ..court.nonces(1, FIRST, [1, 3]) };
    let proof = Proof::EquivocatingNonces { first: nobodys.clone(), second: nobodys };
    assert_eq!(court.verify(proof), NO_FAULT);

    let of_partials = |second| {
        court.verify(Proof::EquivocatingPartials { first: court.partials(1, FIRST, 1), second })
    };
    assert_eq!(of_partials(court.partials(1, FIRST, 2)), Ok(Fault::Equivocation));
    assert_eq!(of_partials(court.partials(1, FIRST, 1)), NO_FAULT);
    assert_eq!(of_partials(court.partials(2, FIRST, 2)), NO_FAULT);
    assert_eq!(of_partials(court.partials(1, other, 2)), NO_FAULT);
    let unsigned = Signed { signature: Signature::new([0; 64]), ..court.partials(1, FIRST, 2) };
    assert_eq!(of_partials(unsigned), Err(EvidenceError::BadSignature));
}

#[test]
fn statements_in_one_slot_make_the_proof_of_their_kind() {
    let court = Court::new();
    let [first, second] = [1, 2].map(|byte| court.nonces(1, FIRST, [byte; 2]));
    assert_eq!(
        Proof::of_equivocation(&first.statement(), &second.statement()),
        Some(Proof::EquivocatingNonces { first: first.clone(), second })
    );
    let [one, other] = [1, 2].map(|byte| court.partials(1, FIRST, byte));
    assert_eq!(
        Proof::of_equivocation(&one.statement(), &other.statement()),
        Some(Proof::EquivocatingPartials { first: one, second: other })
    );
    assert_eq!(Proof::of_equivocation(&first.statement(), &court.join(1).statement()), None);
}

#[test]
fn nonces_that_are_not_points_or_not_one_per_item_are_invalid() {
    let court = Court::new();
    let verify = |of| {
        court.verify(Proof::InvalidNonce { nonces: court.signed(ACCUSED, nonces(1, FIRST, of)) })
    };
    assert_eq!(verify(vec![nonce(1), PublicNonce::new([5; 66])]), Ok(Fault::InvalidNonce));
    assert_eq!(verify(vec![nonce(1)]), Ok(Fault::InvalidNonce));
    assert_eq!(verify(vec![nonce(1); 3]), Ok(Fault::InvalidNonce));
    assert_eq!(verify(vec![nonce(1), nonce(2)]), NO_FAULT);
}

#[test]
fn a_proof_fits_only_if_its_lists_have_one_entry_per_item() {
    let court = Court::new();
    let partial = PartialSignature::new([1; 32]);
    let nonces = |count| court.signed(ACCUSED, nonces(1, FIRST, vec![nonce(1); count]));
    let partials = |count| {
        let partials = List::new(vec![partial; count]).unwrap();
        court.signed(
            ACCUSED,
            Partials { partials, ..self::partials(1, FIRST, Transcript::new([1; 32]), [1; 2]) },
        )
    };
    let aggregates = |count| List::new(vec![AggregateNonce::new([1; 66]); count]).unwrap();
    let restarted = |count| {
        let boots = [1, 2].map(|boot| Boot::new([boot; 16])).to_vec();
        let restarted = |signer| Restarted { signer, boots: List::new(boots.clone()).unwrap() };
        List::new(SignerIndex::all(count).map(restarted).collect()).unwrap()
    };
    let (nonce_root, item) = ([7; 32], 0);
    let fits = |proof: Proof| proof.fits(&court.manifest);
    for (first, second) in [(1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (1, 1), (3, 3)] {
        let good = (first, second) == (2, 2);
        assert_eq!(
            fits(Proof::EquivocatingNonces { first: nonces(first), second: nonces(second) }),
            good
        );
        assert_eq!(
            fits(Proof::EquivocatingPartials { first: partials(first), second: partials(second) }),
            good
        );
        for third in [1, 2, 3] {
            let (first, second) = (nonces(first), nonces(second));
            let proof = Proof::InvalidPartialSignature {
                nonces: first.clone(),
                partials: partials(second.content.source.nonces().len()),
                nonce_root,
                aggregates: aggregates(third),
                item,
            };
            assert_eq!(fits(proof), good && third == 2);
            let proof = Proof::ConcurrentInstances { first, second, restarted: restarted(third) };
            assert_eq!(fits(proof), good && third <= 2);
        }
        assert!(
            fits(Proof::InvalidNonce { nonces: nonces(first) }),
            "their number may be the fault"
        );
    }
}

#[test]
fn two_lives_in_the_attempt_made_by_both_are_concurrent() {
    let court = Court::new();
    let lives = |boots: &[u8]| {
        let boots = boots.iter().map(|boot| Boot::new([*boot; 16])).collect();
        vec![Restarted { signer: ACCUSED, boots: List::new(boots).unwrap() }]
    };
    let attempt = |lives: &[Restarted]| attempt_of(&court.manifest.id(), super::lives(lives));
    let verify = |first, second, restarted| {
        court.verify(Proof::ConcurrentInstances {
            first,
            second,
            restarted: List::new(restarted).unwrap(),
        })
    };
    let (both, more) = (lives(&[1, 2]), lives(&[1, 2, 3]));
    let (at, later) = (attempt(&both), attempt(&more));
    let of = |boot, attempt| court.nonces(boot, attempt, [1, 2]);
    assert_eq!(verify(of(1, at), of(2, at), both.clone()), Ok(Fault::ConcurrentInstances));
    assert_eq!(verify(of(1, later), of(3, later), more.clone()), Ok(Fault::ConcurrentInstances));
    assert_eq!(verify(of(1, at), of(1, at), both.clone()), NO_FAULT, "one life");
    assert_eq!(verify(of(1, at), of(2, later), both.clone()), NO_FAULT, "two attempts");
    assert_eq!(verify(of(1, later), of(2, at), both.clone()), NO_FAULT, "two attempts");
    assert_eq!(verify(of(1, at), of(2, at), more), NO_FAULT, "another attempt's joins");
    assert_eq!(verify(of(1, at), of(3, at), both.clone()), NO_FAULT, "the one had not joined");
    assert_eq!(verify(of(3, at), of(1, at), both.clone()), NO_FAULT, "the other had not joined");
    let anothers = vec![Restarted { signer: SignerIndex::new(0), ..both[0].clone() }];
    let at = attempt(&anothers);
    assert_eq!(verify(of(1, at), of(2, at), anothers), NO_FAULT, "another signer had");
}

#[test]
fn ten_lives_are_one_life_too_many() {
    let court = Court::new();
    let verify = |boots: &[u8]| {
        let joins = boots.iter().map(|boot| court.join(*boot)).collect();
        court.verify(Proof::RestartLimit { joins: List::new(joins).unwrap() })
    };
    assert_eq!(verify(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), Ok(Fault::RestartLimit));
    assert_eq!(verify(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 8]), NO_FAULT);
    assert_eq!(verify(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), NO_FAULT);
    assert_eq!(verify(&[]), NO_FAULT);
}

/// A round as the accused signer sees it: its nonces, and valid partial signatures.
struct Trial {
    court: Court,
    nonces: Nonces,
    partials: Partials,
    nonce_root: [u8; 32],
    aggregates: Vec<AggregateNonce>,
}

impl Trial {
    fn new() -> Self {
        let court = Court::new();
        let keys = DefaultCrypto::aggregate_keys(court.manifest.signers()).unwrap();
        let mut made = Vec::new();
        for (place, item) in (1..).zip(court.manifest.items()) {
            let make = |keypair| {
                DefaultCrypto::generate_nonce(keypair, &keys, item.message(), [place; 32], [0; 32])
                    .unwrap()
            };
            let [(_, honest), (secret, own)] = [make(&court.keypairs[0]), make(&court.keypairs[1])];
            let aggregate = DefaultCrypto::aggregate_nonces(&[honest, own]).unwrap();
            let round = DefaultCrypto::round(&keys, &aggregate, item.message()).unwrap();
            made.push((
                own,
                aggregate,
                DefaultCrypto::sign(&round, secret, &court.keypairs[1]).unwrap(),
            ));
        }
        let (nonce_root, boot) = ([7; 32], Boot::new([1; 16]));
        let aggregates: Vec<_> = made.iter().map(|(_, aggregate, _)| *aggregate).collect();
        let transcript = transcript(&court.manifest.id(), FIRST, &nonce_root, &aggregates);
        let nonces = self::nonces(1, FIRST, made.iter().map(|(own, ..)| *own).collect());
        let partials = List::new(made.iter().map(|(.., partial)| *partial).collect()).unwrap();
        let partials = Partials { boot, attempt: FIRST, transcript, partials };
        Self { court, nonces, partials, nonce_root, aggregates }
    }

    fn of(&self, nonces: Nonces, partials: Partials, item: u16) -> Result<Fault, EvidenceError> {
        self.court.verify(Proof::InvalidPartialSignature {
            nonces: self.court.signed(ACCUSED, nonces),
            partials: self.court.signed(ACCUSED, partials),
            nonce_root: self.nonce_root,
            aggregates: List::new(self.aggregates.clone()).unwrap(),
            item,
        })
    }

    /// Its partial signatures, with the second item's replaced by an invalid one.
    fn spoilt(&self) -> Partials {
        let partials = vec![self.partials.partials[0], self.partials.partials[0]];
        Partials { partials: List::new(partials).unwrap(), ..self.partials.clone() }
    }
}

#[test]
fn a_partial_signature_invalid_under_its_own_transcript_convicts() {
    let trial = Trial::new();
    let verify = |nonces: &Nonces, partials, item| trial.of(nonces.clone(), partials, item);
    assert_eq!(verify(&trial.nonces, trial.spoilt(), 1), Ok(Fault::InvalidPartialSignature));
    assert_eq!(verify(&trial.nonces, trial.spoilt(), 0), NO_FAULT, "the other item's is good");
    assert_eq!(verify(&trial.nonces, trial.spoilt(), 2), NO_FAULT, "there is no such item");
    assert_eq!(verify(&trial.nonces, trial.partials.clone(), 1), NO_FAULT);
    let elsewhere = Partials { transcript: Transcript::new([9; 32]), ..trial.spoilt() };
    assert_eq!(verify(&trial.nonces, elsewhere, 1), NO_FAULT, "made under another transcript");
    let later = Nonces { attempt: AttemptId::new([1; 32]), ..trial.nonces.clone() };
    assert_eq!(verify(&later, trial.spoilt(), 1), NO_FAULT, "nonces of another attempt");
    let reborn = Nonces { boot: Boot::new([2; 16]), ..trial.nonces.clone() };
    assert_eq!(verify(&reborn, trial.spoilt(), 1), NO_FAULT, "nonces of another life");
}

#[test]
fn a_partial_signature_is_judged_by_its_authors_own_nonces() {
    let trial = Trial::new();
    let proof = |nonces, partials| Proof::InvalidPartialSignature {
        nonces,
        partials,
        nonce_root: trial.nonce_root,
        aggregates: List::new(trial.aggregates.clone()).unwrap(),
        item: 1,
    };
    let anothers = trial.court.signed(SignerIndex::new(0), trial.nonces.clone());
    let own = trial.court.signed(ACCUSED, trial.nonces.clone());
    let spoilt = trial.court.signed(ACCUSED, trial.spoilt());
    assert_eq!(trial.court.verify(proof(anothers, spoilt.clone())), NO_FAULT);
    let unsigned = Signed { signature: Signature::new([0; 64]), ..own.clone() };
    assert_eq!(
        trial.court.verify(proof(unsigned, spoilt.clone())),
        Err(EvidenceError::BadSignature)
    );
    let unsigned = Signed { signature: Signature::new([0; 64]), ..spoilt.clone() };
    assert_eq!(trial.court.verify(proof(own.clone(), unsigned)), Err(EvidenceError::BadSignature));
    assert_eq!(trial.court.verify(proof(own, spoilt)), Ok(Fault::InvalidPartialSignature));
}

#[test]
fn cheap_checks_of_a_proof_come_before_signatures_and_keys() {
    let Trial { mut court, nonces, partials, nonce_root, aggregates } = Trial::new();
    // The other signer's key is not a point, so aggregating the keys would fail.
    court.manifest = manifest(vec![PublicKey::new([5; 33]), court.manifest.signers()[1]]);
    let unsigned =
        |nonces| Signed { signature: Signature::new([0; 64]), ..court.nonces(1, FIRST, nonces) };
    let verify = |first, second| court.verify(Proof::EquivocatingNonces { first, second });
    assert_eq!(verify(unsigned([1, 1]), unsigned([1, 1])), NO_FAULT);
    assert_eq!(verify(unsigned([1, 1]), unsigned([2, 2])), Err(EvidenceError::BadSignature));
    let [first, second] = [[1, 1], [2, 2]].map(|of| court.nonces(1, FIRST, of));
    assert_eq!(
        verify(first, second),
        Ok(Fault::Equivocation),
        "it is about no key but the author's"
    );

    let transcript = transcript(&court.manifest.id(), FIRST, &nonce_root, &aggregates);
    let own = court.signed(ACCUSED, nonces);
    let answered = court.signed(ACCUSED, Partials { transcript, ..partials.clone() });
    let elsewhere = court.signed(ACCUSED, partials);
    let unsigned = Signed { signature: Signature::new([0; 64]), ..answered.clone() };
    let verify = |partials| {
        let (nonces, aggregates) = (own.clone(), List::new(aggregates.clone()).unwrap());
        court.verify(Proof::InvalidPartialSignature {
            nonces,
            partials,
            nonce_root,
            aggregates,
            item: 0,
        })
    };
    assert_eq!(verify(elsewhere), NO_FAULT);
    assert_eq!(verify(unsigned), Err(EvidenceError::BadSignature));
    assert!(matches!(verify(answered), Err(EvidenceError::Manifest(ManifestError::Key(_)))));
}

#[test]
fn a_proof_costs_as_much_as_it_takes_to_check() {
    let trial = Trial::new();
    let court = &trial.court;
    let [first, second] = [1, 2].map(|byte| court.nonces(1, FIRST, [byte; 2]));
    let [one, other] = [1, 2].map(|byte| court.partials(1, FIRST, byte));
    let joins = List::new((0..7).map(|boot| court.join(boot)).collect()).unwrap();
    let (nonce_root, aggregates, restarted) = ([0; 32], List::empty(), List::empty());
    let (nonces, partials) = (first.clone(), one.clone());
    let proofs = [
        (1, Proof::InvalidNonce { nonces: first.clone() }),
        // If the nonces turn out valid, all of them had to be checked.
        (
            3,
            Proof::InvalidNonce {
                nonces: court.signed(ACCUSED, self::nonces(1, FIRST, vec![nonce(1); 6])),
            },
        ),
        (2, Proof::EquivocatingNonces { first: first.clone(), second: second.clone() }),
        (2, Proof::EquivocatingPartials { first: one, second: other }),
        (2, Proof::ConcurrentInstances { first, second, restarted }),
        (3, Proof::InvalidPartialSignature { nonces, partials, nonce_root, aggregates, item: 0 }),
        (7, Proof::RestartLimit { joins }),
    ];
    for (checks, proof) in proofs {
        assert_eq!(proof.checks(), checks, "{proof:?}");
    }
}

#[test]
fn a_manifest_that_no_configuration_allows_convicts_nobody() {
    let mut court = Court::new();
    court.manifest.items = List::empty();
    let [first, second] = [1, 2].map(|byte| court.nonces(1, FIRST, [byte; 2]));
    let refused = court.verify(Proof::EquivocatingNonces { first, second });
    assert_eq!(refused, Err(EvidenceError::Manifest(ManifestError::NoItems)));
}

#[test]
fn a_proof_is_not_made_from_statements_of_another_kind() {
    let court = Court::new();
    let join: Statement = court.join(1).statement();
    assert!(matches!(join.body, Body::Join(_)));
    assert!(Signed::<Nonces>::of(&join).is_none() && Signed::<Join>::of(&join).is_some());
}
