//! What a proof must consist of. The same holds for a proof in an abort and for evidence.

use crate::common::forge::{empty, input, secret, sign};
use crate::common::{Room, source};
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::frame::Frame;
use musig2_proto::wire::proof::{Content, Restarted, Signed};
use musig2_proto::wire::statement::{
    Abort, AbortReason, Body, Join, NonceSource, Nonces, Partials,
};
use musig2_proto::{
    AbortCause, AggregateNonce, AttemptId, Boot, Config, Contact, DefaultCrypto, Event, Evidence,
    EvidenceError, Manifest, Offence, PartialSignature, Proof, PublicNonce, SessionId, SignerIndex,
    Transcript,
};
use sha2::{Digest, Sha256};

/// A session of two items and two signers. Node 1 is accused, and what it sends does not arrive.
struct Court {
    room: Room,
    session: SessionId,
    accused: SignerIndex,
    manifest: Manifest,
}

const NONCE_ROOT: [u8; 32] = [7; 32];

impl Court {
    fn new() -> Self {
        let mut room = Room::new(2, &Config::default());
        room.lost = Box::new(|from, _| from == 1);
        let session = room.create(0, room.proposal(2));
        let audience = musig2_proto::Audience::Everyone;
        room.execute(0, musig2_proto::Command::AnnounceSession { session, audience });
        room.settle();
        let view = room.nodes[1].session(&session).unwrap();
        Self { room, session, accused: view.me, manifest: Manifest::clone(&view.manifest) }
    }

    fn signed<T: Content>(&self, content: &T) -> Signed<T> {
        Signed::of(&sign(self.session, self.accused.get(), content.to_body(), &secret(2))).unwrap()
    }

    /// Makes signed nonces of the accused: a valid nonce, this many times.
    fn nonces(&self, boot: u8, attempt: AttemptId, signer: usize, count: usize) -> Signed<Nonces> {
        let source = NonceSource::Inline(List::new(vec![self.point(signer); count]).unwrap());
        self.signed(&Nonces { boot: Boot::new([boot; 16]), attempt, source })
    }

    fn point(&self, signer: usize) -> PublicNonce {
        let point = self.manifest.signers()[signer].to_bytes();
        PublicNonce::new([point, point].concat().try_into().unwrap())
    }

    fn partials(&self, transcript: Transcript, fill: u8, count: usize) -> Signed<Partials> {
        let partials = List::new(vec![PartialSignature::new([fill; 32]); count]).unwrap();
        let (boot, attempt) = (Boot::new([1; 16]), AttemptId::FIRST);
        self.signed(&Partials { boot, attempt, transcript, partials })
    }

    fn aggregates(&self, count: usize) -> Vec<AggregateNonce> {
        vec![AggregateNonce::new(self.point(0).to_bytes()); count]
    }

    /// Makes the proof that the first item's partial signature is wrong, under this transcript of
    /// the accused's.
    fn invalid_partial(
        &self,
        nonces: usize,
        partials: usize,
        aggregates: Vec<AggregateNonce>,
    ) -> Proof {
        let all: Vec<u8> = aggregates.iter().flat_map(|one| one.to_bytes()).collect();
        let all = hash("musig2-proto/aggregate-nonces", &all);
        let (session, attempt) = (self.session.to_bytes(), AttemptId::FIRST.to_bytes());
        let content = [session, attempt, NONCE_ROOT, all].concat();
        let transcript = Transcript::new(hash("musig2-proto/transcript", &content));
        Proof::InvalidPartialSignature {
            nonces: self.nonces(1, AttemptId::FIRST, 0, nonces),
            partials: self.partials(transcript, 5, partials),
            nonce_root: NONCE_ROOT,
            aggregates: List::new(aggregates).unwrap(),
            item: 0,
        }
    }

    /// Makes the proof that lives 1 and 2 of the accused take part in the attempt that follows from
    /// these restarts, as they are listed.
    fn concurrent(&self, restarted: &[(u16, &[u8])], count: usize) -> Proof {
        let mut content = self.session.to_bytes().to_vec();
        for (signer, boots) in restarted {
            content.extend(signer.to_le_bytes());
            content.extend((boots.len() as u32).to_le_bytes());
            content.extend(boots.iter().flat_map(|boot| [*boot; 16]));
        }
        let attempt = AttemptId::new(hash("musig2-proto/attempt", &content));
        let restarted = restarted.iter().map(|(signer, boots)| Restarted {
            signer: SignerIndex::new(*signer),
            boots: List::new(boots.iter().map(|boot| Boot::new([*boot; 16])).collect()).unwrap(),
        });
        let [first, second] = [1, 2].map(|boot| self.nonces(boot, attempt, 0, count));
        Proof::ConcurrentInstances {
            first,
            second,
            restarted: List::new(restarted.collect()).unwrap(),
        }
    }

    /// Judges the proof both as evidence and in an abort, checks that the verdicts agree, and
    /// returns the verdict.
    fn judge(mut self, proof: Proof) -> Result<(), EvidenceError> {
        let evidence = Evidence { manifest: self.manifest.clone(), proof: proof.clone() };
        let verdict = evidence.verify::<DefaultCrypto>().map(|conviction| {
            assert_eq!(conviction.signer, self.accused);
        });
        let (boot, proof) = (Boot::new([9; 16]), Some(Box::new(proof)));
        let abort = Body::Abort(Abort { boot, reason: AbortReason::Convicted, proof });
        let abort = sign(self.session, self.accused.get(), abort, &secret(2));
        let frame = Frame { statements: List::new(vec![abort]).unwrap(), ..empty(self.session) };
        self.room.handle(0, input(1, &frame));
        match &verdict {
            Ok(()) => {
                let [Event::SessionAborted { cause: AbortCause::Convicted { signer, .. }, .. }] =
                    self.room.ends(0)[..]
                else {
                    panic!("{:?} {:?}", self.room.ends(0), self.room.reports[0])
                };
                assert_eq!(*signer, self.accused);
            }
            Err(error) => {
                let [report] = &self.room.reports[0][..] else { panic!("{error}") };
                let misfits = *error == EvidenceError::Misfit;
                assert_eq!(report.source, source(1));
                assert_eq!(
                    report.offence,
                    if misfits { Offence::Misfit } else { Offence::FalseProof }
                );
                assert!(self.room.ends(0).is_empty());
            }
        }
        verdict
    }
}

fn hash(tag: &str, content: &[u8]) -> [u8; 32] {
    let tag = Sha256::digest(tag);
    Sha256::digest([&tag[..], &tag[..], content].concat()).into()
}

const MISFIT: Result<(), EvidenceError> = Err(EvidenceError::Misfit);

#[test]
fn a_proofs_lists_need_one_entry_per_item_in_evidence_and_aborts() {
    for count in [1, 2, 3] {
        let fits = if count == 2 { Ok(()) } else { MISFIT };
        let court = Court::new();
        let [first, second] = [0, 1].map(|signer| court.nonces(1, AttemptId::FIRST, signer, count));
        assert_eq!(court.judge(Proof::EquivocatingNonces { first, second }), fits);
        let court = Court::new();
        let [first, second] =
            [1, 2].map(|fill| court.partials(Transcript::new([1; 32]), fill, count));
        assert_eq!(court.judge(Proof::EquivocatingPartials { first, second }), fits);
        let court = Court::new();
        let proof = court.concurrent(&[(court.accused.get(), &[1, 2])], count);
        assert_eq!(court.judge(proof), fits);
        // Tries each of its three lists.
        let court = Court::new();
        let proof = court.invalid_partial(count, 2, court.aggregates(2));
        assert_eq!(court.judge(proof), fits);
        let court = Court::new();
        let proof = court.invalid_partial(2, count, court.aggregates(2));
        assert_eq!(court.judge(proof), fits);
        let court = Court::new();
        let proof = court.invalid_partial(2, 2, court.aggregates(count));
        assert_eq!(court.judge(proof), fits);
        // This is the one list whose length is itself the fault.
        let court = Court::new();
        let nonces = court.nonces(1, AttemptId::FIRST, 0, count);
        let verdict = if count == 2 { Err(EvidenceError::NoFault) } else { Ok(()) };
        assert_eq!(court.judge(Proof::InvalidNonce { nonces }), verdict);
    }
}

#[test]
fn restarts_in_a_proof_are_in_order_and_one_entry_has_both_lives() {
    let judge = |restarted: &[(u16, &[u8])]| {
        let court = Court::new();
        let proof = court.concurrent(restarted, 2);
        court.judge(proof)
    };
    let accused = Court::new().accused.get();
    let other = 1 - accused;
    let mut both: [(u16, &[u8]); 2] = [(accused, &[1, 2, 3]), (other, &[4, 5])];
    both.sort();
    assert_eq!(judge(&[(accused, &[1, 2])]), Ok(()));
    assert_eq!(judge(&both), Ok(()));
    both.reverse();
    assert_eq!(judge(&both), MISFIT, "descending signers");
    assert_eq!(judge(&[(accused, &[2, 1])]), MISFIT, "descending boots");
    assert_eq!(judge(&[(accused, &[1, 1, 2])]), MISFIT, "a boot twice");
    assert_eq!(judge(&[(accused, &[1, 3]), (accused, &[2, 3])]), MISFIT, "a signer twice");
    assert_eq!(
        judge(&[(accused, &[1, 2]), (2, &[1, 2])]),
        MISFIT,
        "a signer that the session does not have"
    );
    let mut once: [(u16, &[u8]); 2] = [(accused, &[1, 2]), (other, &[4])];
    once.sort();
    assert_eq!(judge(&once), MISFIT, "one join is no restart");
    assert_eq!(
        judge(&[(accused, &[1, 3])]),
        Err(EvidenceError::NoFault),
        "the second life had not joined"
    );
    assert_eq!(judge(&[(other, &[1, 2])]), Err(EvidenceError::NoFault), "another signer had");
}

#[test]
fn an_invalid_aggregate_nonce_voids_a_proof_only_for_its_own_item() {
    let court = Court::new();
    let no_point = AggregateNonce::new([5; 66]);
    let [point, _] = court.aggregates(2).try_into().unwrap();
    let proof = court.invalid_partial(2, 2, vec![no_point, point]);
    assert_eq!(court.judge(proof), Err(EvidenceError::NoFault));
    let court = Court::new();
    let proof = court.invalid_partial(2, 2, vec![point, no_point]);
    assert_eq!(court.judge(proof), Ok(()));
    // 33 zero bytes are infinity, which BIP327 accepts.
    let court = Court::new();
    let proof = court.invalid_partial(2, 2, vec![AggregateNonce::new([0; 66]), point]);
    assert_eq!(court.judge(proof), Ok(()));
}

#[test]
fn ten_joins_of_different_lives_convict_and_nine_do_not() {
    for (count, verdict) in [(9, Err(EvidenceError::NoFault)), (10, Ok(()))] {
        let court = Court::new();
        let join =
            |boot| court.signed(&Join { boot: Boot::new([boot; 16]), contact: Contact::default() });
        let joins = List::new((0..count).map(join).collect()).unwrap();
        assert_eq!(court.judge(Proof::RestartLimit { joins }), verdict);
    }
}
