//! The chain of the addresses that this command shows.

use bech32::{Hrp, hrp, segwit};
use clap::ValueEnum;
use musig2_libp2p::musig2_proto::XOnlyPublicKey;
use serde::Deserialize;

/// A chain, by Bitcoin Core's name for it (`-chain`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Chain {
    #[default]
    Main,
    Test,
    /// The same addresses as test
    Signet,
    Regtest,
}

impl Chain {
    /// Returns the address from which this taproot output key can spend: pay-to-taproot (BIP341,
    /// BIP350).
    pub(crate) fn address(self, key: &XOnlyPublicKey) -> String {
        segwit::encode_v1(self.hrp(), key.as_bytes())
            .expect("32 bytes are a witness program of version 1")
    }

    fn hrp(self) -> Hrp {
        match self {
            Self::Main => hrp::BC,
            Self::Test | Self::Signet => hrp::TB,
            Self::Regtest => hrp::BCRT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the test vectors of BIP86 (account 0, first receiving address).
    #[test]
    fn an_output_key_has_an_address_on_each_chain() {
        let key =
            "a60869f0dbcf1dc659c9cecbaf8050135ea9e8cdc487053f1dc6880949dc684c".parse().unwrap();
        assert_eq!(
            Chain::Main.address(&key),
            "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"
        );
        assert!(Chain::Test.address(&key).starts_with("tb1p"));
        assert_eq!(Chain::Signet.address(&key), Chain::Test.address(&key));
        assert!(Chain::Regtest.address(&key).starts_with("bcrt1p"));
    }
}
