//! A manifest found good: every rule about what may be signed, and the keys that sign it.

use crate::base::bytes::{PublicKey, Signature, XOnlyPublicKey};
use crate::base::ids::{SessionId, SignerIndex};
use crate::base::time::Timestamp;
use crate::config::Config;
use crate::crypto::{Crypto, KeyAggregationError, PlainTweak};
use crate::terms::item::Item;
use crate::terms::manifest::Manifest;
use crate::terms::tweak::{Tweak, TweakError};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many tweak steps a session may have for each item that the configuration allows: BIP328's two, taproot's one, and one more.
const STEPS_PER_ITEM: usize = 4;

/// A manifest that passed every check, with the key of each item.
pub(crate) struct Agreement<C: Crypto> {
    pub(crate) id: SessionId,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) keys: Vec<ItemKey<C>>,
}

/// The key that one item's signature is for.
pub(crate) struct ItemKey<C: Crypto> {
    pub(crate) aggregate: C::KeyAggregate,
    pub(crate) output: OutputKey,
}

/// The key that an item's signature verifies under, and how it comes from the signers' aggregate key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OutputKey {
    /// The tweaks that were applied, in order, as scalars.
    pub tweaks: Vec<PlainTweak>,
    /// The tweaked aggregate key (BIP340).
    pub key: XOnlyPublicKey,
}

impl<C: Crypto> ItemKey<C> {
    /// The key of one item of a manifest whose shape has been checked; `None` if it has no such item. What it takes does not depend on the
    /// manifest's other items.
    pub(crate) fn of(manifest: &Manifest, item: usize) -> Result<Option<Self>, ManifestError> {
        let Some(content) = manifest.items().get(item) else { return Ok(None) };
        Self::in_manifest(manifest, item, content, C::aggregate_keys(manifest.signers())?).map(Some)
    }

    /// From the signers' aggregate key.
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
    /// The key that the signatures of these signers, aggregated in this order, verify under after these tweaks: before there is a session.
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
    /// Where a key is not on the curve, the keys add up to infinity, or a tweak cannot be applied.
    pub fn derive<C: Crypto>(
        signers: &[PublicKey],
        tweaks: &[Tweak],
    ) -> Result<Self, OutputKeyError> {
        tweaks.iter().try_for_each(|tweak| tweak.check(false))?;
        Ok(ItemKey::<C>::new(C::aggregate_keys(signers)?, tweaks)?.output)
    }
}

/// Why there is no [`OutputKey`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputKeyError {
    /// A key could not be aggregated.
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
    #[error("{got} signers, and at least {min} are needed")]
    TooFewSigners {
        /// How many there are.
        got: usize,
        /// The least.
        min: usize,
    },
    /// More signers than `max_signers`.
    #[error("{got} signers, and at most {max} are allowed")]
    TooManySigners {
        /// How many there are.
        got: usize,
        /// The most.
        max: usize,
    },
    /// Two signers have one x coordinate.
    #[error("signers {0} and {1} have the same key")]
    DuplicateKey(SignerIndex, SignerIndex),
    /// A key could not be aggregated.
    #[error(transparent)]
    Key(#[from] KeyAggregationError),
    /// The coordinator is not one of the signers.
    #[error("the coordinator is not one of the signers")]
    NoCoordinator,
    /// Nothing to sign.
    #[error("there is nothing to sign")]
    NoItems,
    /// More items than `max_items`.
    #[error("{got} items, and at most {max} are allowed")]
    TooManyItems {
        /// How many there are.
        got: usize,
        /// The most.
        max: usize,
    },
    /// The items' tweaks take more steps than four for each of `max_items`, a step of a path being one.
    #[error("tweaks of {got} steps, and at most {max} are allowed")]
    TooManyTweaks {
        /// How many there are.
        got: usize,
        /// The most.
        max: usize,
    },
    /// An item's tweak cannot be applied.
    #[error("item {item}: {error}")]
    Tweak {
        /// Which item, from 0.
        item: usize,
        /// What is wrong.
        error: TweakError,
    },
    /// An item's tweaked key is a signer's own key: its signature would be one of that signer alone.
    #[error("item {item}: the tweaked key is the own key of signer {signer}")]
    TweakedToSigner {
        /// Which item, from 0.
        item: usize,
        /// Whose key.
        signer: SignerIndex,
    },
    /// The memo is longer than `max_memo`.
    #[error("a memo of {got} bytes, and at most {max} are allowed")]
    MemoTooLong {
        /// Its length in bytes.
        got: usize,
        /// The longest.
        max: usize,
    },
    /// Expires before it was created, or lasts longer than `max_session_duration`.
    #[error("a session of {got:?}, and at most {max:?} is allowed")]
    TooLong {
        /// From creation to expiry.
        got: Duration,
        /// The longest.
        max: Duration,
    },
    /// Created further in the future than clocks may differ.
    #[error("created {0:?} in the future")]
    InFuture(Duration),
    /// A frame has no room for it.
    #[error("with what goes with it the announcement takes {size} bytes, and a frame holds {max}")]
    TooLarge {
        /// Its size in bytes, with final signatures and envelope.
        size: usize,
        /// The largest frame.
        max: usize,
    },
    /// Its time, or the time to join it, is over.
    #[error("over since {0:?}")]
    Over(Duration),
    /// Several of this node's keys are among the signers.
    #[error("several of this node's keys are among the signers: run a node for each")]
    SeveralOwnKeys,
    /// Uses a field that is reserved for a later version.
    #[error("uses {0}, which this version does not know")]
    Reserved(&'static str),
}

impl ManifestError {
    /// Whether a node with another clock, or with other limits or a later version, could take it up.
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
    /// Checks everything about the manifest of this name but its time, cheap checks first.
    pub(crate) fn new(
        id: SessionId,
        manifest: Manifest,
        config: &Config,
    ) -> Result<Self, ManifestError> {
        check_shape(&manifest, config)?;
        let untweaked = C::aggregate_keys(manifest.signers())?;
        let items = (0..).zip(manifest.items());
        let keys = items
            .map(|(item, content)| {
                ItemKey::in_manifest(&manifest, item, content, untweaked.clone())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { id, manifest: Arc::new(manifest), keys })
    }

    /// Whether these are the final signatures.
    pub(crate) fn verifies(&self, signatures: &[Signature]) -> bool {
        verifies::<C>(&self.manifest, self.keys.iter().map(|key| &key.output), signatures)
    }
}

/// Whether there is a valid signature for each item, under its own key.
pub(crate) fn verifies<'a, C: Crypto>(
    manifest: &Manifest,
    keys: impl ExactSizeIterator<Item = &'a OutputKey>,
    signatures: &[Signature],
) -> bool {
    let items = manifest.items();
    signatures.len() == items.len()
        && keys.len() == items.len()
        && keys.zip(items).zip(signatures).all(|((output, item), signature)| {
            C::verify(&output.key, item.message().as_bytes(), signature)
        })
}

/// The checks that need no arithmetic on the curve.
pub(crate) fn check_shape(manifest: &Manifest, config: &Config) -> Result<(), ManifestError> {
    check_counts(manifest, config)?;
    check_reserved(manifest)?;
    check_distinct(manifest)?;
    check_tweaks(manifest, config)
}

/// What can be said of tweaks without a key: that none is refused anyway, and that together they are not too many.
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

/// How many points have to be computed for a manifest's tweaks.
pub(crate) fn tweak_steps(manifest: &Manifest) -> usize {
    manifest.items().iter().flat_map(Item::tweaks).map(Tweak::steps).sum()
}

/// Whether a manifest may be signed now. Costs nothing.
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

/// Until when a published announcement is taken: its time to live, or the session's end.
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

/// Distinct by x coordinate: two keys that differ in y alone have one secret between them.
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
        check_shape(manifest, &Config::default().with_max_items(2).with_raw_tweaks_allowed(true))
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
