//! One output of a wallet: its script, and the ways to spend it.

use super::error::DescriptorError;
use super::joint::JointKey;
use super::key::DerivedKey;
use super::parse::{Slot, Tree};
use bitcoin::key::TweakedPublicKey;
use bitcoin::secp256k1::Parity;
use bitcoin::taproot::ControlBlock;
use bitcoin::{ScriptBuf, TapLeafHash, TapNodeHash, XOnlyPublicKey};
use miniscript::{ForEachKey, Miniscript, Tap, TranslateErr, Translator, translate_hash_clone};
use musig2_proto::PublicKey;
use std::sync::Arc;

/// An output of the wallet.
#[derive(Debug, Clone)]
pub(crate) struct OwnOutput {
    /// The script that coins are paid to.
    pub script_pubkey: ScriptBuf,
    /// The output key with its true parity (33 bytes).
    pub output_key: PublicKey,
    /// The key before the taproot tweak. `rawtr()` has none.
    pub internal_key: Option<XOnlyPublicKey>,
    /// The root of the script tree, if there is one.
    pub merkle_root: Option<TapNodeHash>,
    /// The MuSig2 key of the key path, if it is one.
    pub key_path: Option<JointKey>,
    /// The script tree's leaves, from left to right.
    pub leaves: Vec<Arc<OwnLeaf>>,
}

/// A leaf of the script tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnLeaf {
    pub hash: TapLeafHash,
    pub script: ScriptBuf,
    pub control_block: ControlBlock,
    pub miniscript: Arc<Miniscript<XOnlyPublicKey, Tap>>,
    /// The MuSig2 keys in the script.
    pub joint_keys: Vec<JointKey>,
}

impl OwnOutput {
    pub(super) fn new(tree: &Tree, keys: Vec<DerivedKey>) -> Result<Self, DescriptorError> {
        match tree {
            Tree::RawTr(slot) => Self::raw(slot, keys),
            Tree::Tr(tree) => {
                let tree =
                    tree.translate_pk(&mut ByNumber(&keys)).map_err(|error| match error {
                        TranslateErr::TranslatorErr(error) => error,
                        TranslateErr::OuterError(error) => {
                            DescriptorError::Script(error.to_string())
                        }
                    })?;
                Ok(Self::tree(&tree, keys))
            }
        }
    }

    /// `rawtr(KEY)`: the key is the output key, without a tweak.
    fn raw(slot: &Slot, keys: Vec<DerivedKey>) -> Result<Self, DescriptorError> {
        let key = number(&keys, *slot)?;
        let even = whole(key.x_only, Parity::Even);
        let output_key = key.joint.as_ref().map_or(even, |joint| joint.key);
        let tweaked = TweakedPublicKey::dangerous_assume_tweaked(key.x_only);
        Ok(Self {
            script_pubkey: ScriptBuf::new_p2tr_tweaked(tweaked),
            output_key,
            internal_key: None,
            merkle_root: None,
            key_path: key.joint.clone(),
            leaves: Vec::new(),
        })
    }

    fn tree(tree: &miniscript::descriptor::Tr<XOnlyPublicKey>, keys: Vec<DerivedKey>) -> Self {
        let spend = tree.spend_info();
        let joint = |x_only: &XOnlyPublicKey| {
            keys.iter().find(|key| key.x_only == *x_only).and_then(|key| key.joint.clone())
        };
        let leaves = spend.leaves().map(|leaf| {
            let mut joint_keys = Vec::new();
            leaf.miniscript().for_each_key(|key| {
                joint_keys.extend(joint(key));
                true
            });
            Arc::new(OwnLeaf {
                hash: leaf.leaf_hash(),
                script: leaf.script().to_owned(),
                control_block: leaf.control_block().clone(),
                miniscript: Arc::clone(leaf.miniscript()),
                joint_keys,
            })
        });
        Self {
            leaves: leaves.collect(),
            script_pubkey: ScriptBuf::new_p2tr_tweaked(spend.output_key()),
            output_key: whole(spend.output_key().to_x_only_public_key(), spend.output_key_parity()),
            internal_key: Some(spend.internal_key()),
            merkle_root: spend.merkle_root(),
            key_path: joint(tree.internal_key()),
        }
    }

    /// Returns all MuSig2 keys, of the key path and of the leaves.
    pub(crate) fn joint_keys(&self) -> impl Iterator<Item = &JointKey> {
        self.key_path.iter().chain(self.leaves.iter().flat_map(|leaf| &leaf.joint_keys))
    }
}

/// Puts the derived keys in the places of their numbers.
struct ByNumber<'a>(&'a [DerivedKey]);

impl Translator<Slot> for ByNumber<'_> {
    type TargetPk = XOnlyPublicKey;
    type Error = DescriptorError;

    fn pk(&mut self, slot: &Slot) -> Result<XOnlyPublicKey, DescriptorError> {
        number(self.0, *slot).map(|key| key.x_only)
    }

    translate_hash_clone!(Slot);
}

fn number(keys: &[DerivedKey], slot: Slot) -> Result<&DerivedKey, DescriptorError> {
    // Each slot was made with its key.
    keys.get(slot.0).ok_or(DescriptorError::Kind)
}

fn whole(x_only: XOnlyPublicKey, parity: Parity) -> PublicKey {
    PublicKey::new(x_only.public_key(parity).serialize())
}
