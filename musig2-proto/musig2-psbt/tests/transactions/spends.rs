//! BIP373's spends: reviewed, signed again with the participants' keys, and accepted by Bitcoin
//! Core's script interpreter.

use crate::support::core::is_accepted;
use crate::support::parties::sign_with;
use crate::support::vectors::{BIP373, bip373_valid, rows};
use bitcoin::bip32::{ChainCode, ChildNumber, Fingerprint, Xpub};
use bitcoin::{Network, NetworkKind, PrivateKey};
use musig2_proto::{Crypto, DefaultCrypto, PublicKey, PublicNonce, SecretKey, Signature};
use musig2_psbt::{CompletionError, Contribution, MusigKey, Reviews, Task, Wallet};

const KEYS: &str = "02346b99593357107c9d3459e9deba8d3eaf44e6636c85c7f853eb90ba52e8cd00,\
    024fafd65f8169186fc2bfdb2233c77e630d10be280a24c7165c09a27611775c2c,\
    02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";
const LEAF_OWNER: &str = "0250929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";
const LEAF_KEY: &str = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0";

/// Signs a task with the secrets of BIP373's participants.
fn sign(task: &Task) -> Signature {
    sign_with(task, &task.spend.signers().iter().map(secret).collect::<Vec<_>>())
}

fn secret(key: &PublicKey) -> <DefaultCrypto as Crypto>::Keypair {
    let row = rows(BIP373).find(|row| row[0] == "key" && row[1] == key.to_string()).unwrap();
    let secret: PrivateKey = row[2].parse().unwrap();
    DefaultCrypto::keypair(&SecretKey::new(secret.inner.secret_bytes())).unwrap()
}

/// BIP390 wants extended keys if there is a path behind `musig()`. Nothing is derived from them, so
/// their chain codes do not count.
fn extended_keys() -> String {
    let extended = |key: &str| Xpub {
        network: NetworkKind::Main,
        depth: 0,
        parent_fingerprint: Fingerprint::default(),
        child_number: ChildNumber::from(0),
        public_key: key.parse().unwrap(),
        chain_code: ChainCode::from([0; 32]),
    };
    KEYS.split(',').map(|key| extended(key).to_string()).collect::<Vec<_>>().join(",")
}

fn own_keys() -> Vec<PublicKey> {
    KEYS.split(',').take(1).map(|key| key.parse().unwrap()).collect()
}

/// The wallets of the four spends, in the order of the BIP.
fn descriptors() -> [String; 4] {
    [
        format!("rawtr(musig({KEYS}))"),
        format!("tr(musig({KEYS}))"),
        format!("tr({LEAF_KEY},pk(musig({KEYS})))"),
        format!("tr(musig({})/1/2)", extended_keys()),
    ]
}

#[test]
fn spends_of_bip373_are_signed_again_and_accepted_by_core() {
    let descriptors = descriptors();
    let unsigned = bip373_valid().filter(|(_, stage, _)| *stage == "With participant pubkeys only");
    let unsigned: Vec<_> = unsigned.collect();
    assert_eq!(unsigned.len(), descriptors.len());
    for ((case, _, psbt), descriptor) in unsigned.into_iter().zip(&descriptors) {
        let wallet = Wallet::from_descriptor("w", Network::Bitcoin, descriptor).unwrap();
        let psbts = [psbt];
        let reviews = Reviews::of(&psbts, &[wallet], &own_keys()).unwrap();
        let groups = reviews.groups();
        let [group] = &groups[..] else { panic!("{case}: one group") };
        let signatures: Vec<_> = group.tasks.iter().map(sign).collect();
        let done = group.complete(&psbts, &signatures).unwrap();
        assert!(is_accepted(&done[0]), "{case}");
        let wrong = vec![Signature::new([1; 64]); signatures.len()];
        assert_eq!(group.complete(&psbts, &wrong), Err(CompletionError::Invalid(0)), "{case}");
    }
}

#[test]
fn contributions_become_the_fields_that_bip373_prints() {
    let stage = |name| bip373_valid().filter(move |(_, stage, _)| *stage == name);
    let bare = stage("With participant pubkeys only");
    let full = stage("With all partial signatures");
    for (((case, _, bare), (_, _, full)), descriptor) in bare.zip(full).zip(&descriptors()) {
        let wallet = Wallet::from_descriptor("w", Network::Bitcoin, descriptor).unwrap();
        let psbts = [bare];
        let group = Reviews::of(&psbts, &[wallet], &own_keys()).unwrap().groups().remove(0);
        let fields = &full.musig_inputs()[0];
        let contribution = |(key, nonce): (&MusigKey, &PublicNonce)| Contribution {
            item: 0,
            signer: key.participant,
            nonce: *nonce,
            partial: fields.partial_signatures.get(key).copied(),
        };
        let all: Vec<_> = fields.nonces.iter().map(contribution).collect();
        let done = group.with_contributions(&psbts, &all).unwrap();
        assert_eq!(&done[0].musig_inputs()[0], fields, "{case}");
        assert_eq!(done[0].fields().outputs, psbts[0].fields().outputs, "{case}");
        let stranger = Contribution { signer: LEAF_OWNER.parse().unwrap(), ..all[0] };
        let refused = group.with_contributions(&psbts, &[stranger]);
        assert_eq!(refused, Err(CompletionError::NotASigner(0)), "{case}");
    }
}
