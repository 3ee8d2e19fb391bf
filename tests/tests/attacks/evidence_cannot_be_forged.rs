//! No evidence against a signer that followed the protocol can be put together from what it signed.
//!
//! The forger has every statement that honest signers made in several sessions, attempts and lives,
//! and everything that others can make up: manifests, nonce roots, aggregate nonces, items, lists
//! of restarts.

use crate::forger::{Loot, assert_nothing_convicts, invalid_partial, list};
use crate::room::Room;
use core::time::Duration;
use musig2_proto::wire::bounded::List;
use musig2_proto::wire::proof::{Content, Evidence, Proof, Restarted, Signed};
use musig2_proto::wire::statement::{Nonces, Partials};
use musig2_proto::{
    AggregateNonce, Boot, K256, Libsecp256k1, Manifest, SessionId, Signature, SignerIndex,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::sync::OnceLock;

/// Checks a proof from its bytes, as it would arrive, and with the other engine too, which must
/// agree.
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

/// Returns what three honest signers state in sessions in which each of them, in turn, loses its
/// memory at every moment, and then loses it again while what it said before is hidden from it.
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
        assert!(
            lives >= Some(3) && loot.partials.len() > 100,
            "{lives:?}, {}",
            loot.partials.len()
        );
        loot
    })
}

fn a_session_with_restarts(room: &mut Room, moment: usize, seat: usize) -> SessionId {
    let session = room.propose();
    for _ in 0..moment {
        room.step();
    }
    // This life sees nothing of the one before, but everyone sees what it says.
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
fn no_evidence_can_be_made_from_one_session_with_restarts() {
    loot();
}

#[test]
#[should_panic(expected = "an honest signer is convicted")]
fn the_forger_does_convict_a_guilty_signer() {
    let mut room = Room::new(2, 1);
    let session = room.propose();
    room.settle();
    let mut mallory = room.attacker(0, session);
    let stated = [mallory.join(), mallory.nonces(), mallory.nonces()];
    assert_nothing_convicts(&room.view(session), &stated, &stated);
}

/// Numbers from which the forger draws its choices.
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

    /// Flips a bit, in one case of four.
    fn spoil<const N: usize>(&mut self, mut bytes: [u8; N]) -> [u8; N] {
        if self.next(4) == 0 {
            let (at, bit) = (self.next(N), self.next(8));
            bytes[at] ^= 1 << bit;
        }
        bytes
    }

    /// Returns a true statement, perhaps with another author or another signature.
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

    /// Returns nonces that their author stated, perhaps moved to another life or attempt.
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
            1 => Proof::EquivocatingPartials {
                first: self.partials(loot),
                second: self.partials(loot),
            },
            2 => Proof::InvalidNonce { nonces: self.nonces(loot) },
            3 => {
                let (root, aggregates) = self.of(&loot.rounds).clone();
                let aggregates: Vec<_> =
                    aggregates.iter().map(|one| self.spoil(one.to_bytes())).collect();
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

    /// Returns the manifest of some session, perhaps with a bit of it changed.
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

#[test]
fn no_evidence_can_be_made_across_sessions_however_altered() {
    // This runs before the cases, so that a failure in it is not repeated for each of them.
    let loot = loot();
    let config =
        ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() };
    let choices = prop::collection::vec(any::<u32>().prop_map(|choice| choice as usize), 64);
    let forged = TestRunner::new(config).run(&choices, |choices| {
        let mut choices = Choices(choices, 0);
        let (manifest, proof) = (choices.manifest(loot), choices.proof(loot));
        assert_bytes_prove_nothing(&manifest, proof);
        Ok(())
    });
    forged.unwrap();
}
