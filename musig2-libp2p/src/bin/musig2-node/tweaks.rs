//! From the signers' aggregate key to the key that signs, as people order it.

use crate::failure::Failure;
use crate::text::Text;
use clap::Args;
use musig2_libp2p::musig2_proto::{ChainCode, DerivationPath, MerkleRoot, Tweak};
use serde::{Deserialize, Serialize};

/// The key that signs. Without any of these, the aggregate key as it is.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TweakArgs {
    /// Sign with the child key at this unhardened path, such as m/0/5 (BIP32, with BIP328's chain code); a taproot tweak comes after it
    #[arg(long, value_name = "PATH")]
    bip32: Option<Text<DerivationPath>>,
    /// Sign with the taproot output key that commits to the script tree with this root (32 bytes in hex, BIP341)
    #[arg(long, value_name = "HEX32", conflicts_with = "bip86")]
    taproot_root: Option<Text<MerkleRoot>>,
    /// Sign with the taproot output key without scripts (BIP86)
    #[arg(long)]
    bip86: bool,
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
