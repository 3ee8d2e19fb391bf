//! A wallet as a file has it, for TOML and JSON.

use super::Wallet;
use crate::descriptor::DescriptorError;
use bitcoin::Network;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A wallet's settings: a descriptor, or a policy with its keys.
///
/// ```
/// use musig2_psbt::{Wallet, WalletFile};
///
/// let file: WalletFile = serde_json::from_str(
///     r#"{
///         "name": "treasury",
///         "network": "signet",
///         "descriptor": "rawtr(musig(
///             02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9,
///             03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659))"
///     }"#.replace("\n", "").replace(" ", "").as_str(),
/// )?;
/// assert_eq!(Wallet::try_from(file)?.name(), "treasury");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WalletFile {
    /// The wallet's name. Reviews and policies use it.
    pub name: String,
    /// `bitcoin`, `testnet`, `testnet4`, `signet` or `regtest`.
    pub network: Network,
    /// An output descriptor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<String>,
    /// The descriptor of change, if the first has no `<0;1>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The template of a wallet policy (BIP388).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The keys of the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// How far an address may be beyond the highest used one: [`Wallet::with_gap`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<u32>,
    /// The highest index in use, for each branch: receiving, change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<u32>,
    /// People's remarks on addresses, by place: `"0/5"`. Nothing here looks at them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Why a file is not a wallet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// There is neither a descriptor nor a policy, or there are both.
    #[error("a wallet needs either `descriptor` or `policy` with `keys`")]
    DescriptorOrPolicy,
    /// A policy says itself what change is.
    #[error("`change` belongs to a descriptor: a policy has its change addresses in it")]
    PolicyWithChange,
    /// The name is empty, or has characters that do not belong into a line of text.
    #[error("a wallet's name has 1 to 64 letters, digits, spaces, `-`, `_` or `.`")]
    Name,
    /// The descriptor or the policy is refused.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
}

impl TryFrom<WalletFile> for Wallet {
    type Error = WalletError;

    fn try_from(file: WalletFile) -> Result<Self, WalletError> {
        // Names are printed beside what people approve.
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
        if file.name.is_empty() || file.name.len() > 64 || !file.name.chars().all(is_plain) {
            return Err(WalletError::Name);
        }
        let mut wallet = match (&file.descriptor, &file.policy) {
            (Some(text), None) if file.keys.is_empty() => {
                Self::from_descriptor(file.name, file.network, text)?
            }
            (None, Some(_)) if file.change.is_some() => return Err(WalletError::PolicyWithChange),
            (None, Some(template)) => {
                Self::from_policy(file.name, file.network, template, &file.keys)?
            }
            _ => return Err(WalletError::DescriptorOrPolicy),
        };
        if let Some(change) = &file.change {
            wallet = wallet.with_change_descriptor(change)?;
        }
        if let Some(gap) = file.gap {
            wallet = wallet.with_gap(gap);
        }
        Ok((0..)
            .zip(file.used)
            .fold(wallet, |wallet, (branch, index)| wallet.with_used(branch, index)))
    }
}
