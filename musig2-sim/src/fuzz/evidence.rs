//! Forges evidence.

use super::loot::Loot;
use super::pen::list;
use crate::adversary::Round;
use arbitrary::{Result, Unstructured};
use musig2_proto::wire::proof::{Content, Evidence, Proof, Restarted, Signed};
use musig2_proto::wire::statement::{Nonces, Partials};
use musig2_proto::{AggregateNonce, Boot, K256, Libsecp256k1, Manifest, Signature, SignerIndex};
use std::sync::OnceLock;

/// Fuzzes evidence: assembled from what honest signers stated in several sessions, attempts and
/// lives, from changes to that, from true evidence against another signer, or from arbitrary bytes.
///
/// None of it convicts an honest key, and both engines reach the same verdict.
///
/// # Panics
/// If either does not hold.
pub fn evidence(data: &[u8]) {
    static LOOT: OnceLock<Loot> = OnceLock::new();
    let loot = LOOT.get_or_init(Loot::new);
    let Some((kind, data)) = data.split_first() else { return };
    let evidence = match kind % 4 {
        0 => Evidence::from_bytes(data).ok(),
        1 => altered(loot, data),
        _ => assembled(loot, &mut Unstructured::new(data)).ok(),
    };
    let Some(evidence) = evidence else { return };
    let verdict = evidence.verify::<Libsecp256k1>();
    assert_eq!(verdict, evidence.verify::<K256>(), "the engines differ about {evidence:#?}");
    if let Ok(conviction) = verdict {
        let honest = loot.honest.contains(&conviction.key);
        assert!(
            !honest,
            "an honest signer is convicted of {:?} by {evidence:#?}",
            conviction.fault
        );
    }
}

/// Changes true evidence in some places. Each change takes three bytes: two for the place, and one
/// to XOR.
fn altered(loot: &Loot, data: &[u8]) -> Option<Evidence> {
    let (which, changes) = data.split_first()?;
    let mut bytes = pick(&loot.evidence, u16::from(*which)).to_bytes();
    for &[high, low, change] in changes.as_chunks().0.iter().take(8) {
        let place = usize::from(u16::from_be_bytes([high, low])) % bytes.len();
        bytes[place] ^= change;
    }
    Evidence::from_bytes(&bytes).ok()
}

fn assembled(loot: &Loot, from: &mut Unstructured<'_>) -> Result<Evidence> {
    let manifest = manifest(loot, from)?;
    Ok(Evidence { manifest, proof: proof(loot, from)? })
}

/// Returns the manifest of some session, perhaps with one byte changed.
fn manifest(loot: &Loot, from: &mut Unstructured<'_>) -> Result<Manifest> {
    let manifest = pick(&loot.manifests, from.arbitrary()?).clone();
    if !from.ratio(1, 8)? {
        return Ok(manifest);
    }
    let mut bytes = postcard::to_allocvec(&manifest).unwrap_or_default();
    let place = from.choose_index(bytes.len())?;
    bytes[place] ^= from.arbitrary::<u8>()?;
    Ok(postcard::from_bytes(&bytes).unwrap_or(manifest))
}

fn proof(loot: &Loot, from: &mut Unstructured<'_>) -> Result<Proof> {
    Ok(match from.int_in_range(0..=5)? {
        0 => Proof::EquivocatingNonces { first: nonces(loot, from)?, second: nonces(loot, from)? },
        1 => Proof::EquivocatingPartials {
            first: partials(loot, from)?,
            second: partials(loot, from)?,
        },
        2 => Proof::InvalidNonce { nonces: nonces(loot, from)? },
        3 => {
            let Round { nonce_root, aggregates, .. } =
                pick(&loot.rounds, from.arbitrary()?).clone();
            let aggregates =
                aggregates.iter().map(|one| Ok(AggregateNonce::new(spoil(one.to_bytes(), from)?)));
            Proof::InvalidPartialSignature {
                aggregates: list(aggregates.collect::<Result<Vec<_>>>()?),
                nonces: nonces(loot, from)?,
                partials: partials(loot, from)?,
                nonce_root: spoil(nonce_root, from)?,
                item: from.int_in_range(0..=3)?,
            }
        }
        4 => Proof::ConcurrentInstances {
            first: nonces(loot, from)?,
            second: nonces(loot, from)?,
            restarted: list(restarted(loot, from)?),
        },
        _ => {
            let joins = (0..from.int_in_range(0..=11)?).map(|_| signed(&loot.joins, from));
            Proof::RestartLimit { joins: list(joins.collect::<Result<Vec<_>>>()?) }
        }
    })
}

/// Returns a true statement, perhaps with another author or another signature.
fn signed<T: Content>(pool: &[Signed<T>], from: &mut Unstructured<'_>) -> Result<Signed<T>> {
    let mut signed = pick(pool, from.arbitrary()?).clone();
    if from.ratio(1, 8)? {
        signed.author = SignerIndex::new(from.int_in_range(0..=3)?);
    }
    if from.ratio(1, 8)? {
        signed.signature = Signature::new(spoil(signed.signature.to_bytes(), from)?);
    }
    Ok(signed)
}

/// Returns nonces that their author stated, perhaps moved to another life or attempt.
fn nonces(loot: &Loot, from: &mut Unstructured<'_>) -> Result<Signed<Nonces>> {
    let mut nonces = signed(&loot.nonces, from)?;
    if from.ratio(1, 4)? {
        nonces.content.boot = boot(loot, from)?;
        nonces.content.attempt = pick(&loot.nonces, from.arbitrary()?).content.attempt;
    }
    Ok(nonces)
}

fn partials(loot: &Loot, from: &mut Unstructured<'_>) -> Result<Signed<Partials>> {
    let mut partials = signed(&loot.partials, from)?;
    if from.ratio(1, 4)? {
        partials.content.boot = boot(loot, from)?;
        partials.content.attempt = pick(&loot.nonces, from.arbitrary()?).content.attempt;
        partials.content.transcript = pick(&loot.partials, from.arbitrary()?).content.transcript;
    }
    Ok(partials)
}

fn boot(loot: &Loot, from: &mut Unstructured<'_>) -> Result<Boot> {
    Ok(Boot::new(spoil(pick(&loot.joins, from.arbitrary()?).content.boot.to_bytes(), from)?))
}

/// Returns the signers that restarted in some session, perhaps with lives from another one.
fn restarted(loot: &Loot, from: &mut Unstructured<'_>) -> Result<Vec<Restarted>> {
    let mut claim = Vec::new();
    for (signer, boots) in pick(&loot.restarted, from.arbitrary()?) {
        let mut boots = boots.clone();
        if from.ratio(1, 4)? {
            boots.push(boot(loot, from)?);
        }
        claim.push(Restarted { signer: *signer, boots: list(boots) });
    }
    Ok(claim)
}

/// Changes a byte in one case out of four.
fn spoil<const N: usize>(mut bytes: [u8; N], from: &mut Unstructured<'_>) -> Result<[u8; N]> {
    if from.ratio(1, 4)? {
        bytes[from.choose_index(N)?] ^= from.arbitrary::<u8>()?;
    }
    Ok(bytes)
}

fn pick<T>(pool: &[T], place: u16) -> &T {
    &pool[usize::from(place) % pool.len()]
}
