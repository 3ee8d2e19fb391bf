//! A way to spend an input, and the message that is signed for it.

use crate::descriptor::{JointKey, OwnLeaf, OwnOutput};
use bitcoin::hashes::Hash;
use bitcoin::sighash::{Prevouts, SighashCache, TapSighashType};
use bitcoin::{Sequence, TapLeafHash, Transaction, TxOut, absolute, relative};
use core::fmt;
use miniscript::ForEachKey;
use miniscript::policy::Liftable;
use musig2_proto::{MerkleRoot, Message, PublicKey, Tweak};
use serde::Serialize;
use std::sync::Arc;

/// A way to spend an input in which this signer takes part, and what is signed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Spend {
    /// By the key path, or by a leaf.
    pub path: SpendPath,
    /// The participants, and their aggregate key.
    pub joint_key: JointKey,
    /// The tweaks from the aggregate key to `key`, in order.
    pub tweaks: Vec<Tweak>,
    /// The key that the signature verifies under (33 bytes, with its true parity): the output key,
    /// or the key in the leaf.
    pub key: PublicKey,
    /// The sighash (BIP341, BIP342), recomputed.
    pub message: Message,
    /// Whether the PSBT has a valid signature for it already.
    pub is_signed: bool,
    /// Why the leaf cannot be used in this transaction, if it cannot.
    pub unmet: Option<Unmet>,
    #[serde(skip)]
    pub(crate) leaf: Option<Arc<OwnLeaf>>,
}

/// By which part of a taproot output an input is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpendPath {
    /// By a signature of the output key.
    KeyPath,
    /// By a leaf of the script tree.
    Leaf {
        /// The leaf's position in the descriptor, from the left and from 0.
        number: usize,
        /// Its hash (BIP341).
        hash: TapLeafHash,
    },
}

/// Why a leaf cannot be used in a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unmet {
    /// A timelock of the leaf (`after`, `older`) is longer than the transaction's lock time or the
    /// input's sequence allow.
    #[error("its timelocks need another lock time, sequence or version than the transaction has")]
    Timelock,
}

impl Spend {
    /// Returns the keys to aggregate, in order: the signers of a session.
    pub fn signers(&self) -> Vec<PublicKey> {
        self.joint_key.signers()
    }

    /// Returns whether a session can be made for it.
    pub const fn is_open(&self) -> bool {
        !self.is_signed && self.unmet.is_none()
    }
}

impl fmt::Display for SpendPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyPath => f.write_str("the key path"),
            Self::Leaf { number, hash } => write!(f, "leaf {number} ({hash})"),
        }
    }
}

/// Computes the sighashes of one transaction. What the inputs share is hashed once.
pub(super) struct Sighashes<'a> {
    cache: SighashCache<&'a Transaction>,
    spent: &'a [TxOut],
}

impl<'a> Sighashes<'a> {
    pub(super) fn new(transaction: &'a Transaction, spent: &'a [TxOut]) -> Self {
        Self { cache: SighashCache::new(transaction), spent }
    }

    /// Returns the message, or `None` if the type is `SINGLE` and there is no such output.
    pub(super) fn of(
        &mut self,
        input: usize,
        leaf: Option<TapLeafHash>,
        kind: TapSighashType,
    ) -> Option<Message> {
        let spent = Prevouts::All(self.spent);
        let hash = match leaf {
            None => self.cache.taproot_key_spend_signature_hash(input, &spent, kind),
            Some(leaf) => self.cache.taproot_script_spend_signature_hash(input, &spent, leaf, kind),
        };
        hash.ok().map(|hash| Message::new(hash.to_byte_array()))
    }
}

/// A MuSig2 key of an output, and how it signs.
pub(super) struct Way<'a> {
    pub path: SpendPath,
    pub joint_key: &'a JointKey,
    pub tweaks: Vec<Tweak>,
    pub key: PublicKey,
    pub leaf: Option<&'a Arc<OwnLeaf>>,
}

/// Returns the ways to spend an output in which one of these keys takes part.
pub(super) fn ways<'a>(
    output: &'a OwnOutput,
    own_keys: &'a [PublicKey],
) -> impl Iterator<Item = Way<'a>> {
    let key_path = output.key_path.iter().filter_map(|joint_key| {
        let mut tweaks = joint_key.tweaks().ok()?;
        // `rawtr()` has no internal key: its key is the output key.
        if output.internal_key.is_some() {
            let root = output.merkle_root.map(|root| MerkleRoot::new(root.to_byte_array()));
            tweaks.push(Tweak::Taproot { merkle_root: root });
        }
        let path = SpendPath::KeyPath;
        Some(Way { path, joint_key, tweaks, key: output.output_key, leaf: None })
    });
    let leaves = output.leaves.iter().enumerate().flat_map(|(number, leaf)| {
        leaf.joint_keys.iter().filter_map(move |joint_key| {
            let path = SpendPath::Leaf { number, hash: leaf.hash };
            let tweaks = joint_key.tweaks().ok()?;
            Some(Way { path, joint_key, tweaks, key: joint_key.key, leaf: Some(leaf) })
        })
    });
    key_path.chain(leaves).filter(|way| way.joint_key.has(own_keys))
}

/// What timelocks are compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    age: relative::LockTime,
    lock_time: absolute::LockTime,
}

impl Clock {
    /// What an input allows. A relative timelock needs version 2 of the transaction (BIP68), and a
    /// lock time counts only if the input is not final (BIP65).
    pub(super) fn new(transaction: &Transaction, sequence: Sequence) -> Self {
        let age = sequence.to_relative_lock_time().filter(|_| transaction.version.0 >= 2);
        let lock_time = Some(transaction.lock_time).filter(|_| sequence != Sequence::MAX);
        Self {
            age: age.unwrap_or(relative::LockTime::ZERO),
            lock_time: lock_time.unwrap_or(absolute::LockTime::ZERO),
        }
    }

    /// Returns whether the key's signature is of use for the leaf: whether it occurs in what is
    /// left of the script when the timelocks that are not met are taken out.
    pub(super) fn allows(self, leaf: &OwnLeaf, key: &JointKey) -> bool {
        let Ok(policy) = leaf.miniscript.lift() else { return false };
        let policy = policy.at_age(self.age).at_lock_time(self.lock_time);
        let x_only = key.key.x_only();
        !policy.for_each_key(|other| other.serialize() != *x_only.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::consensus::encode::deserialize_hex;
    use bitcoin::{Amount, ScriptBuf};

    #[test]
    fn sighashes_are_those_of_bip341s_wallet_vectors() {
        let table = include_str!("../../tests/vectors/bip341.tsv");
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
        let of = |kind| rows.iter().filter(move |row| row[0] == kind);
        let transaction: Transaction =
            deserialize_hex(of("tx").next().expect("the transaction")[1]).unwrap();
        let spent: Vec<_> = of("spent")
            .map(|row| TxOut {
                script_pubkey: ScriptBuf::from_hex(row[1]).unwrap(),
                value: Amount::from_sat(row[2].parse().unwrap()),
            })
            .collect();
        let mut sighashes = Sighashes::new(&transaction, &spent);
        for row in of("input") {
            let kind = TapSighashType::from_consensus_u8(row[2].parse().unwrap()).unwrap();
            let message = sighashes.of(row[1].parse().unwrap(), None, kind).unwrap();
            assert_eq!(message.to_string(), row[5], "input {}", row[1]);
        }
        assert_eq!(of("input").count(), 7);
    }
}
