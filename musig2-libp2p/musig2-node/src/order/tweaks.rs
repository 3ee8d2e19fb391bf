//! Tweaks that lead from the signers' aggregate key to the key that signs, as people write them.

use super::Usage;
use crate::text::{Text, Written};
use clap::Args;
use musig2_libp2p::musig2_proto::{ChainCode, DerivationPath, MerkleRoot, Tweak};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// What is wrong with two taproot tweaks.
const BOTH: &str =
    "a root and `bip86`, which means no root, exclude each other: give only one of them";

/// The key that signs. Without any of these, the aggregate key as it is.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(from = "TweakObject")]
pub(crate) struct TweakArgs {
    /// Sign with the child key at this unhardened path, such as m/0/5 (BIP32, with BIP328's chain
    /// code); a taproot tweak is applied after it
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    bip32: Option<Text<DerivationPath>>,
    /// Sign with the taproot output key that commits to the script tree with this root (32 bytes in
    /// hex, BIP341)
    #[arg(long, value_name = "HEX32", conflicts_with = "bip86")]
    #[serde(skip_serializing_if = "Option::is_none")]
    taproot_root: Option<Text<MerkleRoot>>,
    /// Sign with the taproot output key without scripts (BIP86)
    #[arg(long)]
    bip86: bool,
}

/// The same as JSON. A root of `null` means BIP86, as in the object that an approving program gets.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TweakObject {
    bip32: Option<Text<DerivationPath>>,
    #[serde(deserialize_with = "even_null")]
    taproot_root: Option<Option<Text<MerkleRoot>>>,
    bip86: bool,
}

/// Reads a field that is present, even if it is `null`.
fn even_null<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<Text<MerkleRoot>>>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

impl From<TweakObject> for TweakArgs {
    fn from(TweakObject { bip32, taproot_root, bip86 }: TweakObject) -> Self {
        Self {
            bip32,
            taproot_root: taproot_root.flatten(),
            bip86: bip86 || taproot_root == Some(None),
        }
    }
}

impl TweakArgs {
    /// Adds a tweak as it is written after a message: `bip86`, `bip32=PATH` or `root=HEX`.
    pub(crate) fn add(&mut self, part: &str) -> Result<(), String> {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        };
        let is_new = match (name, value) {
            ("bip86", None) => !std::mem::replace(&mut self.bip86, true),
            ("bip32", Some(path)) => self.bip32.replace(told_with(part, path)?).is_none(),
            ("root", Some(root)) => self.taproot_root.replace(told_with(part, root)?).is_none(),
            ("bip86", Some(_)) => return Err(format!("`{part}`: bip86 takes no value")),
            ("bip32", None) => {
                return Err(format!("`{part}` has no path: write, for example, bip32=m/0/5"));
            }
            ("root", None) => {
                return Err(format!("`{part}` has no root: write root= and 32 bytes in hex"));
            }
            ("", _) => return Err("nothing follows a comma: remove the comma".into()),
            _ => {
                return Err(format!(
                    "`{part}` is not a tweak: write bip86, bip32=PATH or root=HEX"
                ));
            }
        };
        match (is_new, self.bip86, self.taproot_root) {
            (false, ..) => Err(format!("`{name}` is given twice")),
            (true, true, Some(_)) => Err(format!("`{part}`: {BOTH}")),
            _ => Ok(()),
        }
    }

    /// Returns whether the aggregate key signs without tweaks.
    pub(crate) fn is_none(&self) -> bool {
        self.bip32.is_none() && !self.is_taproot()
    }

    /// Returns the tweaks in the order in which they apply. The command line refuses two taproot
    /// options; so does this.
    pub(crate) fn tweaks(&self) -> Result<Vec<Tweak>, Usage> {
        let child = self
            .bip32
            .as_ref()
            .map(|Text(path)| Tweak::Bip32 { chain_code: ChainCode::BIP328, path: path.clone() });
        let output = match self.taproot_root {
            Some(_) if self.bip86 => {
                return Err(Usage(BOTH.into()));
            }
            Some(Text(root)) => Some(Tweak::Taproot { merkle_root: Some(root) }),
            None => self.bip86.then_some(Tweak::BIP86),
        };
        Ok(child.into_iter().chain(output).collect())
    }

    /// Returns whether the key that signs is a taproot output key.
    pub(crate) fn is_taproot(&self) -> bool {
        self.bip86 || self.taproot_root.is_some()
    }
}

/// Writes the tweaks as they follow a message.
impl fmt::Display for TweakArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bip32, taproot_root, bip86 } = self;
        bip32.iter().try_for_each(|path| write!(f, ",bip32={path}"))?;
        taproot_root.iter().try_for_each(|root| write!(f, ",root={root}"))?;
        f.write_str(if *bip86 { ",bip86" } else { "" })
    }
}

/// Reads a value, or says what is wrong with it and in which part.
fn told_with<T: Written>(part: &str, value: &str) -> Result<Text<T>, String> {
    value.parse().map_err(|problem: String| format!("`{part}`: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tweaks(json: &str) -> Vec<Tweak> {
        serde_json::from_str::<TweakArgs>(json).unwrap().tweaks().unwrap()
    }

    #[test]
    fn a_null_root_is_bip86_and_an_absent_root_is_no_tweak() {
        assert_eq!(tweaks(r#"{"taproot_root":null}"#), [Tweak::BIP86]);
        assert_eq!(tweaks(r#"{"bip86":true}"#), [Tweak::BIP86]);
        assert_eq!(tweaks("{}"), []);
        let root = "07".repeat(32);
        let taproot = Tweak::Taproot { merkle_root: Some(root.parse().unwrap()) };
        assert_eq!(tweaks(&format!(r#"{{"taproot_root":"{root}"}}"#)), [taproot]);
        // A client sends this for its options.
        let sent = serde_json::to_string(&TweakArgs::default()).unwrap();
        assert_eq!(tweaks(&sent), [], "{sent}");
    }
}
