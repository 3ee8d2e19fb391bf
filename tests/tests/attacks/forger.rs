//! Proofs made of what others truly signed, and of everything that a forger can make up.

use musig2_proto::wire::bounded::List;
use musig2_proto::wire::proof::{Content, Evidence, Proof, Restarted, Signed};
use musig2_proto::wire::statement::{Body, Join, Nonces, Partials, Statement};
use musig2_proto::{
    AggregateNonce, AttemptId, Boot, Libsecp256k1, Manifest, SessionView, SignerIndex,
};
use musig2_sim::protocol;
use musig2_sim::{Round, nonces_of};

/// What a forger may have: true statements, and material for the rest of a proof that fits or does
/// not.
#[derive(Debug, Default)]
pub struct Loot {
    pub manifests: Vec<Manifest>,
    pub joins: Vec<Signed<Join>>,
    pub nonces: Vec<Signed<Nonces>>,
    pub partials: Vec<Signed<Partials>>,
    pub rounds: Vec<([u8; 32], Vec<AggregateNonce>)>,
    pub restarted: Vec<Vec<(SignerIndex, Vec<Boot>)>>,
}

impl Loot {
    /// Takes what one signer or several stated, and what can be made from everything that everyone
    /// stated besides.
    pub fn take(&mut self, view: &SessionView, stated: &[Statement], everyones: &[Statement]) {
        fn all<T: Content>(stated: &[Statement]) -> impl Iterator<Item = Signed<T>> {
            stated.iter().filter_map(Signed::of)
        }
        self.manifests.push(Manifest::clone(&view.manifest));
        self.joins.extend(all(stated));
        self.nonces.extend(all(stated));
        self.partials.extend(all(stated));
        self.rounds.extend(rounds(view, everyones));
        self.restarted.extend(restarts(view, everyones));
    }
}

/// Returns the true rounds, and others that the same nonces can be made to give.
fn rounds(view: &SessionView, stated: &[Statement]) -> Vec<([u8; 32], Vec<AggregateNonce>)> {
    let nonces: Vec<_> =
        stated.iter().filter(|one| matches!(one.body, Body::Nonces(_))).cloned().collect();
    let signers = view.manifest.signer_count();
    let mut rounds = Vec::new();
    let of = |attempt: AttemptId| {
        let made = |one: &&Statement| matches!(&one.body, Body::Nonces(nonces) if nonces.attempt == attempt);
        let mut selected: Vec<_> = nonces.iter().filter(made).cloned().collect();
        selected.sort_by_key(|one| (one.author, one.boot()));
        selected.dedup_by_key(|one| one.author);
        selected
    };
    for attempt in stated.iter().filter_map(|one| match &one.body {
        Body::Partials(partials) => Some(partials.attempt),
        _ => None,
    }) {
        let selected = of(attempt);
        if selected.len() == signers {
            let Round { nonce_root, aggregates, .. } =
                Round::new::<Libsecp256k1>(view, attempt, selected).unwrap();
            rounds.push((nonce_root, aggregates));
        }
    }
    // Takes one signer's nonces as if they were everyone's.
    for one in &nonces {
        let root = protocol::nonce_root(&view.id, core::slice::from_ref(one));
        rounds.push((
            root,
            nonces_of(one).iter().map(|nonce| AggregateNonce::new(nonce.to_bytes())).collect(),
        ));
    }
    rounds
}

/// Returns sets of lives that the signers' joins allow one to claim: each signer's lives,
/// everyone's, those of all restarted signers, and pairs of a restarted signer's lives.
fn restarts(view: &SessionView, stated: &[Statement]) -> Vec<Vec<(SignerIndex, Vec<Boot>)>> {
    let boots = |signer: SignerIndex| {
        let of = |one: &&Statement| one.author == signer && matches!(one.body, Body::Join(_));
        let mut boots: Vec<_> = stated.iter().filter(of).filter_map(Statement::boot).collect();
        boots.sort_unstable();
        boots.dedup();
        boots
    };
    let mut claims: Vec<_> =
        view.manifest.indices().map(|signer| vec![(signer, boots(signer))]).collect();
    claims.push(view.manifest.indices().map(|signer| (signer, boots(signer))).collect());
    claims.push(
        claims[claims.len() - 1].iter().filter(|(_, boots)| boots.len() > 1).cloned().collect(),
    );
    for (signer, boots) in claims[claims.len() - 1].clone() {
        claims.extend(boots.windows(2).map(|pair| vec![(signer, pair.to_vec())]));
    }
    claims
}

fn assert_proves_nothing(manifest: &Manifest, proof: Proof) {
    let evidence = Evidence { manifest: manifest.clone(), proof };
    let convicted = evidence.verify::<Libsecp256k1>();
    assert!(convicted.is_err(), "an honest signer is convicted: {convicted:?} by {evidence:#?}");
}

/// Tries every kind of proof with every pairing of what one honest signer stated in one session.
pub fn assert_nothing_convicts(view: &SessionView, stated: &[Statement], everyones: &[Statement]) {
    let mut loot = Loot::default();
    loot.take(view, stated, everyones);
    let manifest = &loot.manifests[0];
    for first in &loot.nonces {
        assert_proves_nothing(manifest, Proof::InvalidNonce { nonces: first.clone() });
        for second in &loot.nonces {
            let (first, second) = (first.clone(), second.clone());
            for restarted in loot.restarted.iter().map(|claim| list(claim)) {
                let (first, second) = (first.clone(), second.clone());
                assert_proves_nothing(
                    manifest,
                    Proof::ConcurrentInstances { first, second, restarted },
                );
            }
            assert_proves_nothing(manifest, Proof::EquivocatingNonces { first, second });
        }
    }
    for first in &loot.partials {
        for second in &loot.partials {
            let (first, second) = (first.clone(), second.clone());
            assert_proves_nothing(manifest, Proof::EquivocatingPartials { first, second });
        }
        for (nonces, (nonce_root, aggregates)) in loot
            .nonces
            .iter()
            .flat_map(|nonces| loot.rounds.iter().map(move |round| (nonces, round)))
        {
            for item in 0..=manifest.items().len() as u16 {
                assert_proves_nothing(
                    manifest,
                    invalid_partial(nonces, first, nonce_root, aggregates, item),
                );
            }
        }
    }
    let joins = loot.joins.iter().cycle().take(10).cloned().collect();
    assert_proves_nothing(manifest, Proof::RestartLimit { joins: List::new(joins).unwrap() });
}

pub fn invalid_partial(
    nonces: &Signed<Nonces>,
    partials: &Signed<Partials>,
    nonce_root: &[u8; 32],
    aggregates: &[AggregateNonce],
    item: u16,
) -> Proof {
    Proof::InvalidPartialSignature {
        nonces: nonces.clone(),
        partials: partials.clone(),
        nonce_root: *nonce_root,
        aggregates: List::new(aggregates.to_vec()).unwrap(),
        item,
    }
}

pub fn list(claim: &[(SignerIndex, Vec<Boot>)]) -> List<Restarted, 4096> {
    let restarted = claim.iter().map(|(signer, boots)| {
        let boots = boots.iter().take(10).copied().collect();
        Restarted { signer: *signer, boots: List::new(boots).unwrap() }
    });
    List::new(restarted.collect()).unwrap()
}
