//! Key expressions (BIP380, BIP389, BIP390): single keys, extended keys and `musig()`.

use super::error::DescriptorError;
use super::joint::{JointKey, Participant};
use bitcoin::bip32::{ChainCode, ChildNumber, Fingerprint, Xpub};
use bitcoin::secp256k1::{Secp256k1, VerifyOnly};
use bitcoin::{NetworkKind, XOnlyPublicKey};
use miniscript::DescriptorPublicKey;
use miniscript::descriptor::{SinglePubKey, Wildcard};
use musig2_proto::{Crypto, DefaultCrypto, MAX_SIGNERS, PublicKey};

/// What stands in a descriptor where a key can stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyExpression {
    /// One party's key.
    Single(DescriptorPublicKey),
    /// `musig(A/…/*,B/…/*)`: each participant's key is derived, and then all are aggregated.
    DeriveThenAggregate(Vec<DescriptorPublicKey>),
    /// `musig(A,B)/…`: the keys are aggregated, and then a child of the aggregate key is derived
    /// (BIP328).
    AggregateThenDerive {
        /// The aggregate key, and the participants, whose keys do not vary.
        joint: JointKey,
        /// BIP328's synthetic extended key, with the path behind the `musig()`.
        child: DescriptorPublicKey,
    },
}

/// A key at one branch and index.
#[derive(Debug, Clone)]
pub(crate) struct DerivedKey {
    /// The key as a script has it.
    pub x_only: XOnlyPublicKey,
    /// The MuSig2 key that it is, if it is one.
    pub joint: Option<JointKey>,
}

impl KeyExpression {
    /// Reads a key that is not a `musig()`.
    pub(crate) fn single(text: &str, network: NetworkKind) -> Result<Self, DescriptorError> {
        extended_or_single(text, network).map(Self::Single)
    }

    /// Reads the inside of a `musig(…)`, and the path behind it (empty, or `/` and more).
    pub(crate) fn musig(
        inside: &str,
        path: &str,
        network: NetworkKind,
    ) -> Result<Self, DescriptorError> {
        let keys: Vec<_> = inside
            .split(',')
            .filter(|key| !key.is_empty())
            .map(|key| extended_or_single(key, network))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(DescriptorError::NoParticipants);
        }
        if keys.len() > MAX_SIGNERS {
            return Err(DescriptorError::TooManyParticipants(keys.len()));
        }
        if keys.iter().any(|key| !is_whole(key)) {
            return Err(DescriptorError::XOnlyParticipant);
        }
        if path.is_empty() {
            return Ok(Self::DeriveThenAggregate(keys));
        }
        if keys.iter().any(|key| matches!(key, DescriptorPublicKey::Single(_))) {
            return Err(DescriptorError::NotExtended);
        }
        if keys.iter().any(|key| key.is_multipath() || key.has_wildcard()) {
            return Err(DescriptorError::RangedTwice);
        }
        let secp = Secp256k1::verification_only();
        let participants = keys.iter().map(|key| participant(key, 0, &secp));
        let joint = JointKey::aggregate(participants.collect::<Result<_, _>>()?)?;
        let synthetic = synthetic(&joint, network)?;
        let child = extended_or_single(&format!("{synthetic}{path}"), network)?;
        Ok(Self::AggregateThenDerive { joint, child })
    }

    /// Returns how many branches the key has: the number of choices in `<…;…>`, or 1.
    pub(crate) fn branches(&self) -> Result<usize, DescriptorError> {
        let of = |key: &DescriptorPublicKey| key.derivation_paths().len();
        let mut several = self.keys().map(of).filter(|&branches| branches > 1);
        let Some(branches) = several.next() else { return Ok(1) };
        if several.any(|other| other != branches) {
            return Err(DescriptorError::Multipath);
        }
        Ok(branches)
    }

    /// Returns whether the key varies with the index.
    pub(crate) fn is_ranged(&self) -> bool {
        self.keys().any(DescriptorPublicKey::has_wildcard)
    }

    /// Returns the same key at one branch, without choices.
    pub(crate) fn at_branch(&self, branch: usize) -> Self {
        let pick = |key: &DescriptorPublicKey| {
            let singles = key.clone().into_single_keys();
            singles.get(branch).cloned().unwrap_or_else(|| key.clone())
        };
        match self {
            Self::Single(key) => Self::Single(pick(key)),
            Self::DeriveThenAggregate(keys) => {
                Self::DeriveThenAggregate(keys.iter().map(pick).collect())
            }
            Self::AggregateThenDerive { joint, child } => {
                Self::AggregateThenDerive { joint: joint.clone(), child: pick(child) }
            }
        }
    }

    /// Derives the key at an index. The key has no choices.
    pub(crate) fn derive(
        &self,
        index: u32,
        secp: &Secp256k1<VerifyOnly>,
    ) -> Result<DerivedKey, DescriptorError> {
        match self {
            Self::Single(key) => {
                let (derived, _) = derive(key, index, secp)?;
                Ok(DerivedKey { x_only: derived.x_only_public_key().0, joint: None })
            }
            Self::DeriveThenAggregate(keys) => {
                let participants = keys.iter().map(|key| participant(key, index, secp));
                let joint = JointKey::aggregate(participants.collect::<Result<_, _>>()?)?;
                Ok(DerivedKey { x_only: joint.x_only()?, joint: Some(joint) })
            }
            Self::AggregateThenDerive { joint, child } => {
                let (key, _) = derive(child, index, secp)?;
                let joint = joint.clone().child(key, steps(child, index)?);
                Ok(DerivedKey { x_only: joint.x_only()?, joint: Some(joint) })
            }
        }
    }

    /// Returns all keys in the expression.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &DescriptorPublicKey> {
        match self {
            Self::Single(key) | Self::AggregateThenDerive { child: key, .. } => {
                core::slice::from_ref(key)
            }
            Self::DeriveThenAggregate(keys) => keys.as_slice(),
        }
        .iter()
    }
}

/// Reads a key or an extended key, and refuses what a wallet must not or cannot have.
fn extended_or_single(
    text: &str,
    network: NetworkKind,
) -> Result<DescriptorPublicKey, DescriptorError> {
    if is_private(text) {
        return Err(DescriptorError::PrivateKey);
    }
    let key: DescriptorPublicKey =
        text.parse().map_err(|error: miniscript::descriptor::DescriptorKeyParseError| {
            DescriptorError::Key(error.to_string())
        })?;
    if key.has_hardened_step() || key.wildcard() == Some(Wildcard::Hardened) {
        return Err(DescriptorError::Hardened);
    }
    if key.xkey_network().is_some_and(|of| of != network) {
        return Err(DescriptorError::Network);
    }
    if let DescriptorPublicKey::Single(single) = &key
        && let SinglePubKey::FullKey(key) = single.key
        && !key.compressed
    {
        return Err(DescriptorError::Key("it is not compressed".into()));
    }
    Ok(key)
}

/// Says whether a text looks like a private key: an xprv, or WIF (base58, 51 or 52 characters).
fn is_private(text: &str) -> bool {
    let key = text.rsplit(']').next().unwrap_or(text);
    let word = key.split('/').next().unwrap_or(key);
    word.starts_with("xprv")
        || word.starts_with("tprv")
        || (matches!(word.len(), 51 | 52) && word.starts_with(['5', '9', 'K', 'L', 'c']))
}

fn is_whole(key: &DescriptorPublicKey) -> bool {
    match key {
        DescriptorPublicKey::Single(single) => matches!(single.key, SinglePubKey::FullKey(_)),
        _ => true,
    }
}

fn participant(
    key: &DescriptorPublicKey,
    index: u32,
    secp: &Secp256k1<VerifyOnly>,
) -> Result<Participant, DescriptorError> {
    let (derived, root) = derive(key, index, secp)?;
    let (root, chain_code) = match root {
        Some(xpub) => (xpub.public_key.serialize(), Some(xpub.chain_code.to_bytes())),
        None => (derived.serialize(), None),
    };
    Ok(Participant {
        key: PublicKey::new(derived.serialize()),
        root: PublicKey::new(root),
        chain_code: chain_code.map(musig2_proto::ChainCode::new),
        path: steps(key, index)?,
    })
}

type Derived = (bitcoin::secp256k1::PublicKey, Option<Xpub>);

/// Returns the key at the index, and the extended key that it was derived from.
fn derive(
    key: &DescriptorPublicKey,
    index: u32,
    secp: &Secp256k1<VerifyOnly>,
) -> Result<Derived, DescriptorError> {
    let root = match key {
        DescriptorPublicKey::Single(_) => None,
        DescriptorPublicKey::XPub(xpub) => Some(xpub.xkey),
        DescriptorPublicKey::MultiXPub(_) => return Err(DescriptorError::Multipath),
    };
    let definite =
        key.clone().at_derivation_index(index).map_err(|_| DescriptorError::Index { index })?;
    Ok((definite.derive_public_key(secp).inner, root))
}

/// Returns the child numbers from the extended key to the key at the index.
fn steps(key: &DescriptorPublicKey, index: u32) -> Result<Vec<u32>, DescriptorError> {
    let path = key.derivation_path().ok_or(DescriptorError::Multipath)?;
    let last = key.has_wildcard().then_some(index);
    Ok(path.to_u32_vec().into_iter().chain(last).collect())
}

/// BIP328: the extended key of an aggregate key.
pub(crate) fn synthetic(joint: &JointKey, network: NetworkKind) -> Result<Xpub, DescriptorError> {
    let key = bitcoin::secp256k1::PublicKey::from_slice(joint.key.as_bytes());
    Ok(Xpub {
        network,
        depth: 0,
        parent_fingerprint: Fingerprint::default(),
        child_number: ChildNumber::Normal { index: 0 },
        public_key: key.map_err(|error| DescriptorError::Key(error.to_string()))?,
        chain_code: ChainCode::from(musig2_proto::ChainCode::BIP328.to_bytes()),
    })
}

/// Aggregates keys by the engine of the protocol.
pub(crate) fn aggregate(keys: &[PublicKey]) -> Result<PublicKey, DescriptorError> {
    let aggregate = DefaultCrypto::aggregate_keys(keys)?;
    Ok(DefaultCrypto::aggregate_key(&aggregate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_keys_of_aggregate_keys_are_those_of_bip328() {
        let table = include_str!("../../tests/vectors/bip328.tsv");
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        let mut seen = 0;
        for row in rows.map(|line| line.split('\t').collect::<Vec<_>>()) {
            // The BIP aggregates them as they stand. A descriptor would sort them.
            let keys: Vec<PublicKey> = row[0].split(',').map(|key| key.parse().unwrap()).collect();
            let key = aggregate(&keys).unwrap();
            assert_eq!(key.to_string(), row[1]);
            let joint = JointKey { participants: Vec::new(), aggregate: key, path: vec![], key };
            assert_eq!(synthetic(&joint, NetworkKind::Main).unwrap().to_string(), row[2]);
            seen += 1;
        }
        assert_eq!(seen, 3);
    }
}
