//! Output descriptors that can hold MuSig2 keys: `tr()` and `rawtr()` with `musig()` (BIP390), and
//! wallet policies (BIP388).
//!
//! | file | subject |
//! | --- | --- |
//! | `error.rs` | why a text is refused |
//! | `joint.rs` | [`JointKey`]: the participants of a MuSig2 key, and its derivation |
//! | `key.rs` | key expressions, and their keys at a branch and index |
//! | `parse.rs` | from text to a script tree |
//! | `policy.rs` | from a policy to a descriptor |
//! | `address.rs` | one output of the wallet, and how it is spent |

mod address;
mod error;
mod joint;
mod key;
mod parse;
mod policy;

pub(crate) use address::{OwnLeaf, OwnOutput};
pub use error::DescriptorError;
pub use joint::{JointKey, Participant};
pub use parse::MAX_DESCRIPTOR_SIZE;
pub(crate) use policy::expand as expand_policy;

use bitcoin::NetworkKind;
use bitcoin::bip32::{ChildNumber, Fingerprint};
use bitcoin::secp256k1::{Secp256k1, VerifyOnly};
use key::KeyExpression;
use miniscript::DescriptorPublicKey;
use parse::Tree;
use std::collections::BTreeSet;

/// A descriptor that was read: a script tree, and its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    tree: Tree,
    /// The keys by number. After [`Descriptor::into_branches`] they have no choices.
    keys: Vec<KeyExpression>,
}

impl Descriptor {
    /// Reads a descriptor, with or without a checksum.
    pub(crate) fn parse(text: &str, network: NetworkKind) -> Result<Self, DescriptorError> {
        let (tree, keys) = parse::parse(text, network)?;
        let read = Self { tree, keys };
        read.branches()?;
        Ok(read)
    }

    /// Returns how many branches there are (receive, change).
    fn branches(&self) -> Result<usize, DescriptorError> {
        let counts = self.keys.iter().map(KeyExpression::branches);
        let counts = counts.collect::<Result<BTreeSet<_>, _>>()?;
        let mut several = counts.into_iter().filter(|&count| count != 1);
        match (several.next(), several.next()) {
            (_, Some(_)) => Err(DescriptorError::Multipath),
            (count, None) => Ok(count.unwrap_or(1)),
        }
    }

    /// Divides the descriptor into its branches, without choices.
    pub(crate) fn into_branches(self) -> impl Iterator<Item = Self> {
        let branches = self.branches().unwrap_or(1);
        (0..branches).map(move |branch| Self {
            tree: self.tree.clone(),
            keys: self.keys.iter().map(|key| key.at_branch(branch)).collect(),
        })
    }

    /// Returns whether there is more than one address.
    pub(crate) fn is_ranged(&self) -> bool {
        self.keys.iter().any(KeyExpression::is_ranged)
    }

    /// Returns the step before the index, which tells branches apart, if there is one.
    pub(crate) fn last_step(&self) -> Option<ChildNumber> {
        let mut keys = self.keys.iter().flat_map(KeyExpression::keys);
        keys.find(|key| key.has_wildcard())?.derivation_path()?.into_iter().last().copied()
    }

    /// Returns the fingerprints that the derivation fields of a PSBT name this wallet's keys by.
    pub(crate) fn fingerprints(&self) -> BTreeSet<Fingerprint> {
        let keys = self.keys.iter().flat_map(KeyExpression::keys);
        keys.map(DescriptorPublicKey::master_fingerprint).collect()
    }

    /// Derives the output at an index.
    pub(crate) fn derive(
        &self,
        index: u32,
        secp: &Secp256k1<VerifyOnly>,
    ) -> Result<OwnOutput, DescriptorError> {
        let keys = self.keys.iter().map(|key| key.derive(index, secp));
        OwnOutput::new(&self.tree, keys.collect::<Result<Vec<_>, _>>()?)
    }
}
