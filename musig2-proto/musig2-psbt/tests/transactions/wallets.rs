//! Descriptors with `musig()` give the scripts that BIP390 prints, and what is invalid is refused.

use crate::support::vectors::{BIP390, rows};
use bitcoin::Network;
use musig2_psbt::{DescriptorError, Wallet};

const WIF: &str = "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU74sHUHy8S";
const ITS_KEY: &str = "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";

fn wallet(descriptor: &str) -> Result<Wallet, DescriptorError> {
    Wallet::from_descriptor("w", Network::Bitcoin, descriptor)
}

#[test]
fn descriptors_of_bip390_give_its_scripts() {
    let mut seen = 0;
    for row in rows(BIP390).filter(|row| row[0] == "valid") {
        let wallet = wallet(&row[1].replace(WIF, ITS_KEY)).unwrap();
        for (index, script) in (0..).zip(row[2].split(',')) {
            let address = wallet.address(0, index).unwrap().address;
            assert_eq!(address.script_pubkey().to_hex_string(), script, "{}", row[1]);
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
}

#[test]
fn invalid_descriptors_of_bip390_are_refused() {
    for row in rows(BIP390).filter(|row| row[0] == "invalid") {
        assert!(wallet(row[1]).is_err(), "{}", row[2]);
    }
}

#[test]
fn a_descriptor_with_a_private_key_is_refused() {
    let row = rows(BIP390).find(|row| row[1].contains(WIF)).unwrap();
    assert_eq!(wallet(row[1]), Err(DescriptorError::PrivateKey));
}
