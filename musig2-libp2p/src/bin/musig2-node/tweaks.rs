//! From the signers' aggregate key to the key that signs, as people order it.

use crate::failure::Failure;
use crate::text::Text;
use clap::Args;
use musig2_libp2p::musig2_proto::{ChainCode, DerivationPath, MerkleRoot, Tweak};
use serde::{Deserialize, Deserializer, Serialize};

/// The key that signs. Without any of these, the aggregate key as it is.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(from = "TweakObject")]
pub(crate) struct TweakArgs {
    /// Sign with the child key at this unhardened path, such as m/0/5 (BIP32, with BIP328's chain code); a taproot tweak comes after it
    #[arg(long, value_name = "PATH")]
    #[serde(skip_serializing_if = "Option::is_none")]
    bip32: Option<Text<DerivationPath>>,
    /// Sign with the taproot output key that commits to the script tree with this root (32 bytes in hex, BIP341)
    #[arg(long, value_name = "HEX32", conflicts_with = "bip86")]
    #[serde(skip_serializing_if = "Option::is_none")]
    taproot_root: Option<Text<MerkleRoot>>,
    /// Sign with the taproot output key without scripts (BIP86)
    #[arg(long)]
    bip86: bool,
}

/// The same as JSON, in which a root of `null` is none: BIP86, as in what an approving program is told.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TweakObject {
    bip32: Option<Text<DerivationPath>>,
    #[serde(deserialize_with = "even_null")]
    taproot_root: Option<Option<Text<MerkleRoot>>>,
    bip86: bool,
}

/// What is there, though it be `null`.
fn even_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Text<MerkleRoot>>>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

impl From<TweakObject> for TweakArgs {
    fn from(TweakObject { bip32, taproot_root, bip86 }: TweakObject) -> Self {
        Self { bip32, taproot_root: taproot_root.flatten(), bip86: bip86 || taproot_root == Some(None) }
    }
}

impl TweakArgs {
    /// In the order in which they apply. Of two taproot options, which the command line refuses, none is right.
    pub(crate) fn tweaks(&self) -> Result<Vec<Tweak>, Failure> {
        let child = self
            .bip32
            .as_ref()
            .map(|Text(path)| Tweak::Bip32 { chain_code: ChainCode::BIP328, path: path.clone() });
        let output = match self.taproot_root {
            Some(_) if self.bip86 => {
                return Err(Failure::Usage(
                    "a root and `bip86`, which is without one: give one of them".into(),
                ));
            }
            Some(Text(root)) => Some(Tweak::Taproot { merkle_root: Some(root) }),
            None => self.bip86.then_some(Tweak::BIP86),
        };
        Ok(child.into_iter().chain(output).collect())
    }

    /// Whether the key that signs is a taproot output key.
    pub(crate) fn is_taproot(&self) -> bool {
        self.bip86 || self.taproot_root.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tweaks(json: &str) -> Vec<Tweak> {
        serde_json::from_str::<TweakArgs>(json).unwrap().tweaks().unwrap()
    }

    #[test]
    fn a_root_of_null_is_bip86_and_one_that_is_not_there_is_no_tweak() {
        assert_eq!(tweaks(r#"{"taproot_root":null}"#), [Tweak::BIP86]);
        assert_eq!(tweaks(r#"{"bip86":true}"#), [Tweak::BIP86]);
        assert_eq!(tweaks("{}"), []);
        let root = "07".repeat(32);
        let taproot = Tweak::Taproot { merkle_root: Some(root.parse().unwrap()) };
        assert_eq!(tweaks(&format!(r#"{{"taproot_root":"{root}"}}"#)), [taproot]);
        // What a client sends for its options.
        let sent = serde_json::to_string(&TweakArgs::default()).unwrap();
        assert_eq!(tweaks(&sent), [], "{sent}");
    }
}
