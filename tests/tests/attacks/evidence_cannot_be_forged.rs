//! No evidence against a signer that followed the protocol can be put together from what it signed.
//!
//! The forger has every statement that honest signers ever made, in several sessions, attempts and lives, and everything that others can
//! make up: manifests, nonce roots, aggregate nonces, items, lists of restarts.

use crate::attacker::{Round, nonces_of};
use crate::protocol;
use crate::room::Room;
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::evidence::{Content, Evidence, Proof, Restarted, Signed};
use musig2_proto::wire::statement::{Body, Join, Nonces, Partials, Statement};
use musig2_proto::{
    AggregateNonce, AttemptId, Boot, K256, Libsecp256k1, Manifest, SessionId, SessionView, Signature,
    SignerIndex,
};
use proptest::prelude::*;
use std::sync::OnceLock;

/// What a forger may have: true statements, and fitting or unfitting material for the rest of a proof.
#[derive(Debug, Default)]
struct Loot {
    manifests: Vec<Manifest>,
    joins: Vec<Signed<Join>>,
    nonces: Vec<Signed<Nonces>>,
    partials: Vec<Signed<Partials>>,
    rounds: Vec<([u8; 32], Vec<AggregateNonce>)>,
    restarted: Vec<Vec<(SignerIndex, Vec<Boot>)>>,
}

impl Loot {
    /// What some signer stated, or several, and what can be made of all that everyone stated beside it.
    fn take(&mut self, view: &SessionView, stated: &[Statement], everyones: &[Statement]) {
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

/// The true rounds, and others that the same nonces can be made to give.
fn rounds(view: &SessionView, stated: &[Statement]) -> Vec<([u8; 32], Vec<AggregateNonce>)> {
    let nonces: Vec<_> = stated.iter().filter(|one| matches!(one.body, Body::Nonces(_))).cloned().collect();
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
            let Round { nonce_root, aggregates, .. } = Round::new(view, attempt, selected);
            rounds.push((nonce_root, aggregates));
        }
    }
    // One signer's nonces as if they were everyone's.
    for one in &nonces {
        let root = protocol::nonce_root(&view.id, core::slice::from_ref(one));
        rounds
            .push((root, nonces_of(one).iter().map(|nonce| AggregateNonce::new(nonce.to_bytes())).collect()));
    }
    rounds
}

/// Every set of lives that the signers' joins allow one to claim: each signer's alone, and all of them.
fn restarts(view: &SessionView, stated: &[Statement]) -> Vec<Vec<(SignerIndex, Vec<Boot>)>> {
    let boots = |signer: SignerIndex| {
        let of = |one: &&Statement| one.author == signer && matches!(one.body, Body::Join(_));
        let mut boots: Vec<_> = stated.iter().filter(of).map(Statement::boot).collect();
        boots.sort_unstable();
        boots.dedup();
        boots
    };
    let mut claims: Vec<_> = view.manifest.indices().map(|signer| vec![(signer, boots(signer))]).collect();
    claims.push(view.manifest.indices().map(|signer| (signer, boots(signer))).collect());
    claims.push(claims[claims.len() - 1].iter().filter(|(_, boots)| boots.len() > 1).cloned().collect());
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

/// As it would come, and on the other engine as well, which says the same.
fn assert_bytes_prove_nothing(manifest: &Manifest, proof: Proof) {
    let evidence = Evidence { manifest: manifest.clone(), proof };
    let evidence = Evidence::from_bytes(&evidence.to_bytes()).unwrap();
    let verdicts = [evidence.verify::<Libsecp256k1>(), evidence.verify::<K256>()];
    assert!(
        verdicts.iter().all(Result::is_err),
        "an honest signer is convicted: {verdicts:?} by {evidence:#?}"
    );
    assert_eq!(verdicts[0], verdicts[1]);
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
                assert_proves_nothing(manifest, Proof::ConcurrentInstances { first, second, restarted });
            }
            assert_proves_nothing(manifest, Proof::EquivocatingNonces { first, second });
        }
    }
    for first in &loot.partials {
        for second in &loot.partials {
            let (first, second) = (first.clone(), second.clone());
            assert_proves_nothing(manifest, Proof::EquivocatingPartials { first, second });
        }
        for (nonces, (nonce_root, aggregates)) in
            loot.nonces.iter().flat_map(|nonces| loot.rounds.iter().map(move |round| (nonces, round)))
        {
            for item in 0..=manifest.items().len() as u16 {
                assert_proves_nothing(manifest, invalid_partial(nonces, first, nonce_root, aggregates, item));
            }
        }
    }
    let joins = loot.joins.iter().cycle().take(10).cloned().collect();
    assert_proves_nothing(manifest, Proof::RestartLimit { joins: List::new(joins).unwrap() });
}

fn invalid_partial(
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

fn list(claim: &[(SignerIndex, Vec<Boot>)]) -> List<Restarted, 4096> {
    let restarted = claim.iter().map(|(signer, boots)| {
        let boots = boots.iter().take(10).copied().collect();
        Restarted { signer: *signer, boots: List::new(boots).unwrap() }
    });
    List::new(restarted.collect()).unwrap()
}

/// What three honest signers state in sessions in which one of them, in turn, loses its memory at every moment, and then again while
/// what it said before is hidden from it.
fn loot() -> &'static Loot {
    static LOOT: OnceLock<Loot> = OnceLock::new();
    LOOT.get_or_init(|| {
        let mut room = Room::new(3, 0);
        let mut loot = Loot::default();
        for moment in (0..24).step_by(2) {
            for seat in 0..3 {
                let session = a_session_with_restarts(&mut room, moment, seat);
                let view = room.view(session);
                let all = room.statements(session);
                loot.take(&view, &all, &all);
                for signer in view.manifest.indices() {
                    let mut stated = all.clone();
                    stated.retain(|one| one.author == signer);
                    assert_nothing_convicts(&view, &stated, &all);
                }
            }
        }
        let lives = loot.restarted.iter().flatten().map(|(_, boots)| boots.len()).max();
        assert!(lives >= Some(3) && loot.partials.len() > 100, "{lives:?}, {}", loot.partials.len());
        loot
    })
}

fn a_session_with_restarts(room: &mut Room, moment: usize, seat: usize) -> SessionId {
    let session = room.propose();
    for _ in 0..moment {
        room.step();
    }
    // This life sees nothing of the one before, and everyone sees what it says.
    room.restart(seat);
    let kept = (0..3).find_map(|other| room.nodes[other].announcement(&session));
    room.lost = Box::new(move |_, to| to == seat);
    if let Some(announcement) = kept {
        room.execute(seat, musig2_proto::Command::ResumeSession { announcement });
    }
    room.settle();
    room.lost = Box::new(|_, _| false);
    for _ in 0..moment {
        room.step();
    }
    room.restart(seat);
    room.pass(Duration::from_secs(15 * 60));
    session
}

#[test]
fn not_from_all_that_honest_signers_said_in_one_session_restarted_at_every_moment() {
    loot();
}

/// Numbers that the forger draws its choices from.
#[derive(Debug)]
struct Choices(Vec<usize>, usize);

impl Choices {
    fn next(&mut self, below: usize) -> usize {
        self.1 += 1;
        self.0[self.1 % self.0.len()] % below
    }

    fn of<'a, T>(&mut self, pool: &'a [T]) -> &'a T {
        &pool[self.next(pool.len())]
    }

    /// One time in four, spoils a byte.
    fn spoil<const N: usize>(&mut self, mut bytes: [u8; N]) -> [u8; N] {
        if self.next(4) == 0 {
            let (at, bit) = (self.next(N), self.next(8));
            bytes[at] ^= 1 << bit;
        }
        bytes
    }

    /// A true statement, perhaps with another author or another signature.
    fn signed<T: Content + Clone>(&mut self, pool: &[Signed<T>]) -> Signed<T> {
        let mut signed = self.of(pool).clone();
        if self.next(8) == 0 {
            signed.author = SignerIndex::new(self.next(4) as u16);
        }
        if self.next(8) == 0 {
            signed.signature = Signature::new(self.spoil(signed.signature.to_bytes()));
        }
        signed
    }

    fn boot(&mut self, boot: Boot) -> Boot {
        Boot::new(self.spoil(boot.to_bytes()))
    }

    /// Nonces that their author stated, perhaps moved to another life or attempt.
    fn nonces(&mut self, loot: &Loot) -> Signed<Nonces> {
        let mut nonces = self.signed(&loot.nonces);
        if self.next(4) == 0 {
            let boot = self.of(&loot.joins).content.boot;
            nonces.content.boot = self.boot(boot);
            nonces.content.attempt = self.of(&loot.nonces).content.attempt;
        }
        nonces
    }

    fn partials(&mut self, loot: &Loot) -> Signed<Partials> {
        let mut partials = self.signed(&loot.partials);
        if self.next(4) == 0 {
            partials.content.boot = self.boot(partials.content.boot);
            partials.content.attempt = self.of(&loot.nonces).content.attempt;
            partials.content.transcript = self.of(&loot.partials).content.transcript;
        }
        partials
    }

    fn restarted(&mut self, loot: &Loot) -> List<Restarted, 4096> {
        let mut claim = self.of(&loot.restarted).clone();
        if self.next(2) == 0 {
            claim.extend(self.of(&loot.restarted).clone());
        }
        for (_, boots) in &mut claim {
            if self.next(4) == 0 {
                boots.push(self.of(&loot.joins).content.boot);
            }
        }
        list(&claim)
    }

    fn proof(&mut self, loot: &Loot) -> Proof {
        match self.next(6) {
            0 => Proof::EquivocatingNonces { first: self.nonces(loot), second: self.nonces(loot) },
            1 => Proof::EquivocatingPartials { first: self.partials(loot), second: self.partials(loot) },
            2 => Proof::InvalidNonce { nonces: self.nonces(loot) },
            3 => {
                let (root, aggregates) = self.of(&loot.rounds).clone();
                let aggregates: Vec<_> = aggregates.iter().map(|one| self.spoil(one.to_bytes())).collect();
                let aggregates: Vec<_> = aggregates.into_iter().map(AggregateNonce::new).collect();
                let (nonces, partials) = (self.nonces(loot), self.partials(loot));
                let root = self.spoil(root);
                invalid_partial(&nonces, &partials, &root, &aggregates, self.next(4) as u16)
            }
            4 => {
                let (first, second) = (self.nonces(loot), self.nonces(loot));
                Proof::ConcurrentInstances { first, second, restarted: self.restarted(loot) }
            }
            _ => {
                let count = self.next(11);
                let joins = (0..count).map(|_| self.signed(&loot.joins)).collect();
                Proof::RestartLimit { joins: List::new(joins).unwrap() }
            }
        }
    }

    /// The manifest of some session, perhaps with a byte of it changed.
    fn manifest(&mut self, loot: &Loot) -> Manifest {
        let manifest = self.of(&loot.manifests);
        let mut bytes = postcard::to_allocvec(manifest).unwrap();
        if self.next(4) == 0 {
            let at = self.next(bytes.len());
            bytes[at] ^= 1 << self.next(8);
        }
        postcard::from_bytes(&bytes).unwrap_or_else(|_| manifest.clone())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn not_from_any_of_it_across_sessions_however_it_is_altered(
        choices in prop::collection::vec(any::<u32>().prop_map(|choice| choice as usize), 64)
    ) {
        let mut choices = Choices(choices, 0);
        let (manifest, proof) = (choices.manifest(loot()), choices.proof(loot()));
        assert_bytes_prove_nothing(&manifest, proof);
    }
}
