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

pub(crate) mod address;
mod error;
mod joint;
mod key;
mod parse;
pub(crate) mod policy;

pub use error::DescriptorError;
pub use joint::{JointKey, Participant};
pub use parse::MAX_SIZE;

use address::OwnOutput;
use bitcoin::NetworkKind;
use bitcoin::bip32::Fingerprint;
use bitcoin::secp256k1::{Secp256k1, VerifyOnly};
use key::KeyExpression;
use parse::Tree;
use std::collections::BTreeSet;

/// A descriptor that was read: a script tree, and its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    tree: Tree,
    /// For each branch the keys by number, without choices.
    branches: Vec<Vec<KeyExpression>>,
    ranged: bool,
}

impl Descriptor {
    /// Reads a descriptor, with or without a checksum.
    pub(crate) fn parse(text: &str, network: NetworkKind) -> Result<Self, DescriptorError> {
        let (tree, keys) = parse::parse(text, network)?;
        let counts: Vec<_> = keys.iter().map(KeyExpression::branches).collect::<Result<_, _>>()?;
        let branches = counts.iter().copied().max().unwrap_or(1);
        if counts.iter().any(|&count| count != 1 && count != branches) {
            return Err(DescriptorError::Multipath);
        }
        let ranged = keys.iter().any(KeyExpression::is_ranged);
        let of = |branch| keys.iter().map(|key| key.at_branch(branch)).collect();
        Ok(Self { tree, branches: (0..branches).map(of).collect(), ranged })
    }

    /// Returns how many branches there are (receive, change).
    pub(crate) fn branches(&self) -> usize {
        self.branches.len()
    }

    /// Returns whether there is more than one address in a branch.
    pub(crate) const fn is_ranged(&self) -> bool {
        self.ranged
    }

    /// Returns the fingerprints that the derivation fields of a PSBT name this wallet's keys by.
    pub(crate) fn fingerprints(&self) -> BTreeSet<Fingerprint> {
        let keys = self.branches.iter().flatten().flat_map(KeyExpression::keys);
        keys.map(|key| key.master_fingerprint()).collect()
    }

    /// Derives the output at a branch and index.
    pub(crate) fn derive(
        &self,
        branch: usize,
        index: u32,
        secp: &Secp256k1<VerifyOnly>,
    ) -> Result<OwnOutput, DescriptorError> {
        let keys = self.branches.get(branch).ok_or(DescriptorError::Branch(branch))?;
        let keys = keys.iter().map(|key| key.derive(index, secp)).collect::<Result<Vec<_>, _>>()?;
        OwnOutput::new(&self.tree, keys)
    }
}
