//! A checked manifest: every rule about what may be signed, and the keys that sign it.

use crate::base::bytes::{PublicKey, Signature, XOnlyPublicKey};
use crate::base::ids::{SessionId, SignerIndex};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::{Crypto, KeyAggregationError, PlainTweak};
use crate::terms::item::Item;
use crate::terms::manifest::Manifest;
use crate::terms::tweak::{Tweak, TweakError};
use core::time::Duration;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many tweak steps a session may have for each item that the configuration allows: two for
/// BIP328, one for taproot, and one more.
const STEPS_PER_ITEM: usize = 4;

/// A manifest that passed every check, with the key of each item.
pub(crate) struct Agreement<C: Crypto> {
    pub(crate) id: SessionId,
    pub(crate) manifest: Arc<Manifest>,
    /// The aggregate key of each item, tweaked.
    pub(crate) keys: Vec<C::KeyAggregate>,
    /// The same keys, as people see them. Shared, because each view of the session shows them.
    pub(crate) outputs: Arc<[OutputKey]>,
}

/// The key that signs one item.
pub(crate) struct ItemKey<C: Crypto> {
    pub(crate) aggregate: C::KeyAggregate,
    pub(crate) output: OutputKey,
}

/// The key that an item's signature verifies under, and how it is derived from the signers'
/// aggregate key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct OutputKey {
    /// The tweaks that were applied, in order, as scalars.
    pub tweaks: Vec<PlainTweak>,
    /// The tweaked aggregate key (BIP340).
    pub key: XOnlyPublicKey,
}

impl<C: Crypto> ItemKey<C> {
    /// Returns the key of one item, or `None` if the manifest has no such item. The manifest's
    /// shape must have been checked. The work does not depend on the manifest's other items.
    pub(crate) fn of(manifest: &Manifest, item: usize) -> Result<Option<Self>, ManifestError> {
        let Some(content) = manifest.items().get(item) else { return Ok(None) };
        Self::in_manifest(manifest, item, content, C::aggregate_keys(manifest.signers())?).map(Some)
    }

    /// Derives the key of an item from the signers' aggregate key. Refuses it if it is a signer's
    /// own key: with a raw tweak of its choice, a proposer could make the session's signature one
    /// under a victim's own key.
    fn in_manifest(
        manifest: &Manifest,
        item: usize,
        content: &Item,
        untweaked: C::KeyAggregate,
    ) -> Result<Self, ManifestError> {
        let key = Self::new(untweaked, content.tweaks())
            .map_err(|error| ManifestError::Tweak { item, error })?;
        let is_own = |own: &PublicKey| own.x_only() == key.output.key;
        let owner = manifest.indices().zip(manifest.signers()).find(|(_, own)| is_own(own));
        match owner {
            Some((signer, _)) => Err(ManifestError::TweakedToSigner { item, signer }),
            None => Ok(key),
        }
    }

    fn new(mut aggregate: C::KeyAggregate, path: &[Tweak]) -> Result<Self, TweakError> {
        let mut tweaks = Vec::new();
        for tweak in path {
            aggregate = tweak.apply::<C>(aggregate, &mut tweaks)?;
        }
        let key = C::aggregate_key(&aggregate).x_only();
        Ok(Self { aggregate, output: OutputKey { tweaks, key } })
    }
}

impl OutputKey {
    /// Returns the key that the signature of these signers verifies under after these tweaks. The
    /// keys are aggregated in the order given. This needs no session.
    ///
    /// ```
    /// use musig2_proto::{DefaultCrypto, OutputKey, PublicKey, Tweak};
    ///
    /// let mut signers: Vec<PublicKey> = [
    ///     "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
    ///     "03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659",
    /// ]
    /// .iter()
    /// .map(|key| key.parse())
    /// .collect::<Result<_, _>>()?;
    /// signers.sort(); // as a session does unless told otherwise
    /// let output = OutputKey::derive::<DefaultCrypto>(&signers, &[Tweak::BIP86])?;
    /// assert_eq!(output.tweaks.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a key is not on the curve, the keys add up to infinity, or a tweak cannot be applied. Raw
    /// tweaks are always refused here.
    pub fn derive<C: Crypto>(
        signers: &[PublicKey],
        tweaks: &[Tweak],
    ) -> Result<Self, OutputKeyError> {
        tweaks.iter().try_for_each(|tweak| tweak.check(false))?;
        Ok(ItemKey::<C>::new(C::aggregate_keys(signers)?, tweaks)?.output)
    }
}

/// Why an [`OutputKey`] cannot be derived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputKeyError {
    /// The keys could not be aggregated.
    #[error(transparent)]
    Key(#[from] KeyAggregationError),
    /// A tweak cannot be applied.
    #[error(transparent)]
    Tweak(#[from] TweakError),
}

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Fewer signers than `min_signers`.
    #[error("{got} signers; at least {min} are needed")]
    TooFewSigners {
        /// How many there are.
        got: usize,
        /// The fewest that are allowed.
        min: usize,
    },
    /// More signers than `max_signers`.
    #[error("{got} signers; at most {max} are allowed")]
    TooManySigners {
        /// How many there are.
        got: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// Two signers have the same x coordinate.
    #[error("signers {0} and {1} have the same key")]
    DuplicateKey(SignerIndex, SignerIndex),
    /// The keys could not be aggregated.
    #[error(transparent)]
    Key(#[from] KeyAggregationError),
    /// The coordinator is not one of the signers.
    #[error("the coordinator is not one of the signers")]
    NoCoordinator,
    /// There is nothing to sign.
    #[error("there is nothing to sign")]
    NoItems,
    /// More items than `max_items`.
    #[error("{got} items; at most {max} are allowed")]
    TooManyItems {
        /// How many there are.
        got: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// The items' tweaks take more than four steps for each of `max_items`. Each child number of a
    /// path is a step, and each other tweak is one.
    #[error("the tweaks take {got} steps; at most {max} are allowed")]
    TooManyTweaks {
        /// How many there are.
        got: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// An item's tweak cannot be applied.
    #[error("item {item}: {error}")]
    Tweak {
        /// The item's position, from 0.
        item: usize,
        /// What is wrong.
        error: TweakError,
    },
    /// An item's tweaked key is a signer's own key: the item's signature would be that signer's
    /// own, not the group's.
    #[error("item {item}: the tweaked key is signer {signer}'s own key")]
    TweakedToSigner {
        /// The item's position, from 0.
        item: usize,
        /// The signer whose key it is.
        signer: SignerIndex,
    },
    /// The memo is longer than `max_memo`.
    #[error("the memo has {got} bytes; at most {max} are allowed")]
    MemoTooLong {
        /// Its length in bytes.
        got: usize,
        /// The longest that is allowed.
        max: usize,
    },
    /// The session does not expire after its creation, or lasts longer than `max_session_duration`.
    #[error("the session lasts {got:?}; it must last longer than zero and at most {max:?}")]
    TooLong {
        /// From creation to expiry.
        got: Duration,
        /// The longest that is allowed.
        max: Duration,
    },
    /// The session was created further in the future than clocks may differ.
    #[error("created {0:?} in the future")]
    InFuture(Duration),
    /// The announcement does not fit into a frame.
    #[error("the announcement needs a frame of {size} bytes; at most {max} are allowed")]
    TooLarge {
        /// Its size in bytes, with the final signatures and the envelope.
        size: usize,
        /// The size of the largest frame.
        max: usize,
    },
    /// The session's time, or the time to join it, is over.
    #[error("expired {0:?} ago")]
    Over(Duration),
    /// Several of this node's keys are among the signers.
    #[error("several of this node's keys are among the signers: run a node for each")]
    SeveralOwnKeys,
    /// The manifest uses a field that is reserved for a later version.
    #[error("uses {0}, which this version does not support")]
    Reserved(&'static str),
}

impl ManifestError {
    /// Returns whether a node with another clock, other limits or a later version could take part
    /// in the session.
    pub(crate) fn is_of_this_node(&self) -> bool {
        match self {
            Self::TooFewSigners { .. }
            | Self::TooManySigners { .. }
            | Self::TooManyItems { .. }
            | Self::TooManyTweaks { .. }
            | Self::Tweak { error: TweakError::Raw, .. }
            | Self::MemoTooLong { .. }
            | Self::TooLong { .. }
            | Self::TooLarge { .. }
            | Self::InFuture(_)
            | Self::Over(_)
            | Self::Reserved(_) => true,
            Self::DuplicateKey(..)
            | Self::Key(_)
            | Self::NoCoordinator
            | Self::NoItems
            | Self::Tweak { .. }
            | Self::TweakedToSigner { .. }
            | Self::SeveralOwnKeys => false,
        }
    }
}

impl<C: Crypto> Agreement<C> {
    /// Checks everything about the manifest except its times, cheap checks first.
    pub(crate) fn new(
        id: SessionId,
        manifest: Manifest,
        config: &Config,
    ) -> Result<Self, ManifestError> {
        check_shape(&manifest, config)?;
        let untweaked = C::aggregate_keys(manifest.signers())?;
        let (mut keys, mut outputs) = (Vec::new(), Vec::new());
        for (item, content) in (0..).zip(manifest.items()) {
            let key = ItemKey::<C>::in_manifest(&manifest, item, content, untweaked.clone())?;
            keys.push(key.aggregate);
            outputs.push(key.output);
        }
        Ok(Self { id, manifest: Arc::new(manifest), keys, outputs: outputs.into() })
    }

    /// Returns whether these are the final signatures.
    pub(crate) fn verifies(&self, signatures: &[Signature]) -> bool {
        verifies::<C>(&self.manifest, &self.outputs, signatures)
    }
}

/// Returns whether there is a valid signature for each item, under the item's own key.
pub(crate) fn verifies<C: Crypto>(
    manifest: &Manifest,
    keys: &[OutputKey],
    signatures: &[Signature],
) -> bool {
    let items = manifest.items();
    signatures.len() == items.len()
        && keys.len() == items.len()
        && keys.iter().zip(items).zip(signatures).all(|((output, item), signature)| {
            C::verify(&output.key, item.message().as_bytes(), signature)
        })
}

/// Makes the checks that need no curve arithmetic.
pub(crate) fn check_shape(manifest: &Manifest, config: &Config) -> Result<(), ManifestError> {
    check_counts(manifest, config)?;
    check_reserved(manifest)?;
    check_distinct(manifest)?;
    check_tweaks(manifest, config)
}

/// Makes the key-independent tweak checks: none of the tweaks is one that is always refused, and
/// there are not too many in total.
fn check_tweaks(manifest: &Manifest, config: &Config) -> Result<(), ManifestError> {
    for (item, content) in manifest.items().iter().enumerate() {
        for tweak in content.tweaks() {
            tweak
                .check(config.allow_raw_tweaks)
                .map_err(|error| ManifestError::Tweak { item, error })?;
        }
    }
    let (got, max) = (tweak_steps(manifest), STEPS_PER_ITEM * config.max_items);
    if got > max {
        return Err(ManifestError::TooManyTweaks { got, max });
    }
    Ok(())
}

/// Returns how many points must be computed for a manifest's tweaks.
pub(crate) fn tweak_steps(manifest: &Manifest) -> usize {
    manifest.items().iter().flat_map(Item::tweaks).map(Tweak::steps).sum()
}

/// Checks whether a manifest may be signed now. This is cheap.
pub(crate) fn check_time(
    manifest: &Manifest,
    now: Timestamp,
    config: &Config,
) -> Result<(), ManifestError> {
    let lead = manifest.created_at.saturating_since(now);
    if lead > config.clock_skew {
        return Err(ManifestError::InFuture(lead));
    }
    let got = manifest.expires_at.saturating_since(manifest.created_at);
    if got.is_zero() || got > config.max_session_duration {
        return Err(ManifestError::TooLong { got, max: config.max_session_duration });
    }
    let end = manifest.expires_at;
    if now >= end {
        return Err(ManifestError::Over(now.saturating_since(end)));
    }
    Ok(())
}

/// Returns when a published announcement stops being accepted: at the end of its time to live, or
/// of the session.
pub(crate) fn join_deadline(manifest: &Manifest, config: &Config) -> Timestamp {
    manifest.created_at.saturating_add(config.announcement_ttl).min(manifest.expires_at)
}

fn check_counts(manifest: &Manifest, config: &Config) -> Result<(), ManifestError> {
    let signers = manifest.signer_count();
    if signers < config.min_signers {
        return Err(ManifestError::TooFewSigners { got: signers, min: config.min_signers });
    }
    if signers > config.max_signers {
        return Err(ManifestError::TooManySigners { got: signers, max: config.max_signers });
    }
    if manifest.signer(manifest.coordinator).is_none() {
        return Err(ManifestError::NoCoordinator);
    }
    let items = manifest.items().len();
    if items == 0 {
        return Err(ManifestError::NoItems);
    }
    if items > config.max_items {
        return Err(ManifestError::TooManyItems { got: items, max: config.max_items });
    }
    let memo = manifest.memo().len();
    if memo > config.max_memo {
        return Err(ManifestError::MemoTooLong { got: memo, max: config.max_memo });
    }
    Ok(())
}

fn check_reserved(manifest: &Manifest) -> Result<(), ManifestError> {
    if !manifest.identities.is_empty() {
        return Err(ManifestError::Reserved("identity keys"));
    }
    if manifest.extractor.is_some() || manifest.items().iter().any(|item| item.adaptor.is_some()) {
        return Err(ManifestError::Reserved("adaptor signatures"));
    }
    Ok(())
}

/// Checks that the signers' x coordinates are distinct. Two keys that differ only in y share one
/// secret, up to its sign.
fn check_distinct(manifest: &Manifest) -> Result<(), ManifestError> {
    let mut seen = BTreeMap::new();
    for (index, key) in manifest.indices().zip(manifest.signers()) {
        if let Some(first) = seen.insert(key.x_only(), index) {
            return Err(ManifestError::DuplicateKey(first, index));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::bounded::{Bytes, List};
    use crate::base::bytes::{Message, TweakScalar};
    use crate::crypto::TweakKind;
    use crate::terms::manifest::Salt;

    fn manifest(signers: u8, items: Vec<Item>) -> Manifest {
        Manifest {
            signers: List::new((0..signers).map(|number| PublicKey::new([number; 33])).collect())
                .unwrap(),
            coordinator: SignerIndex::new(0),
            identities: List::empty(),
            items: List::new(items).unwrap(),
            extractor: None,
            created_at: Timestamp::from_millis(1_000_000),
            expires_at: Timestamp::from_millis(1_600_000),
            salt: Salt::new([0; 32]),
            memo: Bytes::default(),
        }
    }

    fn item() -> Item {
        Item::new(Message::new([1; 32]))
    }

    fn check(manifest: &Manifest) -> Result<(), ManifestError> {
        check_shape(manifest, &Config::default().with_max_items(2).with_allow_raw_tweaks(true))
    }

    #[test]
    fn reserved_fields_are_refused() {
        assert_eq!(check(&manifest(2, vec![item()])), Ok(()));
        let mut identities = manifest(2, vec![item()]);
        identities.identities = List::new(vec![XOnlyPublicKey::new([1; 32])]).unwrap();
        assert_eq!(check(&identities), Err(ManifestError::Reserved("identity keys")));
        let mut extractor = manifest(2, vec![item()]);
        extractor.extractor = Some(SignerIndex::new(1));
        assert_eq!(check(&extractor), Err(ManifestError::Reserved("adaptor signatures")));
        let mut adaptor = item();
        adaptor.adaptor = Some(PublicKey::new([2; 33]));
        assert_eq!(
            check(&manifest(2, vec![item(), adaptor])),
            Err(ManifestError::Reserved("adaptor signatures"))
        );
    }

    #[test]
    fn a_manifest_at_its_limits_is_taken_and_beyond_them_refused() {
        assert_eq!(check(&manifest(15, vec![item(), item()])), Ok(()));
        assert_eq!(
            check(&manifest(16, vec![item()])),
            Err(ManifestError::TooManySigners { got: 16, max: 15 })
        );
        let three = manifest(2, vec![item(), item(), item()]);
        assert_eq!(check(&three), Err(ManifestError::TooManyItems { got: 3, max: 2 }));
        let memo = |length| Manifest {
            memo: Bytes::new(vec![0; length]).unwrap(),
            ..manifest(2, vec![item()])
        };
        assert_eq!(check(&memo(1024)), Ok(()));
        assert_eq!(check(&memo(1025)), Err(ManifestError::MemoTooLong { got: 1025, max: 1024 }));
        let raw = PlainTweak { kind: TweakKind::Plain, scalar: TweakScalar::new([1; 32]) };
        let tweaked =
            |steps| manifest(2, vec![item().with_tweaks(vec![Tweak::Raw(raw); steps]).unwrap(); 1]);
        assert_eq!(check(&tweaked(8)), Ok(()));
        let path = Tweak::Bip32 {
            chain_code: crate::base::bytes::ChainCode::BIP328,
            path: List::new(vec![1, 2, 3]).unwrap(),
        };
        let nine = manifest(2, vec![item().with_tweaks(vec![path; 3]).unwrap()]);
        assert_eq!(check(&nine), Err(ManifestError::TooManyTweaks { got: 9, max: 8 }));
        let nobody = Manifest { coordinator: SignerIndex::new(2), ..manifest(2, vec![item()]) };
        assert_eq!(check(&nobody), Err(ManifestError::NoCoordinator));
    }

    #[test]
    fn a_manifest_is_taken_only_within_its_time() {
        let check = |manifest: &Manifest, now| {
            check_time(manifest, Timestamp::from_millis(now), &Config::default())
        };
        let good = manifest(2, vec![item()]);
        assert_eq!(check(&good, 1_000_000 - 30_000), Ok(()), "clocks may differ by so much");
        let early = Duration::from_millis(30_001);
        assert_eq!(check(&good, 1_000_000 - 30_001), Err(ManifestError::InFuture(early)));
        assert_eq!(check(&good, 1_599_999), Ok(()));
        assert_eq!(check(&good, 1_600_001), Err(ManifestError::Over(Duration::from_millis(1))));
        assert_eq!(check(&good, 1_600_000), Err(ManifestError::Over(Duration::ZERO)));
        for end in [1_000_000, 1_600_001] {
            let other = Manifest { expires_at: Timestamp::from_millis(end), ..good.clone() };
            assert!(matches!(check(&other, 1_000_000), Err(ManifestError::TooLong { .. })));
        }
    }
}
