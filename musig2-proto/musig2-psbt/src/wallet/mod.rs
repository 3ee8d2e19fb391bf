//! Wallets: output descriptors with a name and a network, and the addresses that they have.
//!
//! | file | subject |
//! | --- | --- |
//! | `mod.rs` | [`Wallet`] |
//! | `file.rs` | [`WalletFile`]: a wallet as a file has it |
//! | `find.rs` | which wallet a script belongs to |

mod file;
mod find;

pub use file::{WalletError, WalletFile};
pub(crate) use find::{Finder, Found};

use crate::descriptor::{Descriptor, DescriptorError, JointKey, OwnOutput, expand_policy};
use bitcoin::bip32::Fingerprint;
use bitcoin::secp256k1::Secp256k1;
use bitcoin::{Address, Network, NetworkKind};
use core::fmt;
use miniscript::descriptor::checksum::Engine;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How far an address may be beyond the highest one that is known to be used: a thousand. Whoever
/// recovers the wallet from its descriptor must find the coins by looking at one address after the
/// other, so change far away is as good as lost, or held to ransom.
pub const DEFAULT_GAP: u32 = 1000;

/// A wallet: one or two output descriptors (BIP380, BIP390) or a policy (BIP388), with a name.
///
/// It has public keys only. It is what decides which inputs and outputs of a transaction are ours:
/// an output is ours if its script is one that the descriptor gives, whatever a PSBT says.
///
/// ```
/// use bitcoin::Network;
/// use musig2_psbt::Wallet;
///
/// let wallet = Wallet::from_descriptor(
///     "treasury",
///     Network::Bitcoin,
///     "tr(musig(\
///         02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9,\
///         03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659,\
///         023590a94e768f8e1815c2f24b4d80a8e3149316c3518ce7b7ad338368d038ca66))",
/// )?;
/// let address = wallet.address(0, 0)?;
/// assert_eq!(
///     address.address.script_pubkey().to_hex_string(),
///     "512079e6c3e628c9bfbce91de6b7fb28e2aec7713d377cf260ab599dcbc40e542312", // BIP390
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    name: String,
    network: Network,
    /// The descriptor, and the one for change if it is another.
    texts: Vec<String>,
    /// Their branches one after the other: receive, change.
    branches: Vec<Descriptor>,
    used: BTreeMap<u32, u32>,
    gap: u32,
}

/// Where an address stands in a wallet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The wallet's name.
    pub wallet: String,
    /// 0 for receiving, 1 for change.
    pub branch: u32,
    /// The address's number in the branch. It is 0 if the branch has only one.
    pub index: u32,
}

/// An address of a wallet, and the MuSig2 keys that can spend from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletAddress {
    /// Where it stands.
    pub place: Place,
    /// The address (BIP350).
    pub address: Address,
    /// The MuSig2 key of the key path, if it is one.
    pub key_path: Option<JointKey>,
    /// For each leaf of the script tree, from left to right, its MuSig2 keys.
    pub leaves: Vec<Vec<JointKey>>,
}

impl Wallet {
    /// Makes a wallet from a descriptor, with or without a checksum: `tr(…)` or `rawtr(…)`.
    /// `<0;1>` in it stands for receiving and change (BIP389).
    ///
    /// # Errors
    /// If it is not such a descriptor, if a private key is in it, or if it is not one that a wallet
    /// can use.
    pub fn from_descriptor(
        name: impl Into<String>,
        network: Network,
        descriptor: &str,
    ) -> Result<Self, DescriptorError> {
        let wallet = Self {
            name: name.into(),
            network,
            texts: Vec::new(),
            branches: Vec::new(),
            used: BTreeMap::new(),
            gap: DEFAULT_GAP,
        };
        wallet.with_more(descriptor)
    }

    /// Makes a wallet from a wallet policy (BIP388): a descriptor template, and its keys.
    ///
    /// # Errors
    /// If it is not a valid policy, or as [`Wallet::from_descriptor`].
    pub fn from_policy(
        name: impl Into<String>,
        network: Network,
        template: &str,
        keys: &[String],
    ) -> Result<Self, DescriptorError> {
        Self::from_descriptor(name, network, &expand_policy(template, keys)?)
    }

    /// Adds the descriptor of change, if it is one of its own, as Bitcoin Core lists it.
    ///
    /// # Errors
    /// If the wallet has change addresses already, or as [`Wallet::from_descriptor`].
    pub fn with_change_descriptor(self, descriptor: &str) -> Result<Self, DescriptorError> {
        if self.branches.len() != 1 {
            return Err(DescriptorError::Multipath);
        }
        self.with_more(descriptor)
    }

    fn with_more(mut self, descriptor: &str) -> Result<Self, DescriptorError> {
        let kind = match self.network {
            Network::Bitcoin => NetworkKind::Main,
            _ => NetworkKind::Test,
        };
        let parsed = Descriptor::parse(descriptor, kind)?;
        let text = descriptor.split('#').next().unwrap_or(descriptor);
        let mut engine = Engine::new();
        engine.input(text).map_err(|error| DescriptorError::Checksum(error.to_string()))?;
        self.texts.push(format!("{text}#{}", engine.checksum()));
        self.branches.extend(parsed.into_branches());
        Ok(self)
    }

    /// Sets how far an address may be beyond the highest used one. The default is [`DEFAULT_GAP`].
    #[must_use]
    pub fn with_gap(mut self, gap: u32) -> Self {
        self.gap = gap;
        self
    }

    /// Says which index of a branch is the highest that is in use. Without it, 0 is.
    #[must_use]
    pub fn with_used(mut self, branch: u32, index: u32) -> Self {
        self.used.insert(branch, index);
        self
    }

    /// Returns the wallet's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the network of its addresses.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Returns its descriptors with checksums: one, or one for receiving and one for change.
    pub fn descriptors(&self) -> &[String] {
        &self.texts
    }

    /// Returns how many branches it has: receiving, change.
    pub fn branches(&self) -> u32 {
        u32::try_from(self.branches.len()).unwrap_or(u32::MAX)
    }

    /// Returns whether a branch has more than one address.
    pub fn is_ranged(&self, branch: u32) -> bool {
        self.branch(branch).is_ok_and(Descriptor::is_ranged)
    }

    /// Returns the address at an index below 2^31 of a branch.
    ///
    /// # Errors
    /// If there is no such branch or index.
    pub fn address(&self, branch: u32, index: u32) -> Result<WalletAddress, DescriptorError> {
        let output = self.output(branch, index)?;
        let address = Address::from_script(&output.script_pubkey, self.network);
        Ok(WalletAddress {
            place: self.place(branch, index),
            address: address.map_err(|error| DescriptorError::Script(error.to_string()))?,
            key_path: output.key_path,
            leaves: output.leaves.iter().map(|leaf| leaf.joint_keys.clone()).collect(),
        })
    }

    pub(crate) fn output(&self, branch: u32, index: u32) -> Result<OwnOutput, DescriptorError> {
        self.branch(branch)?.derive(index, &Secp256k1::verification_only())
    }

    fn branch(&self, branch: u32) -> Result<&Descriptor, DescriptorError> {
        let found = usize::try_from(branch).ok().and_then(|branch| self.branches.get(branch));
        found.ok_or(DescriptorError::Branch(branch))
    }

    fn place(&self, branch: u32, index: u32) -> Place {
        Place { wallet: self.name.clone(), branch, index }
    }

    /// Returns whether an address is near enough to those in use to be found again.
    fn is_within_gap(&self, branch: u32, index: u32) -> bool {
        let used = self.used.get(&branch).copied().unwrap_or(0);
        index <= used.saturating_add(self.gap)
    }

    /// Returns the fingerprints by which a PSBT may name the wallet's keys.
    pub(crate) fn fingerprints(&self) -> BTreeSet<Fingerprint> {
        self.branches.iter().flat_map(Descriptor::fingerprints).collect()
    }
}

/// Writes the end of the path: `…/1/7`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…/{}/{}", self.branch, self.index)
    }
}
