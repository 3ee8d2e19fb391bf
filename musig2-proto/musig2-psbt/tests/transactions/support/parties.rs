//! Parties with extended keys, the wallets that they share, and their signatures.

use bitcoin::Network;
use bitcoin::bip32::{ChildNumber, Xpriv, Xpub};
use bitcoin::secp256k1::Secp256k1;
use musig2_proto::{Crypto, DefaultCrypto, OutputKey, PublicKey, SecretKey, Signature};
use musig2_psbt::{Group, Participant, Psbt, Task, Wallet};

type Keypair = <DefaultCrypto as Crypto>::Keypair;

/// How many parties there are.
pub const PARTIES: u8 = 4;

/// Returns a party's extended secret key.
fn secret(party: u8) -> Xpriv {
    Xpriv::new_master(Network::Bitcoin, &[party + 1; 32]).unwrap()
}

/// Returns a party's extended key.
pub fn xpub(party: u8) -> Xpub {
    Xpub::from_priv(&Secp256k1::new(), &secret(party))
}

/// Returns a party's key as a wallet names it.
pub fn key(party: u8) -> PublicKey {
    PublicKey::new(xpub(party).public_key.serialize())
}

/// Makes a wallet of a descriptor in which `A` to `D` stand for the parties' extended keys.
pub fn wallet(name: &str, descriptor: &str) -> Wallet {
    let named = (0..PARTIES).fold(descriptor.to_owned(), |text, party| {
        text.replace(&format!("[{}]", char::from(b'A' + party)), &xpub(party).to_string())
    });
    Wallet::from_descriptor(name, Network::Bitcoin, &named).unwrap()
}

/// `musig(A,B)/…`: aggregate, then derive (BIP328).
pub fn aggregated_first() -> Wallet {
    wallet("aggregated", "tr(musig([A],[B])/<0;1>/*)")
}

/// `musig(A/…,B/…)`: derive, then aggregate (BIP390).
pub fn derived_first() -> Wallet {
    wallet("derived", "tr(musig([A]/<0;1>/*,[B]/<0;1>/*))")
}

fn keypair_of(participant: &Participant) -> Keypair {
    let party = (0..PARTIES).find(|&party| key(party) == participant.root).unwrap();
    let path: Vec<_> = participant.path.iter().map(|&step| ChildNumber::from(step)).collect();
    let derived = secret(party).derive_priv(&Secp256k1::new(), &path).unwrap();
    DefaultCrypto::keypair(&SecretKey::new(derived.private_key.secret_bytes())).unwrap()
}

/// Signs a task with the secrets of all parties.
pub fn sign(task: &Task) -> Signature {
    sign_with(task, &task.spend.joint_key.participants.iter().map(keypair_of).collect::<Vec<_>>())
}

/// Signs a task with these secrets, in the order of aggregation.
pub fn sign_with(task: &Task, pairs: &[Keypair]) -> Signature {
    let signers = task.spend.signers();
    let tweaks = OutputKey::derive::<DefaultCrypto>(&signers, &task.spend.tweaks).unwrap().tweaks;
    let mut keys = DefaultCrypto::aggregate_keys(&signers).unwrap();
    for tweak in &tweaks {
        keys = DefaultCrypto::tweak(&keys, tweak).unwrap();
    }
    assert_eq!(DefaultCrypto::aggregate_key(&keys), task.spend.key);
    let message = task.spend.message;
    let (secrets, nonces): (Vec<_>, Vec<_>) = (1..)
        .zip(pairs)
        .map(|(random, pair)| {
            DefaultCrypto::generate_nonce(pair, &keys, &message, [random; 32], [0; 32]).unwrap()
        })
        .unzip();
    let nonce = DefaultCrypto::aggregate_nonces(&nonces).unwrap();
    let round = DefaultCrypto::round(&keys, &nonce, &message).unwrap();
    let partials: Vec<_> = secrets
        .into_iter()
        .zip(pairs)
        .map(|(secret, pair)| DefaultCrypto::sign(&round, secret, pair).unwrap())
        .collect();
    DefaultCrypto::aggregate_signatures(&round, &partials).unwrap()
}

/// Signs everything that a group signs, and puts it into the PSBTs.
pub fn complete(group: &Group, psbts: &[Psbt]) -> Vec<Psbt> {
    let signatures: Vec<_> = group.tasks.iter().map(sign).collect();
    group.complete(psbts, &signatures).unwrap()
}
