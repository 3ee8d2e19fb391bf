//! Checks a result with the `musig2` crate (over `k256`), using none of the code that made it.

use super::result::{ResultItem, ResultTweakKind, SessionResult};
use crate::text::hex::Hex;
use musig2::KeyAggContext;
use musig2::secp::{MaybeScalar, Point};
use serde::Serialize;

/// The outcome of checking one item.
#[derive(Debug, Serialize)]
pub(crate) struct ItemVerdict {
    /// Its place, from 0.
    pub(crate) item: usize,
    /// Whether everything about it is right.
    pub(crate) valid: bool,
    /// What is wrong.
    pub(crate) problems: Vec<String>,
}

/// What is wrong with a result.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("it has no signers")]
    NoSigners,
    #[error("it has no items, so nothing is signed")]
    NoItems,
    #[error("signers[{0}]: {1} is not a point on secp256k1")]
    Signer(usize, Hex<33>),
    #[error("signers: their keys sum to infinity")]
    NoAggregate,
    #[error("tweaks[{0}]: not below the order of secp256k1, or leads to infinity")]
    Tweak(usize),
    #[error("aggregate_key: signers and tweaks give {computed}, but the file says {stated}")]
    AggregateKey { computed: Hex<32>, stated: Hex<32> },
    #[error(
        "signature: does not verify for this message under {0}, the key that signers and tweaks give"
    )]
    Signature(Hex<32>),
}

/// Checks every item.
pub(crate) fn check(result: &SessionResult) -> Result<Vec<ItemVerdict>, Problem> {
    let aggregate = aggregate(&result.signers)?;
    if result.items.is_empty() {
        return Err(Problem::NoItems);
    }
    let verdict = |(item, content)| {
        let problems: Vec<_> =
            check_item(&aggregate, content).iter().map(ToString::to_string).collect();
        ItemVerdict { item, valid: problems.is_empty(), problems }
    };
    Ok(result.items.iter().enumerate().map(verdict).collect())
}

/// Aggregates the signers' keys (BIP327 KeyAgg) in the order given.
fn aggregate(signers: &[Hex<33>]) -> Result<KeyAggContext, Problem> {
    if signers.is_empty() {
        return Err(Problem::NoSigners);
    }
    let points = (0..)
        .zip(signers)
        .map(|(place, key)| Point::from_slice(&key.0).map_err(|_| Problem::Signer(place, *key)))
        .collect::<Result<Vec<_>, _>>()?;
    KeyAggContext::new(points).map_err(|_| Problem::NoAggregate)
}

/// Returns everything that is wrong with one item. The signature is checked under the computed key,
/// never under the stated one.
fn check_item(aggregate: &KeyAggContext, item: &ResultItem) -> Vec<Problem> {
    let mut keys = aggregate.clone();
    for (place, step) in item.tweaks.iter().enumerate() {
        let x_only = step.kind == ResultTweakKind::XOnly;
        let Ok(scalar) = MaybeScalar::from_slice(&step.tweak.0) else {
            return vec![Problem::Tweak(place)];
        };
        let Ok(tweaked) = keys.with_tweak(scalar, x_only) else {
            return vec![Problem::Tweak(place)];
        };
        keys = tweaked;
    }
    let key: Point = keys.aggregated_pubkey();
    let computed = Hex(key.serialize_xonly());
    let mut problems = Vec::new();
    if computed != item.aggregate_key {
        problems.push(Problem::AggregateKey { computed, stated: item.aggregate_key });
    }
    if musig2::verify_single(key, item.signature.0, item.message.0).is_err() {
        problems.push(Problem::Signature(computed));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::result::ResultTweak;
    use musig2::secp::Scalar;
    use musig2::{BinaryEncoding, CompactSignature};

    /// A result of one signer, whose aggregate key has odd y if `odd`: only then does the kind of a
    /// tweak matter.
    fn result(odd: bool) -> (Vec<Hex<33>>, ResultItem) {
        let (secret, signers, keys) = (1..=u8::MAX)
            .map(|byte| {
                let secret = Scalar::from_slice(&[byte; 32]).unwrap();
                let signers = vec![Hex(secret.base_point_mul().serialize())];
                let keys = aggregate(&signers).unwrap();
                (secret, signers, keys)
            })
            .find(|(_, _, keys)| keys.aggregated_pubkey::<Point>().has_odd_y() == odd)
            .unwrap();
        let tweak = ResultTweak { kind: ResultTweakKind::XOnly, tweak: Hex([3; 32]) };
        let tweaked =
            keys.with_xonly_tweak(MaybeScalar::from_slice(&tweak.tweak.0).unwrap()).unwrap();
        let message = [4; 32];
        let own: Scalar = tweaked.aggregated_seckey([secret]).unwrap();
        let signature: CompactSignature = musig2::sign_solo(own, message, [5; 32]);
        let key: Point = tweaked.aggregated_pubkey();
        let item = ResultItem {
            message: Hex(message),
            tweaks: vec![tweak],
            aggregate_key: Hex(key.serialize_xonly()),
            signature: Hex(signature.to_bytes()),
        };
        (signers, item)
    }

    #[test]
    fn every_change_to_what_was_signed_is_detected() {
        let (signers, good) = result(true);
        let keys = aggregate(&signers).unwrap();
        assert_eq!(check_item(&keys, &good), []);

        let mut bad = good.clone();
        bad.message.0[31] ^= 1;
        assert!(matches!(check_item(&keys, &bad)[..], [Problem::Signature(_)]));

        let mut bad = good.clone();
        bad.signature.0[63] ^= 1;
        assert!(matches!(check_item(&keys, &bad)[..], [Problem::Signature(_)]));

        let mut bad = good.clone();
        bad.aggregate_key.0[0] ^= 1;
        assert!(matches!(check_item(&keys, &bad)[..], [Problem::AggregateKey { .. }]));

        let mut bad = good.clone();
        bad.tweaks[0].tweak.0[31] ^= 1;
        assert!(matches!(
            check_item(&keys, &bad)[..],
            [Problem::AggregateKey { .. }, Problem::Signature(_)]
        ));

        let mut bad = good.clone();
        bad.tweaks[0].kind = ResultTweakKind::Plain;
        assert!(matches!(
            check_item(&keys, &bad)[..],
            [Problem::AggregateKey { .. }, Problem::Signature(_)]
        ));

        let mut bad = good.clone();
        bad.tweaks.clear();
        assert!(matches!(
            check_item(&keys, &bad)[..],
            [Problem::AggregateKey { .. }, Problem::Signature(_)]
        ));

        let mut bad = good;
        bad.tweaks[0].tweak = Hex([0xff; 32]);
        assert_eq!(check_item(&keys, &bad), [Problem::Tweak(0)]);
    }

    #[test]
    fn the_kind_of_a_tweak_makes_no_difference_to_a_key_with_even_y() {
        let (signers, mut item) = result(false);
        item.tweaks[0].kind = ResultTweakKind::Plain;
        assert_eq!(check_item(&aggregate(&signers).unwrap(), &item), []);
    }

    #[test]
    fn signers_that_are_not_keys_are_named() {
        assert_eq!(aggregate(&[]).unwrap_err(), Problem::NoSigners);
        let (mut signers, _) = result(true);
        signers.push(Hex([5; 33]));
        assert_eq!(aggregate(&signers).unwrap_err(), Problem::Signer(1, Hex([5; 33])));
    }
}
