//! A MuSig2 key: who takes part in it, and how it is derived.

use super::error::DescriptorError;
use super::key::aggregate;
use bitcoin::XOnlyPublicKey;
use musig2_proto::{ChainCode, DerivationPath, PublicKey, Tweak};
use serde::Serialize;

/// A key that several parties hold together by MuSig2, at one address of a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JointKey {
    /// The participants, in the order of aggregation: their keys, sorted (BIP390).
    pub participants: Vec<Participant>,
    /// The participants' aggregate key (33 bytes), as KeyAgg returns it.
    pub aggregate: PublicKey,
    /// The child numbers from the aggregate key to `key` (BIP328). It is empty if nothing is
    /// derived after aggregation.
    pub path: Vec<u32>,
    /// The key at the end of `path` (33 bytes), before any taproot tweak.
    pub key: PublicKey,
}

/// One party of a [`JointKey`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Participant {
    /// The key that is aggregated (33 bytes).
    pub key: PublicKey,
    /// The key that the wallet names (33 bytes): `key` is its child at `path`, or the same.
    pub root: PublicKey,
    /// The chain code of `root`, if it is an extended key.
    pub chain_code: Option<ChainCode>,
    /// The child numbers from `root` to `key`, none of them hardened.
    pub path: Vec<u32>,
}

impl JointKey {
    /// Sorts and aggregates keys (BIP390, BIP327 KeySort and KeyAgg).
    pub(crate) fn aggregate(mut participants: Vec<Participant>) -> Result<Self, DescriptorError> {
        participants.sort();
        let keys: Vec<_> = participants.iter().map(|participant| participant.key).collect();
        let mut x_only: Vec<_> = keys.iter().map(PublicKey::x_only).collect();
        x_only.sort();
        x_only.dedup();
        // The protocol tells signers apart by x.
        if x_only.len() < keys.len() {
            return Err(DescriptorError::DuplicateParticipant);
        }
        let aggregate = aggregate(&keys)?;
        Ok(Self { participants, aggregate, path: Vec::new(), key: aggregate })
    }

    /// Returns the child at this path, whose key is given.
    pub(crate) fn child(self, key: bitcoin::secp256k1::PublicKey, path: Vec<u32>) -> Self {
        Self { path, key: PublicKey::new(key.serialize()), ..self }
    }

    pub(crate) fn x_only(&self) -> Result<XOnlyPublicKey, DescriptorError> {
        XOnlyPublicKey::from_slice(self.key.x_only().as_bytes())
            .map_err(|error| DescriptorError::Key(error.to_string()))
    }

    /// Returns whether one of these keys takes part: as it is aggregated, or as the wallet names
    /// it.
    pub fn has(&self, keys: &[PublicKey]) -> bool {
        self.participants.iter().any(|one| keys.contains(&one.key) || keys.contains(&one.root))
    }

    /// Returns the keys to aggregate, in order: the signers of a session.
    pub fn signers(&self) -> Vec<PublicKey> {
        self.participants.iter().map(|participant| participant.key).collect()
    }

    /// Returns the path by which every participant's key is derived from the key that the wallet
    /// names, if that is one path for all of them.
    pub fn common_path(&self) -> Option<&[u32]> {
        let mut paths = self.participants.iter().map(|participant| participant.path.as_slice());
        let first = paths.next()?;
        paths.all(|path| path == first).then_some(first)
    }

    /// Returns the tweaks from the aggregate key to `key`. There are none if `path` is empty.
    pub(crate) fn tweaks(&self) -> Result<Vec<Tweak>, musig2_proto::LengthError> {
        if self.path.is_empty() {
            return Ok(Vec::new());
        }
        let path = DerivationPath::new(self.path.clone())?;
        Ok(vec![Tweak::Bip32 { chain_code: ChainCode::BIP328, path }])
    }
}
